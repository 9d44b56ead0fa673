import { folderOf, nameOf } from '../folder-records.ts'
import { type Asset, type Cloud, statusOf } from '../state.ts'
import { type FieldValue, fieldOfJson, type Lookup } from './evaluate.ts'

const exact = (value: string | null): FieldValue | undefined =>
  value === null ? undefined : { kind: 'exact', values: [value] }
const word = (value: string | null): FieldValue | undefined =>
  value === null ? undefined : { kind: 'exact', values: [value], ci: true }
const text = (values: readonly string[]): FieldValue | undefined =>
  values.length === 0 ? undefined : { kind: 'text', values }
const number = (value: number | null): FieldValue | undefined =>
  value === null ? undefined : { kind: 'number', value }
const time = (value: number | undefined): FieldValue | undefined =>
  value === undefined ? undefined : { kind: 'time', value }

const backupBytes = (asset: Asset): number => asset.versions.reduce((sum, version) => sum + version.content.size, 0)

type Getter = (asset: Asset, cloud: Cloud) => FieldValue | undefined

const folder: Getter = (asset, cloud) => ({ kind: 'path', value: folderOf(cloud, asset) })

/** What search knows of an asset. A placeholder has lost what its binary had. */
const FIELDS: { readonly [field: string]: Getter } = {
  public_id: (asset) => exact(asset.publicId),
  asset_id: (asset) => exact(asset.assetId),
  filename: (asset) => text([nameOf(asset.publicId)]),
  display_name: (asset) => text([asset.displayName]),
  folder,
  asset_folder: folder,
  tags: (asset) => text(asset.tags),
  resource_type: (asset) => word(asset.resourceType),
  type: (asset) => word(asset.type),
  format: (asset) => (asset.content === null ? undefined : word(asset.format)),
  bytes: (asset) => number(asset.content?.size ?? 0),
  backup_bytes: (asset) => number(backupBytes(asset)),
  version: (asset) => number(asset.version),
  width: (asset) => number(asset.width),
  height: (asset) => number(asset.height),
  pixels: (asset) => number(asset.width === null || asset.height === null ? null : asset.width * asset.height),
  duration: (asset) => number(asset.duration),
  pages: (asset) => number(asset.pages),
  aspect_ratio: (asset) => number(asset.width === null || asset.height === null ? null : asset.width / asset.height),
  status: (asset) => word(statusOf(asset)),
  access_mode: (asset) => word(asset.accessMode),
  etag: (asset) => exact(asset.content?.md5 ?? null),
  moderation_status: (asset) => word(asset.moderation.at(-1)?.status ?? null),
  moderation_kind: (asset) => word(asset.moderation.at(-1)?.kind ?? null),
  created_at: (asset) => time(asset.createdAt),
  uploaded_at: (asset) => time(asset.uploadedAt),
  updated_at: (asset) => time(asset.times.updated),
  'last_updated.updated_at': (asset) => time(asset.times.updated),
  'last_updated.tags_updated_at': (asset) => time(asset.times.tags),
  'last_updated.context_updated_at': (asset) => time(asset.times.context),
  'last_updated.metadata_updated_at': (asset) => time(asset.times.metadata),
  'last_updated.public_id_updated_at': (asset) => time(asset.times.publicId),
  'last_updated.access_control_updated_at': (asset) => time(asset.times.accessControl),
}

/** The fields of which a bare word is searched. */
export const ASSET_TEXTS: readonly string[] = ['public_id', 'filename', 'display_name', 'tags']

const ownValue = <T>(map: { readonly [key: string]: T }, key: string): T | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined

const nestedField = (asset: Asset, field: string): FieldValue | undefined => {
  const dot = field.indexOf('.')
  if (dot === -1) return fieldOfJson(ownValue(asset.extra, field))
  const [family, key] = [field.slice(0, dot), field.slice(dot + 1)]
  if (family === 'context') {
    const value = ownValue(asset.context, key)
    return value === undefined ? undefined : { kind: 'text', values: [value] }
  }
  if (family === 'metadata') return fieldOfJson(ownValue(asset.metadata, key))
  const group = ownValue(asset.extra, family)
  const isMap = typeof group === 'object' && group !== null && !Array.isArray(group)
  return isMap ? fieldOfJson(ownValue(group, key)) : undefined
}

export const assetLookup =
  (cloud: Cloud, asset: Asset): Lookup =>
  (field) => {
    const getter = ownValue(FIELDS, field)
    return getter === undefined ? nestedField(asset, field) : getter(asset, cloud)
  }
