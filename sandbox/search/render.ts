import { nameOf } from '../folder-records.ts'
import {
  type Draft,
  definedOnly,
  isPlaceholder,
  lastUpdated,
  latestModeration,
  offsetTime,
  place,
  type Rendered,
  type RenderPlace,
  unlessNull,
  urls,
} from '../render-parts.ts'
import { type Asset, statusOf } from '../state.ts'

const ratio = (asset: Asset): number | null =>
  asset.width === null || asset.height === null ? null : Math.round((asset.width / asset.height) * 1e5) / 1e5

/** Fields that a search result has only when it is asked for them. */
const OPTIONAL_SEARCH_FIELDS = ['tags', 'context', 'metadata']
const CONSTANT_SEARCH_FIELDS = [
  'public_id',
  'asset_id',
  'asset_folder',
  'folder',
  'created_at',
  'status',
  'type',
  'resource_type',
]

const vocabulary = (at: RenderPlace, asset: Asset): Draft => {
  const gone = isPlaceholder(asset)
  const { width, height } = gone ? { width: null, height: null } : asset
  return {
    asset_id: asset.assetId,
    public_id: asset.publicId,
    ...place(at.cloud, asset),
    filename: nameOf(asset.publicId),
    format: gone ? null : asset.format,
    version: asset.version,
    resource_type: asset.resourceType,
    type: asset.type,
    created_at: offsetTime(asset.createdAt),
    uploaded_at: offsetTime(asset.uploadedAt),
    last_updated: lastUpdated(asset, offsetTime),
    bytes: asset.content?.size ?? 0,
    backup_bytes: asset.versions.reduce((sum, version) => sum + version.content.size, 0),
    width,
    height,
    aspect_ratio: gone ? null : ratio(asset),
    pixels: width === null || height === null ? null : width * height,
    duration: gone ? undefined : unlessNull(asset.duration),
    pages: gone ? undefined : unlessNull(asset.pages),
    ...urls(at, asset),
    status: statusOf(asset),
    access_mode: asset.accessMode,
    access_control: asset.accessControl,
    etag: asset.content?.md5,
    created_by: { access_key: asset.createdBy },
    uploaded_by: { access_key: asset.createdBy },
    tags: [...asset.tags],
    context: { ...asset.context },
    metadata: { ...asset.metadata },
    ...latestModeration(asset),
  }
}

export interface SearchShape {
  readonly withField: readonly string[]
  /** Overrides `withField` when it is given. */
  readonly fields?: readonly string[]
}

/** An item of a search result. */
export const searchItem = (at: RenderPlace, asset: Asset, shape: SearchShape): Rendered => {
  const wanted = shape.fields === undefined ? undefined : new Set([...shape.fields, ...CONSTANT_SEARCH_FIELDS])
  const shown = (field: string): boolean =>
    wanted === undefined
      ? !OPTIONAL_SEARCH_FIELDS.includes(field) || shape.withField.includes(field)
      : wanted.has(field)
  return definedOnly(vocabulary(at, asset), shown)
}
