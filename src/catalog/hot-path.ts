import type { EntryChange } from '../model/entry.ts'
import type { HistoryLine, HistoryOrigin } from '../model/history.ts'
import type { Known, NewStep, SearchMark, Transferred } from './catalog.ts'
import type { ChangeCountsTable } from './schema/change-counts.ts'

export interface PathClaim {
  readonly accountId: number
  readonly run: number
  readonly assetId: string
  readonly path: string
  readonly goneIsFree: boolean
  readonly object?: string | null
}
export type ClaimAnswer = { kind: 'free' } | { kind: 'taken' } | { kind: 'file-in-the-way'; file: string }

/** What a batch of changes did: how many by kind, and how the sums of the current versions moved. */
export interface Tally {
  readonly counts: Map<ChangeCountsTable['change'], number>
  readonly partitions: Map<string, { resourceType: string; type: string; assets: number; bytes: number }>
}

export interface ChangeBatch {
  readonly accountId: number
  readonly seq: number
  readonly changes: readonly EntryChange[]
  readonly tally: Tally
}

export interface BesideBatch {
  readonly accountId: number
  readonly record: number
  readonly origin: HistoryOrigin
  readonly lines: readonly HistoryLine[]
  /** Below zero; of the first line, the others follow. */
  readonly seq: number
}

/**
 * What a run does once per asset or per page. A query builder's price shows here, so each dialect has these in its own
 * statements; everything else is written once, in `queries/`.
 */
export interface HotPath {
  /** Row number of an account; null when the catalog has none of its snapshots. */
  account(cloud: string): Promise<number | null>
  /** Row number of a run; an unknown run is a bug and throws. */
  run(runId: string): Promise<number>
  known(accountId: number, assetIds: readonly string[]): Promise<ReadonlyMap<string, Known>>
  searchMarks(run: number, assetIds: readonly string[]): Promise<ReadonlyMap<string, SearchMark>>
  saveSteps(run: number, steps: readonly NewStep[]): Promise<void>
  saveSearchMarks(run: number, marks: readonly SearchMark[]): Promise<void>
  markHashed(run: number, transferred: Transferred): Promise<void>
  markDone(run: number, assetIds: readonly string[]): Promise<void>
  claimPath(claim: PathClaim): Promise<ClaimAnswer>
  savePath(run: number, assetId: string, path: string): Promise<void>
  saveDetails(run: number, assetId: string, detailsRaw: string): Promise<void>
  markGone(run: number, assetIds: readonly string[]): Promise<void>
  applyChanges(batch: ChangeBatch): Promise<void>
  /** Adds versions that stand beside all snapshots. */
  addBeside(batch: BesideBatch): Promise<void>
  /** Runs `load`, which fills a catalog without versions, in the way that is cheapest for a great many of them. */
  bulkLoad(load: () => Promise<void>): Promise<void>
}
