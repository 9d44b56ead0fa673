import { removeAsset } from '../backups/versions.ts'
import { badRequest } from '../errors.ts'
import { ensureFolder, folderOf, parentOf } from '../folder-records.ts'
import { flagOf, requiredText, textOf } from '../params.ts'
import { type Rendered, uploadResponse } from '../render.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset } from '../state.ts'
import { eventHead, tell } from './answer.ts'
import type { UploadCall } from './call.ts'
import { namedAsset } from './explicit.ts'

const MANAGED = ['upload', 'private', 'authenticated', 'asset']

/** With `overwrite` the asset that has the name goes, backups and all; a name that only backups hold is never given away. */
const freeTarget = (call: UploadCall, type: string, publicId: string): void => {
  const taken = call.cloud.shelf.byName(call.resourceType, type, publicId)
  if (taken === undefined) return
  if (taken.content === null) throw badRequest(`to_public_id ${publicId} is reserved for a deleted asset with backups`)
  if (!flagOf(call.params, 'overwrite')) throw badRequest(`to_public_id ${publicId} already exists`)
  taken.versions = []
  removeAsset(call.world, call.cloud, taken)
}

const place = (call: UploadCall, asset: Asset): Rendered =>
  call.cloud.settings.folderMode === 'fixed'
    ? { folder: folderOf(call.cloud, asset) }
    : { asset_folder: asset.assetFolder, display_name: asset.displayName }

const move = (call: UploadCall, asset: Asset, to: { publicId: string; type: string }): void => {
  const { world, cloud } = call
  const now = world.now()
  const before = { resourceType: asset.resourceType, type: asset.type, publicId: asset.publicId }
  beforeChange(world, cloud, asset)
  asset.publicId = to.publicId
  asset.type = to.type
  asset.derived = []
  asset.times = { ...asset.times, publicId: now, updated: now }
  if (cloud.settings.folderMode === 'fixed') {
    asset.assetFolder = parentOf(to.publicId)
    ensureFolder(cloud, asset.assetFolder, now)
  }
  cloud.shelf.renamed(asset, before)
}

const withoutUnasked = (call: UploadCall, answer: Rendered): Rendered =>
  Object.fromEntries(
    Object.entries(answer).filter(([name]) => !['context', 'metadata'].includes(name) || flagOf(call.params, name)),
  )

/** `POST /:resource_type/rename`: the asset_id, the version and the backups stay. */
export const rename = (call: UploadCall): Rendered => {
  const { params } = call
  const from = requiredText(params, 'from_public_id')
  const publicId = requiredText(params, 'to_public_id').trim()
  const fromType = textOf(params, 'type') ?? 'upload'
  const asset = namedAsset(call, from, fromType)
  const type = textOf(params, 'to_type') ?? fromType
  if (!MANAGED.includes(type)) throw badRequest(`Invalid value ${type} for parameter to_type`)
  if (/^\/|\/$|[?&#\\%<>]/.test(publicId)) throw badRequest(`public_id (${publicId}) is invalid`)
  if (publicId === from && type === fromType) throw badRequest('from_public_id and to_public_id fields are equal')
  freeTarget(call, type, publicId)
  move(call, asset, { publicId, type })
  tell(call, 'rename', {
    ...eventHead(call),
    resource_type: asset.resourceType,
    type,
    asset_id: asset.assetId,
    ...place(call, asset),
    from_public_id: from,
    to_public_id: publicId,
  })
  return withoutUnasked(call, uploadResponse(call, asset))
}
