import type { VersionRow } from '../catalog/catalog.ts'
import { matcher } from '../catalog/filter.ts'
import { isLoss } from '../catalog/snapshot-changes.ts'
import type { Entry } from '../model/entry.ts'
import { AppError } from '../model/errors.ts'
import { decodeHistoryHead, decodeHistoryLine } from '../model/history.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Vault } from '../vault/vault.ts'
import type { Chosen, Measure, SelectDeps, Selection } from './selection.ts'

/** Rows looked up together, so that a segment that many of them are in is read once for all. */
const TOGETHER = 2000

/**
 * Yields what was asked for, with whole records from the vault, memory flat however much it is. Everything and filtered
 * selections come in order of assetId. Throws VERSION_NOT_FOUND when a row's record is in no manifest any more.
 */
export async function* select(deps: SelectDeps, selection: Selection, signal: AbortSignal): AsyncIterable<Chosen> {
  const purged = await deps.catalog.read((tx) => tx.purgedVersions(selection.cloud))
  for await (const entry of entriesOf(deps, selection, signal)) {
    yield { entry, purged: purged.has(`${entry.assetId} ${entry.version}`) }
  }
}

/** How much `select` will yield. */
export async function measure(deps: SelectDeps, selection: Selection, signal: AbortSignal): Promise<Measure> {
  const { snapshot, what } = selection
  if (what.kind === 'everything') return { assets: snapshot.snapshot.assets, bytes: snapshot.snapshot.bytes }
  let [assets, bytes] = [0, 0]
  for await (const row of rowsOf(deps, selection)) {
    signal.throwIfAborted()
    assets += 1
    bytes += row.size ?? 0
  }
  return { assets, bytes }
}

async function* rowsOf({ catalog }: SelectDeps, { cloud, snapshot, what }: Selection): AsyncIterable<VersionRow> {
  if (what.kind === 'versions') yield* what.versions
  else if (what.kind === 'gone') yield* catalog.stream((tx) => tx.goneAt(cloud, snapshot.seq, what.filter))
  else yield* catalog.stream((tx) => tx.versionsAt(cloud, snapshot.seq, what.kind === 'filter' ? what.filter : {}))
}

async function* entriesOf(deps: SelectDeps, selection: Selection, signal: AbortSignal): AsyncIterable<Entry> {
  const { what } = selection
  if (what.kind === 'everything') yield* entriesIn(deps, selection.snapshot.snapshot, signal)
  else if (what.kind === 'filter') {
    const matches = matcher(what.filter)
    for await (const entry of entriesIn(deps, selection.snapshot.snapshot, signal)) {
      if (matches({ ...entry.facts, publicId: entry.publicId })) yield entry
    }
  } else {
    let together: VersionRow[] = []
    for await (const row of rowsOf(deps, selection)) {
      together.push(row)
      if (together.length < TOGETHER) continue
      yield* await recordsOf(deps, selection.cloud, together, signal)
      together = []
    }
    yield* await recordsOf(deps, selection.cloud, together, signal)
  }
}

export async function* entriesIn(
  deps: Pick<SelectDeps, 'vault' | 'onLost'>,
  { segments, takenAt }: Snapshot,
  signal: AbortSignal,
): AsyncIterable<Entry> {
  for (const { object, entries } of segments) {
    yield* await segmentOf(deps, object, { what: `${entries} assets in the snapshot of ${takenAt}`, signal })
  }
}

/** A whole segment or nothing of it: before its end its bytes are not proven. */
async function segmentOf(
  { vault, onLost }: Pick<SelectDeps, 'vault' | 'onLost'>,
  object: string,
  { what, signal }: { readonly what: string; readonly signal: AbortSignal },
): Promise<readonly Entry[]> {
  try {
    const entries: Entry[] = []
    for await (const entry of vault.readSegment(object, signal)) entries.push(entry)
    return entries
  } catch (error) {
    if (onLost === undefined || !isLoss(error)) throw error
    onLost(`a list of ${what} cannot be read: ${error.message}`)
    return []
  }
}

/** The whole records of rows, in the order of the rows. */
export async function recordsOf(
  deps: SelectDeps,
  cloud: string,
  rows: readonly VersionRow[],
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  if (rows.length === 0) return []
  const found = new Map<string, Entry>()
  const wanted = new Set(rows.map(keyOf))
  const keep = (entry: Entry): void => {
    if (wanted.has(keyOf(entry))) found.set(keyOf(entry), entry)
  }
  const besides = rows.filter((row) => row.fromSeq === 0)
  for (const object of await segmentsOf(deps, cloud, rows)) {
    for (const entry of await segmentOf(deps, object, { what: 'some of the assets', signal })) keep(entry)
  }
  if (besides.length > 0) for await (const entry of historyEntries(deps.vault, cloud, signal)) keep(entry)
  return rows.flatMap((row) => found.get(keyOf(row)) ?? lost(row, deps.onLost))
}

const keyOf = ({ assetId, version }: Pick<Entry, 'assetId' | 'version'>): string => `${assetId}@${version}`

function lost(row: VersionRow, onLost: SelectDeps['onLost']): readonly Entry[] {
  const sentence = `the record of "${row.publicId}", version ${row.version}, is in no list that can be read`
  if (onLost === undefined) {
    throw new AppError('VERSION_NOT_FOUND', sentence, { hint: 'cloudkeep verify names what is damaged' })
  }
  onLost(sentence)
  return []
}

async function segmentsOf(deps: SelectDeps, cloud: string, rows: readonly VersionRow[]): Promise<ReadonlySet<string>> {
  const snapshots = await deps.catalog.read((tx) => tx.snapshots(cloud))
  const bySeq = new Map(snapshots.map(({ seq, snapshot }) => [seq, snapshot]))
  const segments = new Set<string>()
  for (const { assetId, fromSeq } of rows) {
    const segment = bySeq.get(fromSeq)?.segments.find(({ prefix }) => assetId.startsWith(prefix))
    if (segment !== undefined) segments.add(segment.object)
  }
  return segments
}

async function* historyEntries(vault: Vault, cloud: string, signal: AbortSignal): AsyncIterable<Entry> {
  for (const key of await vault.recordKeys({ kind: 'history', cloud }, signal)) {
    const { lines } = decodeHistoryHead(await vault.readRecord(key, signal))
    for await (const line of vault.readLines(lines, signal)) yield decodeHistoryLine(line).entry
  }
}
