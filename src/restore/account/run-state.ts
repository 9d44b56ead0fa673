import type { Catalog, SnapshotRow } from '../../catalog/catalog.ts'
import type { AccountReader } from '../../cloudinary/reader.ts'
import type { AccountWriter, AssetName } from '../../cloudinary/writer.ts'
import type { Bandwidth } from '../../lib/throttle.ts'
import type { MediaLimits } from '../../model/account.ts'
import type { FolderMode } from '../../model/asset.ts'
import type { Vault } from '../../vault/vault.ts'
import type { RestoreEvent, RestoreOptions, RestoreRequest } from '../report.ts'
import type { Chosen, Selection } from '../selection.ts'
import type { State } from './compare.ts'
import type { PresentStates } from './present.ts'

/** The target as it is now. */
export interface Taken {
  readonly snapshot: SnapshotRow
  /** Assets whose present bytes could not be kept; by asset_id. What is not kept must not be overwritten. */
  readonly unkept: ReadonlySet<string>
}

/** Takes a snapshot of the target as it is now; of these assets only, or (null) of all of it. */
type SnapshotTarget = (
  scope: { readonly assetIds: readonly string[]; readonly names: readonly AssetName[] } | null,
  signal: AbortSignal,
) => Promise<Taken>

/** Everything that restoring to an account touches. */
export interface RestoreDeps {
  /** Of the target. */
  readonly reader: AccountReader
  readonly writer: AccountWriter
  readonly vault: Vault
  readonly catalog: Catalog
  readonly snapshotTarget: SnapshotTarget
  /** Folder for lists on their way; on the vault's own disk. */
  readonly scratch: string
  /** Bytes a second for all uploads together; null is unlimited. */
  readonly bwlimit: Bandwidth
  readonly now: () => Date
  readonly newId: () => string
  readonly tool: string
  readonly listen: (event: RestoreEvent) => void
}

/** A restore to an account under way. */
export interface RestoreRun {
  readonly id: string
  readonly deps: RestoreDeps
  readonly options: RestoreOptions
  readonly request: RestoreRequest
  readonly selection: Selection
  /** What is to be there in the end, again and again the same. */
  readonly wanted: () => AsyncIterable<Wanted>
  readonly startedAt: string
  readonly sameAccount: boolean
  readonly folderMode: FolderMode | null
  readonly limits: MediaLimits
  readonly present: PresentStates
  /** Sentences about what of the selection cannot be read. */
  readonly problems: ReadonlySet<string>
  /** Present assets whose bytes could not be kept before; by asset_id. */
  readonly unkept: ReadonlySet<string>
  /** Present assets whose details were read because only these tell whether they differ; by asset_id. */
  readonly looked: Map<string, State>
  /** The state before the first change of this restore; null in a dry run. */
  readonly before: SnapshotRow | null
  readonly signal: AbortSignal
}

/** A version that is to be there; or, in an undo, an asset that the restore made and that is to go again. */
export type Wanted =
  | { readonly kind: 'version'; readonly chosen: Chosen }
  | { readonly kind: 'absence'; readonly chosen: Chosen; readonly name: AssetName }
