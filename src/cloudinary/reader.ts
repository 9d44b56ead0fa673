import type { Account, AccountConfiguration, AccountProfile, Budget, Folder } from '../model/account.ts'
import type { AssetFacts, AssetIdentity, RawRecords, ResourceType } from '../model/asset.ts'
import type { Json } from '../model/json.ts'

/** One row of a listing or a search. */
export interface AccountRow {
  readonly facts: AssetFacts
  readonly raw: Json
  /** 32 hex digits over the record in canonical form, without URLs; equal means that nothing in the record changed. */
  readonly hash: string
  /** A deleted asset of which Cloudinary still holds a backup: not in the account any more. */
  readonly placeholder: boolean
}

export interface Partition {
  readonly resourceType: ResourceType
  readonly type: string
}

/** Where a listing stands. A cursor is opaque and lives for an unknown time; `since` is the way back when it dies. */
export interface ListPosition {
  readonly cursor: string | null
  /** List only assets created at or after this ISO-8601 time (`start_at`, ascending). */
  readonly since: string | null
}

export interface ListPage {
  readonly rows: readonly AccountRow[]
  /** Null at the end of the partition. */
  readonly cursor: string | null
}

export interface SearchPage {
  readonly rows: readonly AccountRow[]
  readonly cursor: string | null
  readonly totalCount: number | null
}

export type SearchOrder = 'changed' | 'created'

export type RowOrigin = 'list' | 'search' | 'details'

export type Details =
  | { readonly found: true; readonly row: AccountRow }
  | { readonly found: false; readonly placeholder: boolean }

/** One state of an asset's bytes that Cloudinary's own backup holds. Null: the record does not say. */
export interface BackupVersion {
  readonly versionId: string
  readonly cldVersion: number | null
  readonly format: string | null
  /** Length in bytes. */
  readonly size: number | null
  /** ISO-8601: when it was uploaded. */
  readonly time: string | null
  /** False when the service says that it cannot be had at present. */
  readonly restorable: boolean
  readonly raw: Json
  /** 32 hex digits over the record; see `AccountRow.hash`. */
  readonly hash: string
}

/** What Cloudinary's own backup holds of one asset. */
export interface BackupHistory {
  /** The asset as it is now; of a deleted one its placeholder. */
  readonly row: AccountRow
  /** Oldest first; the bytes that the asset has now are among them if they were backed up. */
  readonly versions: readonly BackupVersion[]
  /** Records of versions without an id that could be asked for. */
  readonly unreadable: number
}

/** What the records of an asset that is in the account say about its backup, without asking again. */
export interface BackupSigns {
  readonly backedUp: boolean
  /** Length of all backed-up versions together, as the search index states it. */
  readonly bytes: number | null
  /** Null when no details were read. */
  readonly versions: readonly BackupVersion[] | null
}

export type SourceKind = 'secure_url' | 'fl_original' | 'download_api'

/** One place where the original bytes of an asset may be had. */
export interface DownloadSource {
  readonly kind: SourceKind
}

export interface OpenedBody {
  /** 200: the body starts at 0. 206: it starts at `start`. */
  readonly status: 200 | 206
  readonly start: number
  /** Length of the whole body (not of the rest) when the response states it. */
  readonly total: number | null
  /** The HTTP ETag without quotes, when present. */
  readonly etag: string | null
  /** Must be read to the end or destroyed. Throws DOWNLOAD_UNAVAILABLE when it breaks or stalls. */
  readonly body: AsyncIterable<Uint8Array>
  destroy(): void
}

/**
 * All that Cloudkeep reads from an account. There is no method that changes it: backup holds this type and
 * nothing else. Each `Promise` method is one Admin API call unless it says otherwise, retries what is transient,
 * waits at the hourly limit (or throws API_LIMIT when told not to wait), and throws AppErrors:
 * CREDENTIALS_REFUSED (401, 403), CURSOR_EXPIRED (400 on a request that carried a cursor), RESOURCE_NOT_FOUND,
 * API_REFUSED, API_UNAVAILABLE, API_UNEXPECTED.
 */
