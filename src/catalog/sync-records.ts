import { isAppError } from '../model/errors.ts'
import { decodeHistoryHead, decodeHistoryLine, type HistoryHead, type HistoryLine } from '../model/history.ts'
import { decodePurge } from '../model/purge.ts'
import type { Catalog } from './catalog.ts'
import { isOutOfReach } from './snapshot-changes.ts'
import type { SyncDamage, VaultSource } from './sync.ts'

interface RecordSync {
  readonly catalog: Catalog
  readonly vault: Pick<VaultSource, 'recordKeys' | 'readRecord' | 'readLines'>
  readonly signal: AbortSignal
  readonly damage: SyncDamage[]
}

/**
 * Brings an account's history and purge records into the catalog, after its snapshots: new ones are added, those that
 * are no longer in the vault are taken out. One that is damaged is left out, reported, and tried again the next time.
 */
export async function syncRecords(sync: RecordSync, cloud: string): Promise<void> {
  const { catalog, vault, signal } = sync
  const history = await vault.recordKeys({ kind: 'history', cloud }, signal)
  const purges = await vault.recordKeys({ kind: 'purges', cloud }, signal)
  const indexed = new Set(await catalog.read((tx) => tx.recordKeys(cloud)))
  const present = new Set([...history, ...purges])
  for (const key of indexed) if (!present.has(key)) await catalog.write((tx) => tx.forgetRecord(cloud, key))
  for (const key of history) if (!indexed.has(key)) await addOne(sync, key, () => addHistory(sync, cloud, key))
  for (const key of purges) if (!indexed.has(key)) await addOne(sync, key, () => addPurge(sync, cloud, key))
}

async function addOne({ signal, damage }: RecordSync, key: string, add: () => Promise<void>): Promise<void> {
  signal.throwIfAborted()
  try {
    await add()
  } catch (error) {
    const lost = error instanceof LostLines ? error : { object: null, cause: error }
    if (!isOutOfReach(lost.cause)) throw lost.cause
    // A record that another process has replaced since it was listed is not damaged.
    if (lost.object === null && isAppError(lost.cause, 'OBJECT_NOT_FOUND')) return
    damage.push({ key, object: lost.object, error: lost.cause })
  }
}

/** Tells damage of the lines from damage of the record that names them. */
class LostLines extends Error {
  readonly object: string

  constructor(object: string, cause: unknown) {
    super('lines of a record are lost', { cause })
    this.object = object
  }
}

async function addHistory({ catalog, vault, signal }: RecordSync, cloud: string, key: string): Promise<void> {
  const head = decodeHistoryHead(await vault.readRecord(key, signal))
  await catalog.write((tx) => tx.addHistory(cloud, { key, origin: head.origin }, linesOf(vault, head, signal)))
}

async function* linesOf(
  vault: Pick<VaultSource, 'readLines'>,
  { lines }: HistoryHead,
  signal: AbortSignal,
): AsyncIterable<HistoryLine> {
  try {
    for await (const line of vault.readLines(lines, signal)) yield decodeHistoryLine(line)
  } catch (error) {
    throw isOutOfReach(error) ? new LostLines(lines, error) : error
  }
}

async function addPurge({ catalog, vault, signal }: RecordSync, cloud: string, key: string): Promise<void> {
  const purge = decodePurge(await vault.readRecord(key, signal))
  await catalog.write((tx) => tx.addPurge(cloud, key, purge))
}
