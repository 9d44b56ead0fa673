import { decide, isSameTime } from '../backup/decide.ts'
import { parseRules, type Rules } from '../backup/rules.ts'
import type { Catalog, Known, SnapshotRow } from '../catalog/catalog.ts'
import type { AccountReader, AccountRow, Partition } from '../cloudinary/reader.ts'
import { createDigestSet, type DigestSet } from '../lib/digest-set.ts'
import { sha256Hex } from '../lib/hash.ts'
import { type AssetIdentity, MANAGED_TYPES, RESOURCE_TYPES, type ResourceType } from '../model/asset.ts'
import { AppError, isAppError } from '../model/errors.ts'
import type { Finding, LiveCode, LiveReport, VerifyEvent } from './report.ts'

export interface LiveDeps {
  /** Reads; it has no method that changes the account. */
  readonly reader: AccountReader
  readonly catalog: Catalog
  readonly listen: (event: VerifyEvent) => void
}

/** Kept assets that the listing does not name are asked for by id, so many at a time and in all; see `confirmAbsence`. */
const BATCH = 100
const MAX_CONFIRMED = 2000
const PAGE = 500

/**
 * Compares the account as it is now with the newest snapshot of it: what is not kept, what has other bytes, another
 * name or other metadata, and what is gone. Each difference is told as a warning, since it may be younger than the
 * snapshot. The comparison is that of a backup (`decide`), so a backup would find the same to do. Costs about two API
 * calls for 500 assets; memory grows by 37 bytes an asset. Throws SNAPSHOT_NOT_FOUND for an account that has none.
 */
export async function compareLive(deps: LiveDeps, signal: AbortSignal): Promise<LiveReport> {
  const live = await begin(deps, signal)
  const incomplete = await readLists(live)
  const md5Compared = await readIndex(live)
  await findGone(live, incomplete)
  const { counts, snapshot, reader } = live
  return {
    cloud: reader.account.cloud,
    snapshot: snapshot.snapshot.id,
    scanned: counts.scanned,
    same: counts.scanned - counts.excluded - differing(counts),
    notKept: counts['live-not-kept'],
    replaced: counts['live-replaced'],
    renamed: counts['live-renamed'],
    relabelled: counts['live-relabelled'],
    gone: counts['live-gone'],
    excluded: counts.excluded,
    md5Compared,
    apiCalls: reader.calls,
  }
}

type Counts = Record<LiveCode | 'scanned' | 'excluded', number>

const differing = (counts: Counts): number =>
  counts['live-not-kept'] + counts['live-replaced'] + counts['live-renamed'] + counts['live-relabelled']

interface Live extends LiveDeps {
  readonly cloud: string
  readonly snapshot: SnapshotRow
  readonly rules: Rules
  readonly signal: AbortSignal
  readonly counts: Counts
  /** Asset ids, hashed; marked when a difference was told. */
  readonly seen: DigestSet
  readonly expected: number
}

async function begin(deps: LiveDeps, signal: AbortSignal): Promise<Live> {
  const { cloud } = deps.reader.account
  const { snapshot, current } = await deps.catalog.read(async (tx) => ({
    snapshot: await tx.lastSnapshot(cloud),
    current: await tx.currentCount(cloud),
  }))
  if (snapshot === null) {
    throw new AppError('SNAPSHOT_NOT_FOUND', `the vault holds no snapshot of ${cloud} to compare with`, {
      hint: 'cloudkeep backup makes one',
    })
  }
  return {
    ...deps,
    cloud,
    snapshot,
    signal,
    rules: rulesOf(Object.keys(snapshot.snapshot.excludedBy)),
    counts: {
      ...{ scanned: 0, excluded: 0, 'live-not-kept': 0, 'live-replaced': 0 },
      ...{ 'live-renamed': 0, 'live-relabelled': 0, 'live-gone': 0 },
    },
    seen: createDigestSet(),
    expected: current.assets,
  }
}

const NOT_INCLUDED = 'not included by '

/** The rules of the backup, as the snapshot remembers those that left something out. */
function rulesOf(texts: readonly string[]): Rules {
  const includes = texts.filter((text) => text.startsWith(NOT_INCLUDED))
  const exclude = texts.filter((text) => !text.startsWith(NOT_INCLUDED))
  const include = includes.flatMap((text) => text.slice(NOT_INCLUDED.length).split(', '))
  try {
    return parseRules(include, exclude)
  } catch (error) {
    // Rules of a later version, or with commas in them: then more is told of than was meant to be kept.
    if (!isAppError(error, 'USAGE')) throw error
    return parseRules([], [])
  }
}

function tell(live: Live): void {
  const { scanned } = live.counts
  const total = Math.max(live.expected, scanned)
  live.listen({ type: 'progress', progress: { phase: 'live', done: scanned, total, bytes: 0, totalBytes: 0 } })
}

const label = ({ resourceType, type }: Partition): string => `${resourceType}/${type}`

