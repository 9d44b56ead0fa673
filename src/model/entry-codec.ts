import type { AssetFacts, Moderation, RawRecords } from './asset.ts'
import { RESOURCE_TYPES } from './asset.ts'
import type { Entry, Proof } from './entry.ts'
import { AppError } from './errors.ts'
import type { Fields } from './shape.ts'
import {
  amount,
  count,
  digest,
  fieldsOf,
  flag,
  invalid,
  isGiven,
  json,
  list,
  maybe,
  object,
  oneOf,
  parseJson,
  text,
  textLike,
  time,
} from './shape.ts'

// An asset id serves as a file name when an entry has no path, so it may hold nothing that a path could mind.
const ASSET_ID = { pattern: /^[A-Za-z0-9_-]{1,128}$/, wanted: 'an asset id' }
const VERSION = { pattern: /^[0-9a-f]{16}$/, wanted: '16 hex digits' }
const MD5 = { pattern: /^[0-9a-f]{32}$/, wanted: 'an MD5 in 32 hex digits' }
const PROOFS: readonly Proof[] = ['md5', 'length']

/**
 * True when a path that came out of a vault can be joined to a folder and stays below it, on every system. This is
 * the floor of safety, not the naming rule: names given by an earlier rule must stay readable.
 */
export const isSafePath = (path: string): boolean =>
  path.length > 0 &&
  path.length <= 4096 &&
  !/[\u0000-\u001f\\:]/.test(path) &&
  path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')

const decodePath = (fields: Fields, name: string): string => {
  const path = text(fields, name)
  if (isSafePath(path)) return path
  throw invalid(name, path, 'a path that stays inside a folder')
}

const decodeTags = (fields: Fields): readonly string[] =>
  list(fields, 'tags').map((tag) => {
    if (typeof tag === 'string') return tag
    throw invalid('tags[]', tag, 'a text')
  })

const decodeModeration = (value: unknown): Moderation => {
  const fields = fieldsOf(value, 'moderation[]')
  return { kind: maybe(fields, 'kind', text), status: maybe(fields, 'status', text) }
}

const decodeFacts = (fields: Fields): AssetFacts => ({
  assetId: textLike(fields, 'assetId', ASSET_ID),
  publicId: text(fields, 'publicId'),
  resourceType: oneOf(fields, 'resourceType', RESOURCE_TYPES),
  type: text(fields, 'type'),
  format: maybe(fields, 'format', text),
  cldVersion: count(fields, 'cldVersion'),
  bytes: maybe(fields, 'bytes', count),
  etag: maybe(fields, 'etag', text),
  width: maybe(fields, 'width', amount),
  height: maybe(fields, 'height', amount),
  duration: maybe(fields, 'duration', amount),
  pages: maybe(fields, 'pages', amount),
  folder: maybe(fields, 'folder', text),
  displayName: maybe(fields, 'displayName', text),
  createdAt: maybe(fields, 'createdAt', text),
  uploadedAt: maybe(fields, 'uploadedAt', text),
  updatedAt: maybe(fields, 'updatedAt', text),
  tags: decodeTags(fields),
  context: json(fields, 'context'),
  metadata: json(fields, 'metadata'),
  accessMode: maybe(fields, 'accessMode', text),
  accessControl: json(fields, 'accessControl'),
  moderation: list(fields, 'moderation').map(decodeModeration),
  coordinates: json(fields, 'coordinates'),
  regions: json(fields, 'regions'),
  originalFilename: maybe(fields, 'originalFilename', text),
  status: maybe(fields, 'status', text),
  isAudio: maybe(fields, 'isAudio', flag),
  secureUrl: maybe(fields, 'secureUrl', text),
})

const decodeRaw = (fields: Fields): RawRecords => ({
  ...(isGiven(fields, 'list') && { list: json(fields, 'list') }),
  ...(isGiven(fields, 'search') && { search: json(fields, 'search') }),
  ...(isGiven(fields, 'details') && { details: json(fields, 'details') }),
})

/** Reads one line of a segment. Throws VAULT_INVALID naming the field; the caller names the segment and the line. */
export const decodeEntry = (line: string): Entry => {
  const fields = fieldsOf(parseJson(line), 'the entry')
  const entry: Entry = {
    assetId: textLike(fields, 'assetId', ASSET_ID),
    version: textLike(fields, 'version', VERSION),
    publicId: text(fields, 'publicId'),
    resourceType: oneOf(fields, 'resourceType', RESOURCE_TYPES),
    type: text(fields, 'type'),
    cldVersion: count(fields, 'cldVersion'),
    object: maybe(fields, 'object', digest),
    size: maybe(fields, 'size', count),
    md5: maybe(fields, 'md5', (from, name) => textLike(from, name, MD5)),
    proof: maybe(fields, 'proof', (from, name) => oneOf(from, name, PROOFS)),
    path: maybe(fields, 'path', decodePath),
    capturedAt: time(fields, 'capturedAt'),
    listHash: text(fields, 'listHash'),
    facts: decodeFacts(object(fields, 'facts')),
    raw: decodeRaw(object(fields, 'raw')),
  }
  if (entry.object !== null && entry.size === null)
    throw new AppError('VAULT_INVALID', '"object" is named without its "size"')
  return entry
}
