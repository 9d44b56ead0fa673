import { identityOf } from '../admin/events.ts'
import { removeAsset } from '../backups/versions.ts'
import { requiredText, textOf } from '../params.ts'
import type { Rendered } from '../render.ts'
import type { Asset } from '../state.ts'
import { tell } from './answer.ts'
import type { UploadCall } from './call.ts'

/** `event` is what webhooks hear of it as. */
export const destroyFound = (call: UploadCall, asset: Asset | undefined, event = 'delete'): Rendered => {
  if (asset === undefined || asset.content === null) return { result: 'not found' }
  const identity = identityOf(call.cloud, asset)
  removeAsset(call.world, call.cloud, asset)
  tell(call, event, { resources: [identity] })
  return { result: 'ok' }
}

/** `POST /:resource_type/destroy`. What is not there is no error. */
export const destroy = (call: UploadCall): Rendered => {
  const publicId = requiredText(call.params, 'public_id')
  return destroyFound(
    call,
    call.cloud.shelf.byName(call.resourceType, textOf(call.params, 'type') ?? 'upload', publicId),
  )
}

/** `POST /asset/destroy` */
export const destroyById = (call: UploadCall): Rendered =>
  destroyFound(call, call.cloud.shelf.byId(requiredText(call.params, 'asset_id')))
