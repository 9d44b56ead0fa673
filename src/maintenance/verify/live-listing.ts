import { decide } from '../../backup/decide.ts'
import type { Known } from '../../catalog/catalog.ts'
import type { AccountRow, Partition } from '../../cloudinary/reader.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { MANAGED_TYPES } from '../../model/asset.ts'
import { differ, isPartOnly, knownOf, type Live, label, tell, toResourceType } from './live-state.ts'
import type { LiveCode } from './report.ts'

/** Reads the listings. Returns the partitions that did not reach their end: nothing is taken as gone there. */
export async function readLists(live: Live): Promise<ReadonlySet<string>> {
  const incomplete = new Set<string>()
  for (const partition of await partitions(live)) {
    try {
      await readList(live, partition)
    } catch (error) {
      if (!isPartOnly(error)) throw error
      incomplete.add(label(partition))
      const message = `the listing of ${label(partition)} did not reach its end: ${error.message}`
      live.listen({ type: 'note', message })
    }
  }
  return incomplete
}

async function partitions({ reader, catalog, cloud, signal }: Live): Promise<readonly Partition[]> {
  const present = await reader.resourceTypes(signal)
  const known = await catalog.read((tx) => tx.knownPartitions(cloud))
  const all = new Map<string, Partition>()
  const add = (partition: Partition): void => void all.set(label(partition), partition)
  for (const resourceType of present) for (const type of MANAGED_TYPES) add({ resourceType, type })
  for (const { resourceType, type } of known) add({ resourceType: toResourceType(resourceType), type })
  return [...all.values()]
}

async function readList(live: Live, partition: Partition): Promise<void> {
  for (let cursor: string | null = null; ; ) {
    const page = await live.reader.listPage(partition, { cursor, since: null }, live.signal)
    await comparePage(live, page.rows)
    cursor = page.cursor
    if (cursor === null) return
  }
}

async function comparePage(live: Live, all: readonly AccountRow[]): Promise<void> {
  const rows = all.filter(({ placeholder, facts }) => !placeholder && !live.seen.has(sha256Hex(facts.assetId)))
  const known = await knownOf(live, rows)
  for (const row of rows) {
    live.seen.add(sha256Hex(row.facts.assetId))
    live.counts.scanned += 1
    if (live.rules.excludedBy(row.facts) === null) compare(live, row, known.get(row.facts.assetId))
    else live.counts.excluded += 1
  }
  tell(live)
}

const CODES: Readonly<Record<string, readonly [LiveCode, string]>> = {
  replaced: ['live-replaced', 'the account has other bytes than the newest snapshot'],
  rename: ['live-renamed', 'it has another name or place than in the newest snapshot'],
  relabel: ['live-relabelled', 'its metadata is not that of the newest snapshot'],
  fetch: ['live-not-kept', 'it is not in the newest snapshot'],
  record: ['live-not-kept', 'it is not in the newest snapshot'],
}

function compare(live: Live, row: AccountRow, known: Known | undefined): void {
  const { facts, hash } = row
  const seen = { facts, hash, etag: facts.etag, updatedAt: facts.updatedAt }
  const { kind, why } = decide(known, seen, { remote: false })
  if (kind === 'keep') return
  const [code, message] = CODES[why === 'replaced' ? why : kind === 'record' && known ? 'relabel' : kind] ?? []
  if (code !== undefined && message !== undefined)
    differ(live, facts, { code, message: withReason(message, row, known) })
}

/** Says what of the bytes differs; nothing for other differences. */
function withReason(message: string, { facts }: AccountRow, known: Known | undefined): string {
  if (known?.object == null) return known === undefined ? message : `${message} with its bytes`
  if (facts.bytes !== null && facts.bytes !== known.size) return `${message}: ${facts.bytes} instead of ${known.size}`
  if (facts.cldVersion === known.cldVersion) return message
  return `${message}: its cld_version is ${facts.cldVersion}, there it is ${known.cldVersion}`
}
