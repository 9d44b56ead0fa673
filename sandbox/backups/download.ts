import { authenticate } from '../auth.ts'
import { sendContent } from '../delivery/send.ts'
import { badRequest, notFound } from '../errors.ts'
import { type Params, requiredText } from '../params.ts'
import type { Cloud, World } from '../state.ts'

export interface DownloadCall {
  readonly world: World
  readonly cloud: Cloud
  readonly params: Params
  readonly authorization: string | undefined
}

const HEX32 = /^[0-9a-f]{32}$/

/** `GET /download_backup`: the bytes of a kept version, also of a deleted asset. Signed for an hour, or Basic. */
export const downloadBackup = (call: DownloadCall, request: Request): Response => {
  const { world, cloud, params } = call
  const assetId = requiredText(params, 'asset_id')
  const versionId = requiredText(params, 'version_id')
  if (!HEX32.test(assetId) || !HEX32.test(versionId)) throw badRequest('Illegal id')
  authenticate(cloud, call.authorization, { params, now: world.now() })
  const asset = cloud.shelf.byId(assetId)
  const kept = asset?.versions.find((version) => version.versionId === versionId)
  if (kept === undefined) throw notFound(`Resource not found - ${assetId}`)
  return sendContent(request, { content: kept.content, format: kept.format ?? '', lastModified: kept.time })
}
