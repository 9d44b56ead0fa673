import type { Account } from '../model/account.ts'
import type { AssetIdentity, Moderation, ResourceType } from '../model/asset.ts'
import type { Json } from '../model/json.ts'
import type { AccountRow } from './reader.ts'

/** What an asset is called in an account: the three that Cloudinary keeps unique together. */
export type AssetName = Pick<AssetIdentity, 'publicId' | 'resourceType' | 'type'>

/**
 * Everything about an asset that a caller may set. Absent: leave alone. `null` and empty values mean "none": what the
 * account has is cleared.
 */
export interface Labels {
  /** Dynamic folder mode only; in fixed mode the public_id says it. '' is the root. */
  readonly folder?: string
  /** Dynamic folder mode only. */
  readonly displayName?: string | null
  /** Commas end a tag, and spaces around it go. */
  readonly tags?: readonly string[]
  /** Plain pairs, without the `custom` wrapper. A pair without a value cannot be kept. */
  readonly context?: Readonly<Record<string, string>>
  /** Structured metadata by external_id. A value that the account insists on (a mandatory field) stays; the row shows it. */
  readonly metadata?: Readonly<Record<string, Json>>
  readonly accessControl?: Json
  /**
   * The state wanted in the end, approved and rejected included. Whatever their kind was, it is brought about by hand
   * (`manual`): the other kinds are analyses that cost money. A moderation cannot be taken away, only approved.
   */
  readonly moderation?: readonly Moderation[]
  /** `{faces: [[x,y,w,h]], custom: [[x,y,w,h]]}` */
  readonly coordinates?: Json
  readonly regions?: Json
  /** The legacy switch; `authenticated` or `public`. */
  readonly accessMode?: string | null
}

/** A body that can be opened again from any offset, because a chunk may have to be sent again. */
export interface UploadBody {
  readonly size: number
  /** Lower-case hex. */
  readonly md5: string
  /** `range` is inclusive at both ends, as a vault opens objects. */
  open(range: { readonly start: number; readonly end: number }): Promise<AsyncIterable<Uint8Array>>
}

export interface UploadWish {
  readonly name: AssetName
  readonly labels: Labels
  /** Without extension; sent as `filename_override`. */
  readonly originalFilename: string | null
  /** Replace what has the name. False: what is there stays, and the answer says `existing`. */
  readonly overwrite: boolean
}

export interface Uploaded {
  /** As the account answered, parsed; `facts.publicId` may differ from the one asked for. */
  readonly row: AccountRow
  /** The name was taken and `overwrite` was false: nothing was stored. */
  readonly existing: boolean
}

export interface RestoredVersion {
  readonly assetId: string
  /** Null when it failed; then `reason` is the service's word: no_backup, failed, unauthorized, or another. */
  readonly row: AccountRow | null
  readonly reason: string | null
}

/** The parts of an account's configuration that can be made again. */
export type MakeablePart =
  | 'upload_presets'
  | 'transformations'
  | 'upload_mappings'
  | 'streaming_profiles'
  | 'metadata_fields'
  | 'metadata_rules'
  | 'triggers'

/**
 * All that Cloudkeep changes in an account. Backup never holds one. Upload API calls are not counted by the hourly
 * limit, but too many at a time are refused with 420: the writer backs off and calls `onStrain`. Admin API calls go
 * through the same gate as the reader's. Nothing is repeated that may already have happened: when the answer to an
 * upload was lost, the account is asked whether the asset is there with these bytes before anything is sent again.
 *
 * Throws AppErrors: CREDENTIALS_REFUSED, UPLOAD_REFUSED (a 400 that repeating will not change: too large, empty,
 * unknown metadata field, reserved name…; the message carries the service's words), UPLOAD_MISMATCH (the answer's etag
 * or length is not that of the body), API_LIMIT, API_REFUSED, API_UNAVAILABLE, API_UNEXPECTED, RESOURCE_NOT_FOUND.
 */
