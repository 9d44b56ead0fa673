import type { VersionFilter } from '../catalog/catalog.ts'
import type { AssetName } from '../cloudinary/writer.ts'
import type { Failure } from '../model/snapshot.ts'
import type { RestorableField } from './account/compare.ts'

/** What to do where the account has something else under the name, or another state of the asset. */
export const CONFLICT_POLICIES = ['skip', 'overwrite', 'newer', 'rename'] as const
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number]

export interface RestoreOptions {
  readonly conflict: ConflictPolicy
  /** Labels only: no bytes, no names, no places; for assets that are there. */
  readonly metadataOnly: boolean
  /** Folders and configuration too. */
  readonly surroundings: boolean
  /** Tell what would be done; change nothing. */
  readonly dryRun: boolean
  /** Upper bound of uploads at a time. */
  readonly concurrency: number
  /** Where bytes come from: Cloudinary's own backup where it is cheaper, never, or wherever it has the version. */
  readonly via: 'auto' | 'upload' | 'backup'
  /** Put back what this restore changed. */
  readonly undo: string | null
}

/** What will happen to one asset, and why. A value: dry run, progress, execution and tests look at the same. */
export interface PlanItem {
  readonly assetId: string
  readonly version: string
  /** What it will be called. */
  readonly name: AssetName
  readonly action: PlanAction
  /** In words. */
  readonly why: string
  /** In which fields the account differs now; empty for what is not there. */
  readonly fields: readonly RestorableField[]
  /** Where the bytes come from. */
  readonly content: 'none' | 'upload' | 'backup'
  /** What the asset is called now, when it must be renamed first. */
  readonly renameFrom: AssetName | null
  /** The asset that is there now under the id or the name. */
  readonly presentId: string | null
  /** Its address. */
  readonly presentUrl: string | null
  readonly adminCalls: number
  readonly uploadCalls: number
  /** Bytes that travel to the account. */
  readonly bytes: number
}

export type PlanAction =
  /** Not in the account: made. */
  | 'create'
  /** There with other bytes: replaced. */
  | 'overwrite'
  /** There with the same bytes and another name. */
  | 'rename'
  /** There with the same bytes and name; labels differ. */
  | 'relabel'
  /** There and equal. */
  | 'same'
  /** There, different, and the policy says not to touch it. */
  | 'conflict'
  /** Cannot be restored to an account; `why` says the reason. */
  | 'impossible'
  /** Recorded without bytes on purpose: Cloudinary makes or fetches it again when it is asked for. */
  | 'remote'
  /** Undo only: made by the restore, taken away again. */
  | 'remove'

export interface PlanTotals {
  readonly assets: number
  readonly byAction: Readonly<Record<PlanAction, number>>
  readonly uploads: number
  readonly bytes: number
  readonly adminCalls: number
  /** Rough; the assumptions are in `estimateSeconds`. */
  readonly seconds: number
}

/** What became of one asset. */
export interface RestoreResult {
  readonly assetId: string
  readonly version: string
  readonly name: AssetName
  readonly action: PlanAction
  readonly outcome: 'restored' | 'same' | 'skipped' | 'failed'
  /** As it is called in the account now; null when it is not there. */
  readonly restored: { readonly assetId: string; readonly publicId: string; readonly cldVersion: number } | null
  readonly oldUrl: string | null
  readonly newUrl: string | null
  /** Fields that are not as they were kept, found by reading the account again. */
  readonly missing: readonly RestorableField[]
  readonly code: string | null
  readonly reason: string | null
}

export interface ConfigurationResult {
  readonly part: string
  readonly name: string
  readonly outcome: 'made' | 'changed' | 'existing' | 'same' | 'failed'
  readonly reason: string | null
}

export interface RestoreReport {
  readonly run: string
  readonly cloud: string
  readonly target: string
  /** The snapshot that was restored from. */
  readonly snapshot: string
  /** The state before, for `--undo`; null in a dry run. */
  readonly before: string | null
  readonly totals: PlanTotals
  readonly restored: number
  readonly same: number
  readonly skipped: number
  readonly remote: number
  readonly failures: readonly Failure[]
  /** Assets that are there but not as they were kept, with the fields. */
  readonly incomplete: readonly { readonly name: AssetName; readonly fields: readonly RestorableField[] }[]
  readonly configuration: readonly ConfigurationResult[]
  /** Facts that the service gives itself and nobody can set: never counted as missing. */
  readonly notReproducible: readonly string[]
  /** Skipped because they were there and differ. */
  readonly conflicts: number
  readonly uploadedBytes: number
  readonly apiCalls: number
  readonly uploadCalls: number
  readonly durationMs: number
  /** Nothing failed and nothing is missing. */
  readonly complete: boolean
}

export type RestorePhase = 'prepare' | 'plan' | 'configuration' | 'transfer' | 'relate' | 'prove' | 'conclude'

export type RestoreEvent =
  | { readonly type: 'phase'; readonly phase: RestorePhase }
  /** Once, when the plan is known. */
  | { readonly type: 'plan'; readonly totals: PlanTotals }
  /** Dry runs only: each line of the plan. */
  | { readonly type: 'planned'; readonly item: PlanItem }
  | { readonly type: 'continued'; readonly run: string; readonly startedAt: string }
  | { readonly type: 'result'; readonly result: RestoreResult }
  /** The address an asset had, and the one that it has in the target now. */
  | { readonly type: 'mapped'; readonly oldUrl: string | null; readonly newUrl: string; readonly result: RestoreResult }
  | { readonly type: 'configured'; readonly result: ConfigurationResult }
  | {
      readonly type: 'progress'
      readonly done: number
      readonly total: number
      readonly bytes: number
      readonly totalBytes: number
      readonly transfers: number
    }
  | { readonly type: 'waiting'; readonly until: number; readonly why: 'limit' | 'reserve' }
  | {
      readonly type: 'retry'
      readonly what: string
      readonly attempt: number
      readonly delayMs: number
      readonly reason: string
    }
  | { readonly type: 'note'; readonly message: string }

/** What was asked for, as the record of a restore keeps it, so that it can be continued and undone. */
export interface RestoreRequest {
  readonly cloud: string
  readonly target: string
  /** The id of the snapshot. */
  readonly snapshot: string
  readonly what:
    | { readonly kind: 'everything' }
    | { readonly kind: 'filter' | 'gone'; readonly filter: VersionFilter }
    | {
        readonly kind: 'versions'
        readonly versions: readonly { readonly assetId: string; readonly version: string }[]
      }
  readonly conflict: ConflictPolicy
  readonly metadataOnly: boolean
  readonly surroundings: boolean
  readonly undo: string | null
}
