import { applyAttributes } from '../attributes.ts'
import { backUp, versionAfter } from '../backups/versions.ts'
import { converted } from '../delivery/derive.ts'
import { ApiError, badRequest } from '../errors.ts'
import { ensureFolder, nameOf } from '../folder-records.ts'
import { newId } from '../make-asset.ts'
import { normalFormat } from '../media/formats.ts'
import { newMetadata, parseMetadata } from '../metadata-values.ts'
import { booleanOf, flagOf, type Params, textOf } from '../params.ts'
import type { Rendered } from '../render.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, Content, JsonValue } from '../state.ts'
import { type Admitted, admit, checkSize } from './admit.ts'
import { answerOf, eventHead, tell } from './answer.ts'
import type { UploadCall } from './call.ts'
import { takeChunk } from './chunks.ts'
import { newDeleteToken } from './delete-token.ts'
import { applyModeration } from './moderation.ts'
import { type Names, namesOf } from './naming.ts'
import type { SentFile } from './request.ts'
import { loadSource } from './source.ts'

/** A binary on its way to an asset. */
interface Incoming {
  readonly admitted: Admitted
  readonly content: Content
  readonly format: string | null
  readonly type: string
  readonly names: Names
}

const TYPES = ['upload', 'private', 'authenticated', 'asset']

const typeOf = (params: Params): string => {
  const type = textOf(params, 'type') ?? 'upload'
  if (!TYPES.includes(type)) throw badRequest(`Invalid value ${type} for parameter type`)
  return type
}

/** What is stored: the file, unless the request has it transformed or converted first. */
const storedContent = (params: Params, file: SentFile, admitted: Admitted): Pick<Incoming, 'content' | 'format'> => {
  const transformation = textOf(params, 'transformation') ?? ''
  const wanted = textOf(params, 'format')
  const format = wanted === undefined ? admitted.format : normalFormat(wanted)
  const changes = admitted.format !== null && format !== null && (transformation !== '' || format !== admitted.format)
  if (!changes) return { content: file.content, format: admitted.format }
  return { content: converted(file.content, transformation, format), format }
}

const incomingOf = (call: UploadCall, file: SentFile): Incoming => {
  const { cloud, params } = call
  const admitted = admit(cloud, call.resourceType, { params, file })
  const type = typeOf(params)
  const { resourceType } = admitted
  const names = namesOf(cloud, params, { resourceType, type, filename: file.filename })
  return { admitted, type, names, ...storedContent(params, file, admitted) }
}

const freshAsset = (call: UploadCall, incoming: Incoming): Asset => {
  const now = call.world.now()
  return {
    assetId: newId(),
    publicId: incoming.names.publicId,
    resourceType: incoming.admitted.resourceType,
    type: incoming.type,
    format: null,
    version: Math.floor(now / 1000) - 1,
    versionId: newId(),
    createdAt: now,
    uploadedAt: now,
    times: { updated: now },
    content: null,
    width: null,
    height: null,
    pages: null,
    duration: null,
    isAudio: false,
    assetFolder: incoming.names.assetFolder ?? '',
    displayName: nameOf(incoming.names.publicId),
    originalFilename: null,
    tags: [],
    context: {},
    metadata: newMetadata(call.cloud, parseMetadata(call.params['metadata'] ?? {})),
    accessMode: 'public',
    accessControl: null,
    moderation: [],
    coordinates: null,
    regions: null,
    backup: false,
    versions: [],
    related: new Set(),
    derived: [],
    extra: {},
    createdBy: call.key,
  }
}

/** The request's attributes with the names that were worked out from them. */
const namedParams = (params: Params, names: Names): Params => ({
  ...params,
  ...(names.assetFolder === undefined ? {} : { asset_folder: names.assetFolder }),
  ...(names.displayName === undefined ? {} : { display_name: names.displayName }),
})

const replaceContent = (call: UploadCall, asset: Asset, incoming: Incoming): void => {
  const { cloud, params, world } = call
  const now = world.now()
  const { width = null, height = null, pages = null, duration = null, isAudio = false } = incoming.admitted.probe ?? {}
  Object.assign(asset, { width, height, pages, duration, isAudio, derived: [] })
  asset.content = incoming.content
  asset.format = incoming.format
  asset.version = versionAfter(asset.version, now)
  asset.versionId = newId()
  asset.uploadedAt = now
  asset.originalFilename = incoming.names.originalFilename
  asset.times = { ...asset.times, updated: now }
  asset.backup = booleanOf(params, 'backup') ?? cloud.settings.autoBackup
  if (asset.backup) backUp(asset)
}

