import { deliveryPath } from './delivery-url.ts'
import { folderOf } from './folder-records.ts'
import { type Asset, type Cloud, type JsonValue, statusOf, type World } from './state.ts'

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

const definedOnly = (fields: { readonly [field: string]: JsonValue | undefined }): Rendered => {
  const out: Rendered = {}
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) out[field] = value
  return out
}

const unlessNull = <T extends JsonValue>(value: T): T | undefined => (value === null ? undefined : value)

const unlessEmpty = (map: { [key: string]: JsonValue }): { [key: string]: JsonValue } | undefined =>
  Object.keys(map).length === 0 ? undefined : map

const urls = (place: RenderPlace, asset: Asset): { url: string; secure_url: string } => {
  const url = place.world.baseUrl + deliveryPath(place.cloud, asset)
  return { url, secure_url: url }
}

/** Listings, details and uploads nest the pairs under their kind; search has them flat. */
const nestedContext = (asset: Asset): JsonValue | undefined =>
  unlessEmpty(asset.context) === undefined ? undefined : { custom: { ...asset.context } }

/** The attributes that only the account's folder mode has. */
const place = (cloud: Cloud, asset: Asset): Rendered =>
  cloud.settings.folderMode === 'dynamic'
    ? { asset_folder: asset.assetFolder, display_name: asset.displayName }
    : { folder: folderOf(cloud, asset) }

const isPlaceholder = (asset: Asset): boolean => asset.content === null

