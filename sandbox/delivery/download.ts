import { authenticate } from '../auth.ts'
import { ApiError, notFound } from '../errors.ts'
import { extensionOf, normalFormat } from '../media/formats.ts'
import { flagOf, type Params, requiredText, textOf } from '../params.ts'
import type { Asset, Cloud, World } from '../state.ts'
import { deriveFrom } from './derive.ts'
import { sendContent } from './send.ts'

export interface DownloadRequest {
  readonly world: World
  readonly cloud: Cloud
  /** image, video, raw, or 'asset' for one that is named by its asset_id. */
  readonly kind: string
  readonly params: Params
  readonly authorization: string | undefined
}

/** A signed URL lives an hour from its timestamp, or else until its `expires_at`. */
const authorize = ({ world, cloud, params, authorization }: DownloadRequest): void => {
  const now = world.now()
  const expires = textOf(params, 'expires_at')
  if (expires === undefined) {
    authenticate(cloud, authorization, { params, now })
    return
  }
  const signedAt = Number(textOf(params, 'timestamp') ?? Number.NaN) * 1000
  authenticate(cloud, authorization, { params, now: Number.isFinite(signedAt) ? Math.min(now, signedAt) : now })
  if (!(Number(expires) * 1000 > now)) throw new ApiError(401, 'Request timestamp expired')
}

/** A raw id holds its extension; some callers put it in `format` all the same. */
const namedAsset = ({ cloud, kind, params }: DownloadRequest): Asset | undefined => {
  if (kind === 'asset') return cloud.shelf.byId(requiredText(params, 'asset_id'))
  const publicId = requiredText(params, 'public_id')
  const type = textOf(params, 'type') ?? 'upload'
  const format = textOf(params, 'format')
  const exact = cloud.shelf.byName(kind, type, publicId)
  if (exact !== undefined || kind !== 'raw' || format === undefined) return exact
  return cloud.shelf.byName(kind, type, `${publicId}.${format}`)
}

const dispositionOf = (params: Params, asset: Asset): Record<string, string> => {
  const target = textOf(params, 'target_filename')
  if (!flagOf(params, 'attachment') && !flagOf(params, 'streaming_attachment') && target === undefined) return {}
  const name = target ?? textOf(params, 'attachment') ?? ''
  const shown = ['', 'true', '1'].includes(name) ? (asset.originalFilename ?? asset.displayName) : name
  return { 'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(shown)}` }
}

/** `GET /:resource_type/download` and `/asset/download`: past all rules of delivery, for whoever holds the secret. */
export const download = (call: DownloadRequest, request: Request): Response => {
  const { params } = call
  const asset = namedAsset(call)
  authorize(call)
  if (asset === undefined || asset.content === null) {
    throw notFound(`Resource not found - ${textOf(params, 'public_id') ?? textOf(params, 'asset_id')}`)
  }
  const transformation = textOf(params, 'transformation')
  const wanted = textOf(params, 'format')
  const format = wanted === undefined || asset.format === null ? asset.format : normalFormat(wanted)
  const same = transformation === undefined && format === asset.format
  const chosen = same
    ? { content: asset.content, format: asset.format ?? extensionOf(asset.publicId) }
    : deriveFrom(asset, transformation ?? `f_${format}`, format ?? 'jpg')
  return sendContent(request, { ...chosen, lastModified: asset.uploadedAt, headers: dispositionOf(params, asset) })
}
