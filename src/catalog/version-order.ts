import type { VersionRow } from './catalog.ts'
import { kindOfChange } from './change.ts'

/**
 * The versions of one asset, oldest first. Those in snapshots keep the order of the snapshots, whatever the clock said;
 * what only a history record names is put between them by the time at which it began. A version that a snapshot has
 * too is left out.
 */
export function inHistoryOrder(rows: readonly VersionRow[]): readonly VersionRow[] {
  const recorded = rows.filter((row) => row.origin === 'snapshot').sort((a, b) => a.fromSeq - b.fromSeq)
  const besides = onlyBesides(rows, new Set(recorded.map((row) => row.version)))
  if (besides.length === 0) return recorded
  let latest = Number.NEGATIVE_INFINITY
  const timed = recorded.map((row) => {
    latest = Math.max(latest, Date.parse(row.capturedAt))
    return { row, at: latest }
  })
  const ordered = [...besides.map((row) => ({ row, at: beganAt(row) })), ...timed].sort(byTime)
  return withChanges(ordered.map(({ row }) => row))
}

function onlyBesides(rows: readonly VersionRow[], inSnapshots: ReadonlySet<string>): readonly VersionRow[] {
  const named = new Map<string, VersionRow>()
  for (const row of rows) {
    if (row.origin !== 'snapshot' && !inSnapshots.has(row.version)) named.set(row.version, row)
  }
  // Imported ones first: at the same time as a recorded one they were there before it was.
  return [...named.values()].sort((a, b) => Number(a.origin === 'retention') - Number(b.origin === 'retention'))
}

/** Recorded versions are compared by when they were recorded; an imported one began when it was uploaded. */
const beganAt = (row: VersionRow): number => {
  const time = Date.parse(row.origin === 'import' ? (row.since ?? row.uploadedAt ?? '') : row.capturedAt)
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time
}

/** What nobody knows the time of comes first; two such are equal, though their difference is no number. */
const byTime = (a: { at: number }, b: { at: number }): number => (a.at === b.at ? 0 : a.at - b.at)

/** History records do not say what made a version; its neighbour does. */
const withChanges = (rows: readonly VersionRow[]): readonly VersionRow[] =>
  rows.map((row, i) => {
    const before = rows[i - 1]
    if (before === undefined) return { ...row, change: 'new' }
    const isTold = row.origin === 'snapshot' && before.origin === 'snapshot'
    return isTold ? row : { ...row, change: kindOfChange(before, row) }
  })

/** True when a version was current in the snapshot; those beside the snapshots are in none. */
export const isInSnapshot = ({ fromSeq, untilSeq }: Pick<VersionRow, 'fromSeq' | 'untilSeq'>, seq: number): boolean =>
  fromSeq > 0 && fromSeq <= seq && (untilSeq === null || untilSeq > seq)
