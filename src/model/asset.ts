import type { Json } from './json.ts'

export type ResourceType = 'image' | 'video' | 'raw'
export const RESOURCE_TYPES: readonly ResourceType[] = ['image', 'video', 'raw']

/** Delivery types whose bytes live in the account; all others are records of something made or fetched elsewhere. */
export const MANAGED_TYPES: readonly string[] = ['upload', 'private', 'authenticated']
export const isManagedType = (type: string): boolean => MANAGED_TYPES.includes(type) || type === 'asset'

export type FolderMode = 'fixed' | 'dynamic'

/** What names an asset: for ever by `assetId`, for now by the other three. */
export interface AssetIdentity {
  readonly assetId: string
  readonly publicId: string
  readonly resourceType: ResourceType
  readonly type: string
}

export interface Moderation {
  readonly kind: string | null
  readonly status: string | null
}

/**
 * What the account says about one asset, parsed. `null` means that the answer did not carry the fact, which is not
 * the same as the fact being empty. Numbers that Cloudinary reports as 4294967295 (unsigned -1, "unknown") are null.
 * Source: docs/cloudinary.md, "Listing" and "Search".
 */
export interface AssetFacts {
  readonly assetId: string
  /** Byte for byte as received; never normalised, never used as a path. */
  readonly publicId: string
  readonly resourceType: ResourceType
  /** Delivery type: upload, private, authenticated, fetch, … */
  readonly type: string
  readonly format: string | null
  readonly cldVersion: number
  readonly bytes: number | null
  /** Lower-case hex MD5 of the stored binary; null when unknown or not of that form. */
  readonly etag: string | null
  readonly width: number | null
  readonly height: number | null
  /** Seconds. */
  readonly duration: number | null
  readonly pages: number | null
  /** `asset_folder` (dynamic) or `folder` (fixed); '' is the root. */
  readonly folder: string | null
  /** Dynamic folder mode only. */
  readonly displayName: string | null
  /** ISO-8601 as received. */
  readonly createdAt: string | null
  /** Time of the last binary upload; from search, details or webhook only. */
  readonly uploadedAt: string | null
  /** Time of the last change of any kind (`last_updated.updated_at`). */
  readonly updatedAt: string | null
  readonly tags: readonly string[]
  /** Always in the full shape, `{custom: {k: v}}`, whichever endpoint it came from. */
  readonly context: Json
  /** Structured metadata by external_id. */
  readonly metadata: Json
  readonly accessMode: string | null
  readonly accessControl: Json
  readonly moderation: readonly Moderation[]
  /** `{faces: [[x,y,w,h]], custom: [[x,y,w,h]]}`; details only. */
  readonly coordinates: Json
  readonly regions: Json
  readonly originalFilename: string | null
  /** active, pending, inactive, deleted; search only. */
  readonly status: string | null
  readonly isAudio: boolean | null
  readonly secureUrl: string | null
}

/** The records as received, by the endpoint that sent them. */
export interface RawRecords {
  readonly list?: Json
  readonly search?: Json
  readonly details?: Json
}
