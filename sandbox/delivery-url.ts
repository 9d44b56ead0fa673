import { signingSecret } from './cloud.ts'
import { deliverySignature } from './signature.ts'
import type { Asset, Cloud } from './state.ts'

/** A public_id as it stands in a delivery URL: percent-encoded, with `/` and `:` left as they are. */
const encodePublicId = (publicId: string): string =>
  encodeURIComponent(publicId).replaceAll('%2F', '/').replaceAll('%3A', ':')

/** What the signature covers after the transformation: the encoded id, and the extension where the URL has one. */
export const deliverySource = (asset: Pick<Asset, 'publicId' | 'resourceType' | 'type' | 'format'>): string => {
  const id = encodePublicId(asset.publicId)
  const fetched = asset.publicId.includes('://')
  return asset.resourceType === 'raw' || asset.format === null || fetched ? id : `${id}.${asset.format}`
}

const needsSignature = (asset: Pick<Asset, 'type'>): boolean =>
  asset.type === 'private' || asset.type === 'authenticated'

/**
 * The path of `secure_url`: `/<cloud>/<resource_type>/<type>[/s--SIG--][/<transformation>]/v<version>/<id>[.<format>]`,
 * signed for private and authenticated assets.
 */
export const deliveryPath = (cloud: Cloud, asset: Asset, options: { transformation?: string } = {}): string => {
  const source = deliverySource(asset)
  const toSign = options.transformation === undefined ? source : `${options.transformation}/${source}`
  const signature = needsSignature(asset) ? [deliverySignature(toSign, signingSecret(cloud))] : []
  const transformation = options.transformation === undefined ? [] : [options.transformation]
  const parts = [
    cloud.name,
    asset.resourceType,
    asset.type,
    ...signature,
    ...transformation,
    `v${asset.version}`,
    source,
  ]
  return `/${parts.join('/')}`
}
