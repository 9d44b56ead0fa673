import type { SnapshotRow, VersionRow } from '../catalog/catalog.ts'
import { isLoss } from '../catalog/snapshot-changes.ts'
import type { Entry } from '../model/entry.ts'
import { decodeEntry } from '../model/entry-codec.ts'
import type { AppError } from '../model/errors.ts'
import { decodeHistoryHead } from '../model/history.ts'
import type { Vault } from '../vault/vault.ts'

/** Where whole records are read: the catalog keeps only what is searched. */
export interface EntrySource {
  readonly vault: Pick<Vault, 'readLines' | 'readRecord'>
  readonly snapshots: readonly SnapshotRow[]
  readonly signal: AbortSignal
  /** Told of a manifest that is damaged or no longer there; its records are missing from the answer. */
  readonly onLoss: (error: AppError) => void
}

/**
 * The whole records of versions, from the vault; a version whose record is not to be had is missing. Each segment of
 * the snapshots in which the versions appeared, and each history record, is read once.
 */
export async function readEntries(
  source: EntrySource,
  rows: Iterable<VersionRow>,
): Promise<ReadonlyMap<VersionRow, Entry>> {
  const byObject = new Map<string, VersionRow[]>()
  for (const row of rows) {
    const object = await objectOf(source, row)
    if (object !== null) byObject.set(object, [...(byObject.get(object) ?? []), row])
  }
  const found = new Map<VersionRow, Entry>()
  for (const [object, wanted] of byObject) {
    source.signal.throwIfAborted()
    await unlessLost(source, () => readSome(source, { object, wanted }, found))
  }
  return found
}

/** As `readEntries`, of one version; null when its record is not to be had. */
export const readEntry = async (source: EntrySource, row: VersionRow): Promise<Entry | null> =>
  (await readEntries(source, [row])).get(row) ?? null

/** The object of lines that has a version's record; null when there is none. */
async function objectOf(source: EntrySource, row: VersionRow): Promise<string | null> {
  const { historyKey } = row
  if (historyKey !== null) {
    const read = async () => decodeHistoryHead(await source.vault.readRecord(historyKey, source.signal)).lines
    return await unlessLost(source, read)
  }
  const snapshot = source.snapshots.find(({ seq }) => seq === row.fromSeq)?.snapshot
  return snapshot?.segments.find(({ prefix }) => row.assetId.startsWith(prefix))?.object ?? null
}

async function readSome(
  { vault, signal }: EntrySource,
  { object, wanted }: { readonly object: string; readonly wanted: readonly VersionRow[] },
  found: Map<VersionRow, Entry>,
): Promise<void> {
  const rows = new Map<string, VersionRow[]>()
  for (const row of wanted) rows.set(row.assetId, [...(rows.get(row.assetId) ?? []), row])
  for await (const line of vault.readLines(object, signal)) {
    const ofAsset = rows.get(assetIdOf(line))
    if (ofAsset === undefined) continue
    const entry = decodeEntry(line)
    for (const row of ofAsset) if (row.version === entry.version) found.set(row, entry)
  }
}

/** `assetId` is the first key of every line, and is made of characters that JSON writes as they are. */
const assetIdOf = (line: string): string => /^\{"assetId":"([^"]*)"/.exec(line)?.[1] ?? decodeEntry(line).assetId

async function unlessLost<T>({ onLoss }: EntrySource, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!isLoss(error)) throw error
    onLoss(error)
    return null
  }
}
