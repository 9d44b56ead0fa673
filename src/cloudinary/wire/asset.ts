import { createHash } from 'node:crypto'
import { type AssetFacts, type Moderation, RESOURCE_TYPES, type ResourceType } from '../../model/asset.ts'
import { AppError } from '../../model/errors.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { AccountRow, Partition, RowOrigin } from '../reader.ts'
import { isObject, toBoolean, toNumber } from './answer.ts'
import { hashRecord } from './hash-record.ts'

type Identity = Pick<AssetFacts, 'resourceType' | 'type' | 'publicId'>

/** Stands in for the asset_id that a service does not give. Not a secret, not a checksum: MD5 has the right length. */
export const syntheticAssetId = ({ resourceType, type, publicId }: Identity): string =>
  createHash('md5').update(`${resourceType}/${type}/${publicId}`).digest('hex')

/** The service's own ids are 32 hex digits; other harmless ones are kept so that they can be asked for again. */
const SAFE_ASSET_ID = /^[0-9a-zA-Z_-]{1,64}$/
const MD5 = /^[0-9a-f]{32}$/

const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null)
const nonEmpty = (value: Json | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null)

const wholeNumber = (value: Json | undefined): number | null => {
  const number = toNumber(value)
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number : null
}

export const isResourceType = (value: Json | undefined): value is ResourceType =>
  RESOURCE_TYPES.some((known) => known === value)

/** `{}`, `[]` and null all say "none"; one spelling keeps facts of different endpoints comparable. */
const structure = (value: Json | undefined): Json => {
  if (typeof value !== 'object' || value === null) return null
  return Object.keys(value).length === 0 ? null : value
}

/** Lists and details wrap the pairs in `custom`, search does not; a pair may itself be called "custom". */
const fullContext = (value: Json | undefined): Json => {
  const context = structure(value)
  if (!isObject(context)) return null
  if ('custom' in context && typeof context['custom'] !== 'string') {
    return structure(context['custom']) === null && Object.keys(context).length === 1 ? null : context
  }
  return Object.values(context).every(isObject) ? context : { custom: context }
}

const tagList = (value: Json | undefined): readonly string[] => {
  if (typeof value === 'string') return value === '' ? [] : value.split(',')
  return Array.isArray(value) ? value.filter((tag) => typeof tag === 'string') : []
}

/** Details carry every moderation in an array; lists the last one in two fields. */
const moderations = (raw: JsonObject): readonly Moderation[] => {
  const { moderation } = raw
  if (Array.isArray(moderation)) {
    return moderation.filter(isObject).map((one) => ({ kind: text(one['kind']), status: text(one['status']) }))
  }
  const kind = nonEmpty(raw['moderation_kind'])
  const status = nonEmpty(raw['moderation_status'])
  return kind === null && status === null ? [] : [{ kind, status }]
}

/** In fixed folder mode, where lists may leave the folder out, it is the path part of the public_id. */
const folderOf = (raw: JsonObject, publicId: string): string | null => {
  const folder = text(raw['asset_folder']) ?? text(raw['folder'])
  if (folder !== null) return folder
  if (raw['asset_folder'] === null && typeof raw['display_name'] === 'string') return ''
  return publicId.slice(0, Math.max(0, publicId.lastIndexOf('/')))
}

const etagOf = (value: Json | undefined): string | null => {
  const etag = typeof value === 'string' ? value.toLowerCase() : ''
  return MD5.test(etag) ? etag : null
}

const versionOf = (raw: JsonObject, secureUrl: string | null): number => {
  const version = wholeNumber(raw['version'])
  if (version !== null) return version
  const inUrl = secureUrl === null ? null : /\/v(\d{1,15})\//.exec(secureUrl)
  return inUrl === null ? 0 : Number(inUrl[1])
}

const unexpected = (origin: RowOrigin, problem: string): AppError =>
  new AppError('API_UNEXPECTED', `${origin}: a record ${problem}`, {
    hint: 'the service answers in a form that is not known; check upload_prefix, or report the record',
  })

const identify = (raw: JsonObject, origin: RowOrigin, partition: Partition | null): Identity => {
  const publicId = text(raw['public_id'])
  if (publicId === null || publicId === '') throw unexpected(origin, 'has no public_id')
  const resourceType = raw['resource_type'] ?? partition?.resourceType
  if (!isResourceType(resourceType))
    throw unexpected(origin, `has an unknown resource_type (${JSON.stringify(publicId)})`)
  return { publicId, resourceType, type: nonEmpty(raw['type']) ?? partition?.type ?? 'upload' }
}

const assetIdOf = (value: Json | undefined, identity: Identity): string =>
  typeof value === 'string' && SAFE_ASSET_ID.test(value) ? value : syntheticAssetId(identity)

const factsOf = (raw: JsonObject, identity: Identity): AssetFacts => {
  const secureUrl = nonEmpty(raw['secure_url']) ?? nonEmpty(raw['url'])
  const updated = raw['last_updated']
  return {
    assetId: assetIdOf(raw['asset_id'], identity),
    publicId: identity.publicId,
    resourceType: identity.resourceType,
    type: identity.type,
    format: nonEmpty(raw['format']),
    cldVersion: versionOf(raw, secureUrl),
    bytes: wholeNumber(raw['bytes']),
    etag: etagOf(raw['etag']),
    width: wholeNumber(raw['width']),
    height: wholeNumber(raw['height']),
    duration: toNumber(raw['duration']),
    pages: wholeNumber(raw['pages']),
    folder: folderOf(raw, identity.publicId),
    displayName: text(raw['display_name']),
    createdAt: nonEmpty(raw['created_at']),
    uploadedAt: nonEmpty(raw['uploaded_at']),
    updatedAt: (isObject(updated) ? nonEmpty(updated['updated_at']) : null) ?? nonEmpty(raw['updated_at']),
    tags: tagList(raw['tags']),
    context: fullContext(raw['context']),
    metadata: structure(raw['metadata']),
    accessMode: nonEmpty(raw['access_mode']),
    accessControl: structure(raw['access_control']),
    moderation: moderations(raw),
    coordinates: structure(raw['coordinates']),
    regions: structure(raw['regions']),
    originalFilename: nonEmpty(raw['original_filename']),
    status: nonEmpty(raw['status']),
    isAudio: toBoolean(raw['is_audio']),
    secureUrl,
  }
}

/** A stored record is read again without its request, so it must say itself what that said. */
const selfContained = (raw: JsonObject, { resourceType, type }: Identity): JsonObject =>
  typeof raw['resource_type'] === 'string' && typeof raw['type'] === 'string'
    ? raw
    : { ...raw, resource_type: resourceType, type }

/**
 * Reads one record of a list, a search or the details. The partition says what a list leaves out because the
 * request named it. Throws API_UNEXPECTED on what cannot be an asset.
 */
export const parseAsset = (raw: Json, origin: RowOrigin, partition: Partition | null = null): AccountRow => {
  if (!isObject(raw)) throw unexpected(origin, 'is not an object')
  const identity = identify(raw, origin, partition)
  const record = selfContained(raw, identity)
  const facts = factsOf(raw, identity)
  const placeholder = toBoolean(raw['placeholder']) === true || facts.status === 'deleted'
  let hash: string | null = null
  return {
    facts,
    raw: record,
    // Stored records are parsed again for their facts alone, and the digest costs as much as all the rest.
    get hash() {
      hash ??= hashRecord(record)
      return hash
    },
    placeholder,
  }
}