export interface AccountReader {
  readonly account: Account
  /** Admin API calls made so far, refused ones included. */
  readonly calls: number
  /** Null until a response carried the headers. */
  readonly budget: Budget | null
  /** Two calls: config and usage. A refused `usage` is null, not an error. */
  profile(signal: AbortSignal): Promise<AccountProfile>
  /** The resource types the account holds; all three when the endpoint is missing. */
  resourceTypes(signal: AbortSignal): Promise<readonly ResourceType[]>
  /** Up to 500 rows in ascending order of creation, with tags, context, metadata, moderation and access control. */
  listPage(partition: Partition, position: ListPosition, signal: AbortSignal): Promise<ListPage>
  /**
   * Up to 500 rows of every type and status; gives etag, uploaded_at and updated_at. Order `changed` (the default):
   * last updated first; `created`: oldest first, the order in which listings come. One order per chain of cursors.
   */
  searchPage(cursor: string | null, signal: AbortSignal, order?: SearchOrder): Promise<SearchPage>
  /** At most 100 ids. Answers only those that exist; missing ids and placeholders are left out. */
  byAssetIds(assetIds: readonly string[], signal: AbortSignal): Promise<readonly AccountRow[]>
  /** Whatever bears these names now, at most 100 of them; one call for each pair of resource_type and type. */
  byNames(
    names: readonly Pick<AssetIdentity, 'publicId' | 'resourceType' | 'type'>[],
    signal: AbortSignal,
  ): Promise<readonly AccountRow[]>
  /** Everything about one asset, coordinates and versions included. */
  details(asset: AssetIdentity, signal: AbortSignal): Promise<Details>
  /** What Cloudinary's backup holds of an asset, deleted or not. Null when the service says that there is no such asset. */
  backupHistory(asset: AssetIdentity, signal: AbortSignal): Promise<BackupHistory | null>
  /** What stored records say about Cloudinary's backup of their asset. Pure. */
  backupSigns(records: RawRecords): BackupSigns
  /** Up to 500 rows of assets that were deleted and of which Cloudinary's backup still holds something. */
  deletedPage(cursor: string | null, signal: AbortSignal): Promise<SearchPage>
  /** Every folder, the empty ones too, sorted by path. Several calls. */
  folders(signal: AbortSignal): Promise<readonly Folder[]>
  /** Several calls. `onPart` is told before each part. */
  configuration(signal: AbortSignal, onPart?: (part: string) => void): Promise<AccountConfiguration>
  /** Reads a stored raw record again. Pure; throws API_UNEXPECTED on a record that could not have been listed. */
  parseRow(raw: Json, origin: RowOrigin): AccountRow
  /** The places to try, best first. Pure. */
  sources(facts: AssetFacts): readonly DownloadSource[]
  /**
   * Opens one source at `offset`. No API call is counted. Throws DOWNLOAD_REFUSED (4xx), DOWNLOAD_UNAVAILABLE
   * (network, time-out, 5xx, 420/429, 423), HOST_REFUSED. A body of any status but 200 and 206 is never given out.
   */
  openSource(
    facts: AssetFacts,
    source: DownloadSource,
    at: { offset: number; etag: string | null },
    signal: AbortSignal,
  ): Promise<OpenedBody>
  /**
   * Opens a version in Cloudinary's backup at `offset`, of a deleted asset too; what comes may still start at 0. No
   * Admin API call is counted. Errors as for `openSource`; DOWNLOAD_REFUSED with 404 when the version is not there.
   */
  openBackup(
    assetId: string,
    versionId: string,
    at: { readonly offset: number },
    signal: AbortSignal,
  ): Promise<OpenedBody>
  close(): Promise<void>
}
