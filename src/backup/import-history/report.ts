import type { ReaderEvent } from '../../cloudinary/events.ts'
import type { Budget } from '../../model/account.ts'
import type { AssetIdentity } from '../../model/asset.ts'
import type { Failure } from '../../model/snapshot.ts'

export interface ImportOptions {
  /** Count and estimate; ask for no asset, download and write nothing. */
  readonly dryRun: boolean
  /** Only assets that were deleted from the account. */
  readonly deletedOnly: boolean
  /** Also ask for assets of which every sign says that the vault has all of it, and for those asked before. */
  readonly all: boolean
  /** Only these; empty: all. */
  readonly assets: readonly AssetIdentity[]
  /** Names that the vault does not know, to be looked for among the deleted assets. */
  readonly names: readonly string[]
  /** Stop asking after so many Admin API calls; null: never. */
  readonly limitCalls: number | null
  /** Assets at a time, at most. */
  readonly concurrency: number
}

/** What there is to ask for, before anything is asked. Null: nobody knows. */
export interface ImportEstimate {
  /** Deleted assets that Cloudinary still holds. */
  readonly deleted: number | null
  /** Assets in the account that may have more versions than the vault. */
  readonly current: number
  readonly apiCalls: number | null
  /** Of the versions that the vault may lack, at the most; as the search index states it. */
  readonly bytes: number | null
  /** Hours of waiting at the hourly limit. */
  readonly hours: number | null
}

/**
 * Each version that was found is counted once: as imported, alreadyKept, purged, leftToBackup, notRestorable or failed.
 * `failed` also counts the assets that could not be asked for.
 */
export interface ImportCounts {
  assetsAsked: number
  versionsFound: number
  imported: number
  importedBytes: number
  alreadyKept: number
  /** Removed from the vault on purpose, and so left alone. */
  purged: number
  /** The state that the account has now and the vault has not yet: the next backup keeps it, with all its facts. */
  leftToBackup: number
  notRestorable: number
  failed: number
}

export interface ImportProgress extends Readonly<ImportCounts> {
  /** Assets to ask for altogether; null when nobody knows. */
  readonly assets: number | null
  readonly apiCalls: number
  readonly budget: Budget | null
}

/** `versionId` is null when the asset itself could not be asked for. */
export interface ImportFailure extends Failure {
  readonly versionId: string | null
}

export type ImportEvent =
  | ReaderEvent
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'estimate'; readonly estimate: ImportEstimate }
  | { readonly type: 'progress'; readonly progress: ImportProgress }
  | {
      readonly type: 'imported'
      readonly publicId: string
      readonly version: string
      readonly since: string | null
      readonly bytes: number
    }
  | { readonly type: 'not-restorable'; readonly publicId: string; readonly versionId: string }
  | { readonly type: 'failure'; readonly failure: ImportFailure }

export type ImportListener = (event: ImportEvent) => void

export interface ImportReport extends Readonly<ImportCounts> {
  readonly cloud: string
  readonly estimate: ImportEstimate
  /** False when `limitCalls` ended it before it was known that everything was asked. */
  readonly finished: boolean
  readonly failures: readonly ImportFailure[]
  readonly apiCalls: number
  readonly durationMs: number
}