const clearAttributes = (asset: Asset): void => {
  asset.tags = []
  asset.context = {}
  asset.metadata = {}
}

/** Stores the binary under its name, on top of what is there. */
const store = (call: UploadCall, incoming: Incoming, before: Asset | undefined): Asset => {
  const { world, cloud } = call
  const now = world.now()
  const request = { params: namedParams(call.params, incoming.names), now }
  const asset = before ?? freshAsset(call, incoming)
  // Refuses what it must refuse on a copy, so that a refused upload leaves the asset as it was.
  const draft: Asset = { ...asset, times: { ...asset.times } }
  applyAttributes(cloud, draft, request)
  applyModeration(draft, call.params, now)
  if (before !== undefined) beforeChange(world, cloud, before)
  if (before !== undefined && cloud.settings.overwriteClearsAttributes) clearAttributes(asset)
  replaceContent(call, asset, incoming)
  applyAttributes(cloud, asset, request)
  applyModeration(asset, call.params, now)
  const mode = textOf(call.params, 'access_mode')
  if (mode === 'public' || mode === 'authenticated') asset.accessMode = mode
  ensureFolder(cloud, asset.assetFolder, now)
  if (before === undefined) cloud.shelf.add(asset)
  return asset
}

const finish = (call: UploadCall, file: SentFile): Rendered => {
  const incoming = incomingOf(call, file)
  const { names, admitted, type } = incoming
  const before = call.cloud.shelf.byName(admitted.resourceType, type, names.publicId)
  const overwrite = booleanOf(call.params, 'overwrite') ?? !call.unsigned
  const replaces = before !== undefined && before.content !== null
  if (replaces && !overwrite) return answerOf(call, before, { existing: true })
  const asset = store(call, incoming, before)
  const more = {
    ...(replaces ? { overwritten: true } : {}),
    ...(flagOf(call.params, 'return_delete_token') ? { delete_token: newDeleteToken(call, asset) } : {}),
  }
  const answer = answerOf(call, asset, more)
  tell(call, 'upload', { ...eventHead(call), ...answer })
  return answer
}

const sentFile = async (call: UploadCall): Promise<SentFile> => {
  if (call.file !== null) return call.file
  const named = textOf(call.params, 'file')
  if (named === undefined) throw badRequest('Missing required parameter - file')
  return loadSource(named)
}

/** Answers at once and works afterwards; who wants to know how it ended listens for `upload` or `error`. */
const finishLater = (call: UploadCall, work: () => Promise<unknown>): JsonValue => {
  const batchId = textOf(call.params, 'batch_id') ?? newId()
  setImmediate(() => {
    work().catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error
      tell(call, 'error', { ...eventHead(call), batch_id: batchId, message: error.message })
    })
  })
  return { status: 'pending', batch_id: batchId }
}

const unfinished = (call: UploadCall, bytes: number): JsonValue => ({
  done: false,
  bytes,
  kind: 'upload',
  resource_type: call.resourceType,
  ...(textOf(call.params, 'public_id') === undefined ? {} : { public_id: textOf(call.params, 'public_id') ?? null }),
})

/** `POST /:resource_type/upload` and `upload_chunked` */
export const upload = async (call: UploadCall): Promise<JsonValue> => {
  const { resourceType } = call
  const chunked = call.header('content-range') ?? call.header('x-upload-part-number')
  const later = flagOf(call.params, 'async')
  if (later && chunked === undefined) return finishLater(call, async () => finish(call, await sentFile(call)))
  const file = await sentFile(call)
  const chunk = takeChunk(call.cloud, file, { header: call.header, now: call.world.now() })
  if (chunk === undefined) return finish(call, file)
  if (resourceType === 'image' || resourceType === 'video' || resourceType === 'raw') {
    checkSize(call.cloud, resourceType, chunk.bytes)
  }
  const whole = chunk.file
  if (whole === null) return unfinished(call, chunk.bytes)
  return later ? finishLater(call, async () => finish(call, whole)) : finish(call, whole)
}
