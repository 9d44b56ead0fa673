import type { FolderMode } from './asset.ts'
import type { Json } from './json.ts'

/** One Cloudinary product environment. Holds no secret. */
export interface Account {
  readonly cloud: string
}

/** The hourly Admin API quota as the last response stated it. Times in milliseconds since the epoch. */
export interface Budget {
  readonly limit: number
  readonly remaining: number
  readonly resetAt: number
}

/** What the account says of itself; each part null when the answer did not carry it. */
export interface AccountProfile {
  readonly folderMode: FolderMode | null
  readonly plan: string | null
  /** Cloudinary's own count of originals, updated periodically: a sanity check, not a truth. */
  readonly assets: number | null
  readonly storageBytes: number | null
  readonly mediaLimits: MediaLimits
  readonly raw: { readonly config: Json; readonly usage: Json }
}

/** How large a file of each type may be, in bytes; null when the account does not say. */
export interface MediaLimits {
  readonly image: number | null
  readonly video: number | null
  readonly raw: number | null
}

export interface Folder {
  readonly path: string
  readonly name: string
  readonly externalId: string | null
  readonly createdAt: string | null
}

/**
 * The account's configuration as received, part by part. A part that the account's plan refuses (403, 404) is listed
 * under `unavailable` with the reason; a part that failed otherwise makes the whole read fail.
 */
export interface AccountConfiguration {
  readonly parts: Readonly<Record<ConfigurationPart, Json>>
  readonly unavailable: Readonly<Partial<Record<ConfigurationPart, string>>>
}

export const CONFIGURATION_PARTS = [
  'settings',
  'upload_presets',
  'transformations',
  'upload_mappings',
  'streaming_profiles',
  'metadata_fields',
  'metadata_rules',
  'triggers',
  'tags',
] as const
export type ConfigurationPart = (typeof CONFIGURATION_PARTS)[number]
