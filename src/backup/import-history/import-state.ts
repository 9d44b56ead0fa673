import type { SnapshotRow } from '../../catalog/catalog.ts'
import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import { sha256Hex } from '../../lib/hash.ts'
import type { AssetIdentity } from '../../model/asset.ts'
import { AppError } from '../../model/errors.ts'
import type { Failure } from '../../model/snapshot.ts'
import type { BackupDeps } from '../run-state.ts'
import { openRunScratch, type Scratch } from '../scratch.ts'
import { type Batch, createBatch } from './batch.ts'
import { type Journal, openJournal } from './journal.ts'
import type { ImportCounts, ImportFailure, ImportListener, ImportOptions } from './report.ts'

/** Everything an import touches. Like a backup it holds no writer of the account. */
export interface ImportDeps
  extends Pick<
    BackupDeps,
    'reader' | 'vault' | 'catalog' | 'scratch' | 'scratchLimit' | 'bwlimit' | 'now' | 'newId' | 'tool'
  > {
  /** Beginning of the names of the files in which it is noted what was asked and downloaded; see `Journal`. */
  readonly journal: string
  readonly listen: ImportListener
}

/** An asset to be asked for, in the state in which a listing or the snapshot had it; null when that is not known. */
export interface AssetToAsk extends AssetIdentity {
  readonly cldVersion: number | null
}

export interface ImportRun {
  readonly cloud: string
  readonly deps: ImportDeps
  readonly options: ImportOptions
  readonly signal: AbortSignal
  /** Ends what is under way, as the signal that the run was given does. */
  readonly stop: () => void
  readonly startedAt: number
  /** Calls that the reader had made before. */
  readonly callsBefore: number
  /** Its assets are those that can be asked for; deleted ones come from the search index. */
  readonly newest: SnapshotRow
  readonly journal: Journal
  readonly scratch: Scratch
  readonly batch: Batch
  readonly counts: ImportCounts
  readonly failures: ImportFailure[]
  /** Assets that this run has taken up, by digest of their id: lists may name one twice. */
  readonly taken: DigestSet
  /** Mutable facts of this process. */
  readonly live: {
    /** Assets being asked for at this moment. */
    asking: number
    /** There is nothing left to ask for. */
    finished: boolean
    /** What failed one after the other for reasons that are not its own. */
    readonly outage: { asks: number; downloads: number }
    /** ETags that looked like an MD5 and were none. */
    foreignEtags: number
    /** To ask for altogether; null when nobody knows. */
    assets: number | null
  }
}

/** Throws SNAPSHOT_NOT_FOUND when the account was never backed up. Costs no API call. */
export async function begin(deps: ImportDeps, options: ImportOptions, signal: AbortSignal): Promise<ImportRun> {
  const cloud = deps.reader.account.cloud
  const newest = await deps.catalog.read((tx) => tx.lastSnapshot(cloud))
  if (newest === null) {
    throw new AppError(
      'SNAPSHOT_NOT_FOUND',
      `the vault holds no snapshot of "${cloud}" to which a history could belong`,
      {
        hint: 'cloudkeep backup makes the first one; import-history then adds what was before it',
      },
    )
  }
  const controller = new AbortController()
  const journal = await openJournal(deps.journal, options.dryRun)
  const listen: ImportListener = options.dryRun ? () => undefined : deps.listen
  const scratch = await openRunScratch(deps, listen)
  return {
    cloud,
    deps,
    options,
    signal: AbortSignal.any([signal, controller.signal]),
    stop: () => controller.abort(new AppError('INTERRUPTED', 'something else ended the run')),
    startedAt: deps.now().getTime(),
    callsBefore: deps.reader.calls,
    newest,
    journal,
    scratch,
    batch: createBatch({ ...deps, cloud, journal }),
    counts: {
      assetsAsked: 0,
      versionsFound: 0,
      imported: 0,
      importedBytes: 0,
      alreadyKept: 0,
      purged: 0,
      leftToBackup: 0,
      notRestorable: 0,
      failed: 0,
    },
    failures: [],
    taken: createDigestSet(),
    live: { asking: 0, finished: false, outage: { asks: 0, downloads: 0 }, foreignEtags: 0, assets: null },
  }
}

/** False when this run has taken it up before. */
export function take({ taken }: ImportRun, assetId: string): boolean {
  const key = sha256Hex(assetId)
  if (taken.has(key)) return false
  taken.add(key)
  return true
}

/** Names what could not be kept; the others go on. */
export function fail(run: ImportRun, failure: Failure, versionId: string | null): void {
  const named = { ...failure, versionId }
  run.counts.failed += 1
  run.failures.push(named)
  run.deps.listen({ type: 'failure', failure: named })
}

export function announce({ deps, counts, live }: ImportRun): void {
  const { reader } = deps
  const progress = { ...counts, assets: live.assets, apiCalls: reader.calls, budget: reader.budget }
  deps.listen({ type: 'progress', progress })
}
