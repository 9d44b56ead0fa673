import { deliveryPath } from './delivery-url.ts'
import {
  type Draft,
  definedOnly,
  head,
  isPlaceholder,
  lastUpdated,
  latestModeration,
  nestedContext,
  place,
  type Rendered,
  type RenderPlace,
  unlessEmpty,
  unlessNull,
  urls,
  zuluTime,
} from './render-parts.ts'
import type { Asset, JsonValue } from './state.ts'

export { type Rendered, type RenderPlace, zuluTime } from './render-parts.ts'

/** All that a listing can be asked for. */
const listVocabulary = (at: RenderPlace, asset: Asset): Draft => ({
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
    return definedOnly(listVocabulary(at, asset), (field) => wanted.has(field))
  }
  return definedOnly({
    ...head(at.cloud, asset),
    // In fixed mode only a request with `fields` is told the folder.
    folder: undefined,
    ...urls(at, asset),
    tags: shape.tags === true ? [...asset.tags] : undefined,
    context: shape.context === true ? nestedContext(asset) : undefined,
    metadata: shape.metadata === true ? unlessEmpty(asset.metadata) : undefined,
    ...(shape.moderations === true ? latestModeration(asset) : {}),
  })
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
