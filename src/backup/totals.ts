import type { StepKind, StepState } from '../catalog/catalog.ts'
import type { Totals } from '../model/snapshot.ts'

export interface StepCount {
  readonly kind: StepKind
  readonly state: StepState
  readonly why: string
  readonly count: number
  readonly bytes: number
}

/** The word in `why` for a kept asset whose entry is written again only because its details were read. */
const DETAILS_ONLY = 'details'

const sum = (rows: readonly StepCount[], of: (row: StepCount) => number): number =>
  rows.reduce((total, row) => total + of(row), 0)

/** Guarantee 8: every scanned asset appears in exactly one of the parts. Vanished ones were never in the account's end state. */
export function totalsOf(counts: readonly StepCount[], gone: number): Totals {
  const live = counts.filter((row) => row.state !== 'vanished')
  const count = (match: (row: StepCount) => boolean): number => sum(live.filter(match), (row) => row.count)
  const fine = (kind: StepKind) => (row: StepCount) =>
    row.kind === kind && row.state !== 'failed' && row.why !== DETAILS_ONLY
  return {
    scanned: sum(live, (row) => row.count),
    fetched: count(fine('fetch')),
    fetchedBytes: sum(
      live.filter((row) => row.kind === 'fetch' && row.state === 'done'),
      (row) => row.bytes,
    ),
    unchanged: count((row) => row.state !== 'failed' && (row.kind === 'keep' || row.why === DETAILS_ONLY)),
    relabelled: count(fine('relabel')),
    renamed: count(fine('rename')),
    recorded: count(fine('record')),
    gone,
    failed: count((row) => row.state === 'failed'),
    excluded: count(fine('exclude')),
  }
}
