import { deliveryPath } from './delivery-url.ts'
import { folderOf } from './folder-records.ts'
import type { Asset, Cloud, JsonValue, World } from './state.ts'

export type Rendered = { [field: string]: JsonValue }

/** Whose asset, and on which server its URLs are. */
export interface RenderPlace {
  readonly world: Pick<World, 'baseUrl'>
  readonly cloud: Cloud
}

/** `2026-10-02T10:21:27Z`, as listings and details write times. */
export const zuluTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`

/** `2026-10-02T10:21:27+00:00`, as search and webhooks write them. */
export const offsetTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}+00:00`

/** Undefined is left out of the answer. */
export type Draft = { readonly [field: string]: JsonValue | undefined }

const everyField = (): boolean => true

/** The fields that have a value and are wanted. In one pass: pages of large accounts are made of this. */
export const definedOnly = (draft: Draft, wanted: (field: string) => boolean = everyField): Rendered => {
  const out: Rendered = {}
  for (const field in draft) {
    const value = draft[field]
    if (value !== undefined && wanted(field)) out[field] = value
  }
  return out
}

export const unlessNull = <T extends JsonValue>(value: T): T | undefined => (value === null ? undefined : value)

export const unlessEmpty = (map: { [key: string]: JsonValue }): { [key: string]: JsonValue } | undefined =>
  Object.keys(map).length === 0 ? undefined : map

export const urls = (place: RenderPlace, asset: Asset): { url: string; secure_url: string } => {
  const url = place.world.baseUrl + deliveryPath(place.cloud, asset)
  return { url, secure_url: url }
}

/** Listings, details and uploads nest the pairs under their kind; search has them flat. */
export const nestedContext = (asset: Asset): JsonValue | undefined =>
  unlessEmpty(asset.context) === undefined ? undefined : { custom: { ...asset.context } }

/** The attributes that only the account's folder mode has. */
export const place = (cloud: Cloud, asset: Asset): Rendered =>
  cloud.settings.folderMode === 'dynamic'
    ? { asset_folder: asset.assetFolder, display_name: asset.displayName }
    : { folder: folderOf(cloud, asset) }

export const isPlaceholder = (asset: Asset): boolean => asset.content === null

/** What every form of an asset outside search starts with. A placeholder has no binary, so nothing that a binary has. */
export const head = (cloud: Cloud, asset: Asset): Draft => ({
  asset_id: asset.assetId,
  public_id: asset.publicId,
  format: isPlaceholder(asset) ? undefined : unlessNull(asset.format),
  version: asset.version,
  resource_type: asset.resourceType,
  type: asset.type,
  created_at: zuluTime(asset.createdAt),
  bytes: asset.content?.size ?? 0,
  width: isPlaceholder(asset) ? undefined : unlessNull(asset.width),
  height: isPlaceholder(asset) ? undefined : unlessNull(asset.height),
  backup: asset.backup || asset.versions.length > 0 ? true : undefined,
  placeholder: isPlaceholder(asset) ? true : undefined,
  ...place(cloud, asset),
  access_mode: asset.accessMode,
})

export const latestModeration = (asset: Asset): Rendered => {
  const latest = asset.moderation.at(-1)
  return latest === undefined ? {} : { moderation_kind: latest.kind, moderation_status: latest.status }
}

/** `last_updated`: only what ever changed has its own time. */
export const lastUpdated = (asset: Asset, format: (at: number) => string): Rendered => {
  const stamp = (at: number | undefined): string | undefined => (at === undefined ? undefined : format(at))
  return definedOnly({
    access_control_updated_at: stamp(asset.times.accessControl),
    context_updated_at: stamp(asset.times.context),
    metadata_updated_at: stamp(asset.times.metadata),
    public_id_updated_at: stamp(asset.times.publicId),
    tags_updated_at: stamp(asset.times.tags),
    updated_at: format(asset.times.updated),
  })
}