export interface AccountWriter {
  readonly account: Account
  /** Admin API calls made so far. */
  readonly calls: number
  /** Upload API calls made so far; each chunk is one. */
  readonly uploads: number
  /** Stores a body with its labels in one go; above 100 MB in chunks. Compares etag and length of the answer. */
  upload(wish: UploadWish, body: UploadBody, signal: AbortSignal): Promise<Uploaded>
  /**
   * Sets labels of an asset that is there, its bytes untouched; what the labels do not name stays. Upload API, except
   * for what only the Admin API can set or show: moderation, the access mode, and areas that are to be cleared. Labels
   * that the answer does not show as wanted are tried by other means; what cannot be reached shows in the row.
   * RESOURCE_NOT_FOUND when there is no such asset, or another has the name.
   */
  relabel(name: AssetName & { readonly assetId: string }, labels: Labels, signal: AbortSignal): Promise<AccountRow>
  /** Keeps asset_id and bytes. UPLOAD_REFUSED when the name is taken or reserved. `type` may change too. */
  rename(
    from: AssetName,
    to: { readonly publicId: string; readonly type: string },
    signal: AbortSignal,
  ): Promise<AccountRow>
  /** Deletes one asset, only if it still has this asset_id. True when it was there. */
  destroy(asset: AssetIdentity, signal: AbortSignal): Promise<boolean>
  /**
   * Brings back versions from Cloudinary's own backup, at most 100 at a time. Two Admin calls, three when some are given
   * and some are to be the latest (null): the first looks at what is there, so that a lost answer restores nothing twice.
   */
  restoreVersions(
    wishes: readonly { readonly assetId: string; readonly versionId: string | null }[],
    signal: AbortSignal,
  ): Promise<readonly RestoredVersion[]>
  /** Removes versions from Cloudinary's own backup, for good. Returns those removed and, with reasons, those not. */
  deleteVersions(
    assetId: string,
    versionIds: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly deleted: readonly string[]; readonly failed: readonly { versionId: string; reason: string }[] }>
  /** Makes a folder and those above it; one that is there is left alone. One Admin call. */
  createFolder(path: string, signal: AbortSignal): Promise<void>
  /** Relates an asset to others, both ways; relations that are there stay. */
  relate(asset: AssetName, to: readonly AssetName[], signal: AbortSignal): Promise<void>
  /**
   * Makes one item of the configuration from its record as the reader kept it (see `AccountConfiguration`), or brings
   * the one with its name to it when `overwrite`. `present` is the one with its name (`configurationName`) that is there
   * now; null when there is none, or when nobody looked. `existing` when it was there and was left alone; `same` when it
   * was there and is equal, which costs no call when `present` is given. A field's datasource entries, inactive ones too,
   * come with the field; values it has beyond them are retired. API_REFUSED for a record that cannot be written back,
   * API_UNEXPECTED when the account understands a definition in another way than it was kept.
   */
  putConfiguration(
    part: MakeablePart,
    item: Json,
    options: { readonly overwrite: boolean; readonly present: Json | null },
    signal: AbortSignal,
  ): Promise<'made' | 'changed' | 'existing' | 'same'>
  close(): Promise<void>
}

export interface WriterEvents {
  /** Refused with 420 for too many at a time: use fewer. */
  readonly onStrain?: () => void
}

/** The name of whatever has one, and nothing else of it. */
export const nameOf = ({ publicId, resourceType, type }: AssetName): AssetName => ({ publicId, resourceType, type })

/** Bodies above this go in chunks of that many bytes: the most that one request may carry, and what the SDKs send. */
export const CHUNK_ABOVE = 100_000_000
export const CHUNK_BYTES = 20_000_000

/** Name as people and the API write it: `image/upload/products/chair`. */
export const writtenName = ({ resourceType, type, publicId }: AssetName): string =>
  `${resourceType}/${type}/${publicId}`

const RESTORABLE_TYPES: readonly string[] = ['upload', 'private', 'authenticated']
export const isRestorable = (name: { readonly resourceType: ResourceType; readonly type: string }): boolean =>
  RESTORABLE_TYPES.includes(name.type)
