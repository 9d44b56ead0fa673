import { deliverySource } from '../delivery-url.ts'
import { extensionOf } from '../media/formats.ts'
import { isDeliverySignature } from '../signature.ts'
import { type Asset, type JsonValue, statusOf } from '../state.ts'
import type { Target } from './target.ts'

/** Why a file is not delivered: the status, and the reason for the `x-cld-error` header. */
export interface Refusal {
  readonly status: 400 | 401 | 404
  readonly reason: string
}

const ACL: Refusal = { status: 401, reason: 'deny or ACL failure' }

/** By any enabled key; over the path as it came, or as the SDKs encode it. */
const isSigned = (target: Target, asset: Asset): boolean => {
  const { signature, cloud, transformation } = target
  if (signature === undefined) return false
  const canonical = [transformation, deliverySource(asset)].filter((part) => part !== '').join('/')
  return cloud.keys.some(
    (key) =>
      key.enabled && [target.signed, canonical].some((toSign) => isDeliverySignature(toSign, signature, key.secret)),
  )
}

const timeOf = (rule: { [key: string]: JsonValue }, name: string, otherwise: number): number => {
  const value = rule[name]
  return typeof value === 'string' ? Date.parse(value) : otherwise
}

/** A token rule closes the asset but for the time of an anonymous one. The sandbox gives out no tokens. */
const isClosed = (asset: Asset, now: number): boolean => {
  const rules = (asset.accessControl ?? []).filter(
    (rule): rule is { [key: string]: JsonValue } => typeof rule === 'object' && rule !== null && !Array.isArray(rule),
  )
  const open = rules.some(
    (rule) =>
      rule['access_type'] === 'anonymous' &&
      timeOf(rule, 'start', Number.NEGATIVE_INFINITY) <= now &&
      now <= timeOf(rule, 'end', Number.POSITIVE_INFINITY),
  )
  return rules.length > 0 && !open
}

const isPdfOrZip = (target: Target, asset: Asset): boolean => {
  const format = asset.resourceType === 'raw' ? extensionOf(asset.publicId) : (target.extension ?? asset.format ?? '')
  return ['pdf', 'zip'].includes(format.toLowerCase())
}

export interface AccessCheck {
  readonly target: Target
  readonly asset: Asset
  /** Whether the original itself is asked for: a private asset's renderings are public. */
  readonly original: boolean
  readonly now: number
}

/** Undefined when the file may be delivered. */
export const refusalOf = ({ target, asset, original, now }: AccessCheck): Refusal | undefined => {
  const notFound: Refusal = { status: 404, reason: `Resource not found - ${target.source}` }
  if (asset.content === null || statusOf(asset) === 'inactive') return notFound
  const signed = isSigned(target, asset)
  const restricted = asset.type === 'authenticated' || asset.accessMode === 'authenticated'
  if (asset.type === 'private' && original && target.signature === undefined) return notFound
  if (!signed && (restricted || (asset.type === 'private' && original))) return ACL
  if (isClosed(asset, now)) return ACL
  return isPdfOrZip(target, asset) && !target.cloud.settings.allowPdfZip ? ACL : undefined
}