/** What every form of an asset outside search starts with. A placeholder has no binary, so nothing that a binary has. */
const head = (cloud: Cloud, asset: Asset): Rendered =>
  definedOnly({
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

const latestModeration = (asset: Asset): Rendered => {
  const latest = asset.moderation.at(-1)
  return latest === undefined ? {} : { moderation_kind: latest.kind, moderation_status: latest.status }
}

/** All that a listing can be asked for. */
const listVocabulary = (at: RenderPlace, asset: Asset): Rendered =>
  definedOnly({
    ...head(at.cloud, asset),
    ...urls(at, asset),
    backup: asset.backup || asset.versions.length > 0,
    placeholder: isPlaceholder(asset),
    access_control: asset.accessControl,
    tags: [...asset.tags],
    context: nestedContext(asset),
    metadata: unlessEmpty(asset.metadata),
    ...latestModeration(asset),
    regions: unlessNull(asset.regions),
    is_audio: asset.resourceType === 'video' ? asset.isAudio : undefined,
  })

export interface ListShape {
  readonly tags?: boolean
  readonly context?: boolean
  readonly metadata?: boolean
  readonly moderations?: boolean
  /** Overrides the flags when it is given. */
  readonly fields?: readonly string[]
}

/** An item of any listing. */
export const listItem = (at: RenderPlace, asset: Asset, shape: ListShape): Rendered => {
  if (shape.fields !== undefined) {
    const wanted = new Set([...shape.fields, 'asset_id', 'public_id', 'folder'])
    return Object.fromEntries(Object.entries(listVocabulary(at, asset)).filter(([field]) => wanted.has(field)))
  }
  const { folder: _fixedModeLeavesItOut, ...start } = head(at.cloud, asset)
  return definedOnly({
    ...start,
    ...urls(at, asset),
    tags: shape.tags === true ? [...asset.tags] : undefined,
    context: shape.context === true ? nestedContext(asset) : undefined,
    metadata: shape.metadata === true ? unlessEmpty(asset.metadata) : undefined,
    ...(shape.moderations === true ? latestModeration(asset) : {}),
  })
}

/** `last_updated`: only what ever changed has its own time. */
const lastUpdated = (asset: Asset, format: (at: number) => string): Rendered => {
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

const baseName = (publicId: string): string => publicId.slice(publicId.lastIndexOf('/') + 1)

const searchVocabulary = (at: RenderPlace, asset: Asset): Rendered => {
  const gone = isPlaceholder(asset)
  const { width, height } = gone ? { width: null, height: null } : asset
  return definedOnly({
    asset_id: asset.assetId,
    public_id: asset.publicId,
    ...place(at.cloud, asset),
    filename: baseName(asset.publicId),
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
  })
}

export interface SearchShape {
  readonly withField: readonly string[]
  /** Overrides `withField` when it is given. */
  readonly fields?: readonly string[]
}

/** An item of a search result. */
export const searchItem = (at: RenderPlace, asset: Asset, shape: SearchShape): Rendered => {
  const all = searchVocabulary(at, asset)
  const wanted = shape.fields === undefined ? undefined : new Set([...shape.fields, ...CONSTANT_SEARCH_FIELDS])
  const shown = (field: string): boolean =>
    wanted === undefined
      ? !OPTIONAL_SEARCH_FIELDS.includes(field) || shape.withField.includes(field)
      : wanted.has(field)
  return Object.fromEntries(Object.entries(all).filter(([field]) => shown(field)))
}

const versionEntries = (asset: Asset): JsonValue[] =>
  asset.versions.map((version) => ({
    version_id: version.versionId,
    version: String(version.version),
    format: version.format,
    size: version.content.size,
    time: zuluTime(version.time),
    restorable: version.restorable,
  }))

export const derivedItem = (at: RenderPlace, asset: Asset, derived: Asset['derived'][number]): Rendered => {
  const shown = asset.resourceType === 'raw' ? asset : { ...asset, format: derived.format }
  const url = at.world.baseUrl + deliveryPath(at.cloud, shown, { transformation: derived.transformation })
  return {
    id: derived.id,
    transformation: derived.transformation,
    format: derived.format,
    bytes: derived.bytes,
    url,
    secure_url: url,
  }
}

/** Members of `extra` that details show only with the flag of the same name. */
const ANALYSES = [
  'media_metadata',
  'image_metadata',
  'colors',
  'faces',
  'phash',
  'quality_analysis',
  'accessibility_analysis',
  'cinemagraph_analysis',
] as const

/** True for each flag of a details request that was set. */
export type DetailsFlag = (name: (typeof ANALYSES)[number] | 'versions' | 'coordinates' | 'pages' | 'exif') => boolean

const extras = (asset: Asset, flag: DetailsFlag): Rendered => {
  const out: Rendered = {}
  for (const [name, value] of Object.entries(asset.extra)) {
    if (!ANALYSES.some((analysis) => analysis === name)) out[name] = value
  }
  for (const name of ANALYSES) {
    const value = asset.extra[name]
    if (value !== undefined && flag(name)) out[name] = value
  }
  // The older names of the same thing.
  const metadata = asset.extra['media_metadata']
  if (metadata !== undefined && (flag('image_metadata') || flag('exif'))) out['image_metadata'] = metadata
  return out
}

/** Everything about one asset but its derived and related assets, which have pages of their own. */
export const detailsOf = (at: RenderPlace, asset: Asset, flag: DetailsFlag): Rendered => {
  const gone = isPlaceholder(asset)
  return definedOnly({
    ...head(at.cloud, asset),
    ...(gone ? {} : extras(asset, flag)),
    ...urls(at, asset),
    access_control: asset.accessControl,
    duration: gone ? undefined : unlessNull(asset.duration),
    is_audio: asset.resourceType === 'video' ? asset.isAudio : undefined,
    pages: flag('pages') && !gone ? unlessNull(asset.pages) : undefined,
    tags: [...asset.tags],
    context: nestedContext(asset),
    metadata: unlessEmpty(asset.metadata),
    moderation:
      asset.moderation.length === 0
        ? undefined
        : asset.moderation.map((m) => ({ kind: m.kind, status: m.status, updated_at: zuluTime(m.updatedAt) })),
    regions: unlessNull(asset.regions),
    coordinates: flag('coordinates') && asset.coordinates !== null ? definedOnly({ ...asset.coordinates }) : undefined,
    last_updated: lastUpdated(asset, zuluTime),
    etag: asset.content?.md5,
    original_filename: unlessNull(asset.originalFilename),
    versions: flag('versions') ? versionEntries(asset) : undefined,
  })
}

/** What upload, explicit and rename answer, before the signature and flags that only those requests know. */
export const uploadResponse = (at: RenderPlace, asset: Asset): Rendered =>
  definedOnly({
    asset_id: asset.assetId,
    public_id: asset.publicId,
    version: asset.version,
    version_id: asset.versionId,
    width: unlessNull(asset.width),
    height: unlessNull(asset.height),
    format: unlessNull(asset.format),
    resource_type: asset.resourceType,
    created_at: zuluTime(asset.createdAt),
    tags: [...asset.tags],
    pages: unlessNull(asset.pages),
    bytes: asset.content?.size ?? 0,
    type: asset.type,
    etag: asset.content?.md5,
    placeholder: isPlaceholder(asset),
    ...urls(at, asset),
    ...place(at.cloud, asset),
    access_mode: asset.accessMode,
    access_control: unlessNull(asset.accessControl),
    context: nestedContext(asset),
    metadata: unlessEmpty(asset.metadata),
    original_filename: unlessNull(asset.originalFilename),
    duration: unlessNull(asset.duration),
    is_audio: asset.resourceType === 'video' ? asset.isAudio : undefined,
    ...(asset.resourceType === 'video' ? extras(asset, () => false) : {}),
  })