/** Reads the listings. Returns the partitions that did not reach their end: nothing is taken as gone there. */
async function readLists(live: Live): Promise<ReadonlySet<string>> {
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

/** One listing that fails must not cost the others. */
const isPartOnly = (error: unknown): error is AppError =>
  isAppError(error) &&
  (error.code === 'API_REFUSED' ||
    error.code === 'API_UNAVAILABLE' ||
    error.code === 'API_UNEXPECTED' ||
    error.code === 'CURSOR_EXPIRED' ||
    error.code === 'RESOURCE_NOT_FOUND')

async function partitions({ reader, catalog, cloud, signal }: Live): Promise<readonly Partition[]> {
  const present = await reader.resourceTypes(signal)
  const known = await catalog.read((tx) => tx.knownPartitions(cloud))
  const all = new Map<string, Partition>()
  const add = (partition: Partition): void => void all.set(label(partition), partition)
  for (const resourceType of present) for (const type of MANAGED_TYPES) add({ resourceType, type })
  for (const { resourceType, type } of known) add({ resourceType: toResourceType(resourceType), type })
  return [...all.values()]
}

const toResourceType = (text: string): ResourceType => RESOURCE_TYPES.find((type) => type === text) ?? 'raw'

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

const knownOf = ({ catalog, cloud }: Live, rows: readonly AccountRow[]): Promise<ReadonlyMap<string, Known>> =>
  catalog.read((tx) =>
    tx.known(
      cloud,
      rows.map(({ facts }) => facts.assetId),
    ),
  )

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

function differ(
  live: Live,
  asset: Pick<AssetIdentity, 'assetId' | 'publicId' | 'resourceType' | 'type'>,
  { code, message }: { readonly code: LiveCode; readonly message: string },
): void {
  const finding: Finding = {
    severity: 'warning',
    code,
    subject: `${asset.resourceType}/${asset.type}/${asset.publicId}`,
    message,
    affects: [{ cloud: live.cloud, publicId: asset.publicId, snapshot: live.snapshot.snapshot.id }],
  }
  live.counts[code] += 1
  live.seen.mark(sha256Hex(asset.assetId))
  live.listen({ type: 'difference', finding })
}

/**
 * The index adds MD5 and time of change to what was listed. It lags, so it is believed only where it speaks of the
 * cld_version that is kept. False when it could not be read.
 */
async function readIndex(live: Live): Promise<boolean> {
  try {
    for (let cursor: string | null = null; ; ) {
      const page = await live.reader.searchPage(cursor, live.signal, 'created')
      await compareIndexed(live, page.rows)
      cursor = page.cursor
      if (cursor === null) return true
    }
  } catch (error) {
    if (!isPartOnly(error) && !isAppError(error, 'CREDENTIALS_REFUSED')) throw error
    const message = `the search index could not be read, so MD5s were not compared: ${error.message}`
    live.listen({ type: 'note', message })
    return false
  }
}

async function compareIndexed(live: Live, rows: readonly AccountRow[]): Promise<void> {
  const known = await knownOf(live, rows)
  for (const { facts, placeholder } of rows) {
    const kept = known.get(facts.assetId)
    const id = sha256Hex(facts.assetId)
    // Told of already, not listed, or of another state than the one kept.
    if (placeholder || kept === undefined || !live.seen.has(id) || kept.cldVersion !== facts.cldVersion) continue
    if (live.seen.isMarked(id)) continue
    const md5 = kept.md5 ?? kept.etag
    if (facts.etag !== null && md5 !== null && facts.etag !== md5) {
      const message = `the account says MD5 ${facts.etag}, and the newest snapshot has ${md5}`
      differ(live, facts, { code: 'live-replaced', message })
    } else if (isYounger(facts.updatedAt, kept.updatedAt)) {
      const message = `it was changed ${facts.updatedAt}, and the newest snapshot has its state of ${kept.updatedAt}`
      differ(live, facts, { code: 'live-relabelled', message })
    }
  }
}

const isYounger = (live: string | null, kept: string | null): boolean =>
  live !== null && kept !== null && !isSameTime(live, kept) && Date.parse(live) > Date.parse(kept)

/** An asset is gone when a listing that reached its end does not name it and the account, asked by id, does not know it. */
async function findGone(live: Live, incomplete: ReadonlySet<string>): Promise<void> {
  let [confirmed, forgotten] = [0, 0]
  let batch: string[] = []
  const flush = async (): Promise<void> => {
    const missing = batch
    batch = []
    const candidates = await live.catalog.read((tx) => tx.known(live.cloud, missing))
    const gone = [...candidates.values()].filter((known) => !incomplete.has(`${known.resourceType}/${known.type}`))
    const isAsked = confirmed < MAX_CONFIRMED
    // Where the listing forgot some of those that were asked for, it may have forgotten some that were not.
    if (!isAsked && forgotten > 0) return
    const present = isAsked ? await presentOf(live, gone) : new Set<string>()
    confirmed += gone.length
    forgotten += present.size
    for (const known of gone) {
      if (present.has(known.assetId)) continue
      const asset = { ...known, resourceType: toResourceType(known.resourceType) }
      differ(live, asset, { code: 'live-gone', message: 'it is in the newest snapshot and not in the account' })
    }
  }
  for await (const assetId of live.catalog.stream((tx) => tx.currentIds(live.cloud, ''))) {
    live.signal.throwIfAborted()
    if (live.seen.has(sha256Hex(assetId))) continue
    batch.push(assetId)
    if (batch.length >= PAGE) await flush()
  }
  if (batch.length > 0) await flush()
}

async function presentOf({ reader, signal }: Live, gone: readonly Known[]): Promise<ReadonlySet<string>> {
  const present = new Set<string>()
  for (let i = 0; i < gone.length; i += BATCH) {
    const ids = gone.slice(i, i + BATCH).map(({ assetId }) => assetId)
    for (const row of await reader.byAssetIds(ids, signal)) if (!row.placeholder) present.add(row.facts.assetId)
  }
  return present
}
