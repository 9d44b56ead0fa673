import type { Budget } from '../model/account.ts'
import type { AssetIdentity } from '../model/asset.ts'
import type { Failure, PartialReason, Totals } from '../model/snapshot.ts'
import type { Override } from './rules.ts'
import type { ScratchSpace } from './scratch-budget.ts'

export interface BackupOptions {
  /** Scan and decide, download and write nothing. */
  readonly dryRun: boolean
  /** Read the whole search index and check every library file, however little changed. */
  readonly full: boolean
  /** Apply a change that the guard would stop. */
  readonly yesMassChange: boolean
  /** Remove library files of assets that are gone. */
  readonly delete: boolean
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Decisions about single assets, which win over the rules. @default none */
  readonly overrides?: readonly Override[]
  /** Upper bound of transfers at a time. */
  readonly concurrency: number
  /** Per-asset details (coordinates, versions, derived): with API calls to spare, always (waits), or never. */
  readonly details: 'spare' | 'all' | 'none'
  /** Download remotely fetched assets too. */
  readonly remote: boolean
  /** Download derived assets too. */
  readonly derived: boolean
  /** Look at these assets only; the snapshot is partial, and everything else in it is as it was known before. */
  readonly scope?: Scope
  /** See `Snapshot`. */
  readonly purpose?: 'before-restore'
}

/** Some assets of an account, by what is known of them. */
export interface Scope {
  readonly assetIds: readonly string[]
  /** Whatever bears these names now. */
  readonly names: readonly Pick<AssetIdentity, 'publicId' | 'resourceType' | 'type'>[]
}

export type BackupPhase =
  | 'prepare'
  | 'configuration'
  | 'scan'
  | 'transfer'
  | 'confirm'
  | 'details'
  | 'commit'
  | 'library'

export interface BackupProgress {
  readonly phase: BackupPhase
  readonly scanned: number
  /** What the account or the last snapshot says there is; null when nobody knows. */
  readonly expected: number | null
  /** Finished and wanted downloads so far; wanted grows while the scan goes on. */
  readonly fetched: number
  readonly wanted: number
  readonly fetchedBytes: number
  readonly wantedBytes: number
  readonly failed: number
  readonly transfers: number
  readonly budget: Budget | null
  readonly apiCalls: number
}

export interface Estimate {
  readonly assets: number | null
  readonly bytes: number | null
  readonly apiCalls: number | null
  /** Hours of waiting at the hourly limit; 0 when the calls fit in what is left of this hour. */
  readonly hours: number | null
  /** Where bodies too large for memory go on their way, and how much they may take there; null in a dry run. */
  readonly scratch: ScratchSpace | null
}

/** What a run tells while it goes; faces listen, the engine does not know who. */
export type BackupEvent =
  | { readonly type: 'phase'; readonly phase: BackupPhase }
  | { readonly type: 'estimate'; readonly estimate: Estimate }
  | { readonly type: 'resumed'; readonly startedAt: string; readonly scanned: number; readonly fetched: number }
  | { readonly type: 'progress'; readonly progress: BackupProgress }
  | { readonly type: 'failure'; readonly failure: Failure }
  /** Dry runs only: what a real run would do with an asset. */
  | {
      readonly type: 'planned'
      readonly kind: string
      readonly why: string
      readonly publicId: string
      readonly bytes: number | null
    }
  | { readonly type: 'fetched'; readonly publicId: string; readonly bytes: number; readonly source: string }
  /** The hourly limit: asleep until then (ms since the epoch). */
  | { readonly type: 'waiting'; readonly until: number; readonly why: 'limit' | 'reserve' }
  | {
      readonly type: 'retry'
      readonly what: string
      readonly attempt: number
      readonly delayMs: number
      readonly reason: string
    }
  | { readonly type: 'note'; readonly message: string }

export type BackupListener = (event: BackupEvent) => void

export interface GuardVerdict {
  readonly vanished: number
  readonly replaced: number
  /** Assets in the last complete snapshot. */
  readonly base: number
}

export interface BackupReport {
  readonly cloud: string
  /** Null in a dry run, and when nothing could be committed. */
  readonly snapshot: string | null
  readonly complete: boolean
  readonly partialReasons: readonly PartialReason[]
  readonly totals: Totals
  readonly excludedBy: Readonly<Record<string, number>>
  readonly failures: readonly Failure[]
  /** Not null when the guard stopped the run (exit 4). */
  readonly guard: GuardVerdict | null
  readonly apiCalls: number
  readonly durationMs: number
  /** Library files that were made or could not be; null when the vault has no library. */
  readonly library: { readonly linked: number; readonly removed: number; readonly kept: number } | null
}
