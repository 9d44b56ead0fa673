import { type AttributeChanges, applyAttributes } from '../attributes.ts'
import { backUp } from '../backups/versions.ts'
import { missing, notFound } from '../errors.ts'
import { flagOf, requiredText, textOf } from '../params.ts'
import type { Rendered } from '../render.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset } from '../state.ts'
import { answerOf, eventHead, tell } from './answer.ts'
import type { UploadCall } from './call.ts'
import { tellChanges } from './change-events.ts'
import { applyModeration } from './moderation.ts'

/** The asset that a request names, if it has a binary. Throws the 404 otherwise. */
export const namedAsset = (call: UploadCall, publicId: string, type: string): Asset => {
  const asset = call.cloud.shelf.byName(call.resourceType, type, publicId)
  if (asset === undefined || asset.content === null) throw notFound(`Resource not found - ${publicId}`)
  return asset
}

/** Attributes that no notification tells. */
const QUIET = ['face_coordinates', 'custom_coordinates', 'regions', 'moderation']

const changesAnything = (call: UploadCall, changed: AttributeChanges): boolean =>
  Object.keys(changed).length > 0 || QUIET.some((name) => textOf(call.params, name) !== undefined)

/** `POST /:resource_type/explicit`. Without attributes it changes nothing and dates nothing. */
export const explicit = (call: UploadCall): Rendered => {
  const { world, cloud, params } = call
  const publicId = requiredText(params, 'public_id')
  if (textOf(params, 'type') === undefined) throw missing('type')
  const asset = namedAsset(call, publicId, requiredText(params, 'type'))
  const now = world.now()
  beforeChange(world, cloud, asset)
  const { updated } = asset.times
  const changed = applyAttributes(cloud, asset, { params, now })
  applyModeration(asset, params, now)
  asset.times = { ...asset.times, updated: changesAnything(call, changed) ? now : updated }
  if (flagOf(params, 'backup')) backUp(asset)
  const answer = answerOf(call, asset)
  tell(call, 'explicit', { ...eventHead(call), ...answer })
  tellChanges(call, [{ asset, before: changed }])
  return answer
}
