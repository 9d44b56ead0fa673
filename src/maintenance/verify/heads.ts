import { decodeHistoryHead } from '../../model/history.ts'
import { decodePurge } from '../../model/purge.ts'
import type { Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import type { RecordKind } from '../../vault/records.ts'
import { allProofs } from '../proofs.ts'
import { decodePrune } from '../prune/records.ts'
import { type Check, isDamage, purgedKey, report } from './state.ts'

const CLOUD = /^accounts\/([A-Za-z0-9_-]{1,128})\//

/** Accounts that have anything in the vault, be it history alone. */
async function cloudsOf({ vault, signal }: Check): Promise<readonly string[]> {
  const clouds = new Set<string>()
  for await (const { key } of vault.store.list('accounts/', signal)) {
    const [, cloud] = CLOUD.exec(key) ?? []
    if (cloud !== undefined) clouds.add(cloud)
  }
  return [...clouds].sort()
}

/** Reads heads and records: what the vault says it holds, and what it says was taken away on purpose. */
export async function readHeads(check: Check): Promise<void> {
  const seen = await seenBefore(check)
  for (const cloud of await cloudsOf(check)) {
    await eachRecord(check, { kind: 'purges', cloud }, (value) => {
      for (const version of decodePurge(value).versions) check.purgedVersions.add(purgedKey(cloud, version))
    })
    const pruned = new Set<string>()
    await eachRecord(check, { kind: 'prunes', cloud }, (value) => {
      for (const { id } of decodePrune(value).snapshots) pruned.add(id)
    })
    await readSnapshots(check, cloud, { pruned, seen: seen.get(cloud) ?? new Map() })
    await eachRecord(check, { kind: 'history', cloud }, (value, key) => {
      check.histories.push({ key, head: decodeHistoryHead(value) })
    })
  }
}

async function eachRecord(
  check: Check,
  place: { readonly kind: RecordKind; readonly cloud: string },
  take: (value: unknown, key: string) => void,
): Promise<void> {
  const read = async (key: string): Promise<void> => take(await check.vault.readRecord(key, check.signal), key)
  for (const key of await check.vault.recordKeys(place, check.signal)) {
    try {
      await read(key)
    } catch (error) {
      if (!isDamage(error)) throw error
      report(check, 'error', { code: 'record-unreadable', subject: key, message: error.message })
      if ((await check.repair?.record(key, take)) === true) await read(key)
    }
  }
}

/** Snapshots that earlier checks saw, by account and id, with the time of the check. */
async function seenBefore({ vault, signal }: Check): Promise<Map<string, Map<string, string>>> {
  const seen = new Map<string, Map<string, string>>()
  for (const { snapshots, at } of await allProofs(vault, signal)) {
    for (const { cloud, id } of snapshots) {
      const ids = seen.get(cloud) ?? new Map<string, string>()
      seen.set(cloud, ids.set(id, at))
    }
  }
  return seen
}

interface Expected {
  readonly pruned: ReadonlySet<string>
  readonly seen: ReadonlyMap<string, string>
}

async function readSnapshots(check: Check, cloud: string, { pruned, seen }: Expected): Promise<void> {
  const keys = await check.vault.snapshotKeys(cloud, check.signal)
  const ids = new Set(keys.map(idIn))
  for (const key of keys) await readSnapshot(check, key)
  for (const [id, at] of seen) {
    if (ids.has(id) || pruned.has(id)) continue
    const message = `the check of ${at} saw snapshot ${id} of ${cloud}; it is not there any more, and no prune removed it`
    report(check, 'error', { code: 'snapshot-missing', subject: id, message })
    if (await bringBack(check, cloud, id)) ids.add(id)
  }
  for (const { key, snapshot } of check.heads.filter((head) => head.snapshot.cloud === cloud)) {
    const { parent } = snapshot
    if (parent === null || ids.has(parent) || pruned.has(parent)) continue
    const message = `the snapshot's parent ${parent} is not in the vault`
    report(check, 'warning', { code: 'snapshot-parent-missing', subject: key, message })
    if (await bringBack(check, cloud, parent)) ids.add(parent)
  }
  check.heads.sort((a, b) => (a.key < b.key ? -1 : 1))
}

const idIn = (key: string): string => /Z-([^/]+)\.json$/.exec(key)?.[1] ?? ''

async function readSnapshot(check: Check, key: string): Promise<void> {
  try {
    const stored = await check.vault.readSnapshot(key, check.signal)
    check.heads.push(stored)
    const contradiction = contradictionIn(stored.snapshot)
    if (contradiction !== null)
      report(check, 'error', { code: 'snapshot-unreadable', subject: key, message: contradiction })
  } catch (error) {
    if (!isDamage(error)) throw error
    report(check, 'error', { code: 'snapshot-unreadable', subject: key, message: error.message })
    const mended = (await check.repair?.head(key)) ?? null
    if (mended !== null) check.heads.push(mended)
  }
}

/** A head from before heads had a checksum can at least contradict itself. */
function contradictionIn({ assets, bytes, segments }: Snapshot): string | null {
  const entries = segments.reduce((sum, ref) => sum + ref.entries, 0)
  const contentBytes = segments.reduce((sum, ref) => sum + ref.contentBytes, 0)
  if (entries !== assets) return `it says that it holds ${assets} assets, and its segments say ${entries}`
  return contentBytes === bytes ? null : `it says that it holds ${bytes} bytes, and its segments say ${contentBytes}`
}

async function bringBack(check: Check, cloud: string, id: string): Promise<boolean> {
  const mended: StoredSnapshot | null = (await check.repair?.missingHead(cloud, id)) ?? null
  if (mended !== null) check.heads.push(mended)
  return mended !== null
}
