import type { AssetFacts } from '../model/asset.ts'
import { type DeliverySignature, signDelivery } from './signature.ts'

/** As one path segment, slashes included. Half a surrogate pair, which URLs cannot carry, becomes U+FFFD. */
export const encodeSegment = (text: string): string =>
  encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll("'", '%27')

/** As the SDKs write a public_id into a delivery URL: `/` and `:` stay. */
const encodeSource = (publicId: string): string => encodeSegment(publicId).replaceAll('%2F', '/').replaceAll('%3A', ':')

/** Delivery types whose originals answer only to a signed URL. */
const isSigned = (type: string): boolean => type === 'private' || type === 'authenticated'

/** A delivery URL of an original, taken apart. */
interface Parts {
  /** Up to and including the delivery type, without a slash at the end. */
  readonly base: string
  readonly signature: string | null
  /** `v123`, or null. */
  readonly version: string | null
  /** The public_id with its extension, encoded as it stands in the URL. */
  readonly source: string
}

/** Null when the URL is not of the plain form (short and SEO forms, derived assets). */
const parse = (url: string, facts: AssetFacts): Parts | null => {
  const marker = `/${facts.resourceType}/${facts.type}/`
  const at = url.indexOf(marker, url.indexOf('//') + 2)
  if (at < 0 || url.includes('?')) return null
  const rest = /^(?:(s--[\w-]{8,32}--)\/)?(?:(v\d+)\/)?(.+)$/s.exec(url.slice(at + marker.length))
  const source = rest?.[3]
  if (rest === null || source === undefined) return null
  const base = url.slice(0, at + marker.length - 1)
  return { base, signature: rest[1] ?? null, version: rest[2] ?? null, source }
}

const fromFacts = (base: string, facts: AssetFacts): Parts => {
  // A raw public_id holds its extension; an image or video without one would be delivered as a new derived asset.
  const extension = facts.resourceType === 'raw' || facts.format === null ? '' : `.${encodeSegment(facts.format)}`
  return {
    base: `${base}/${facts.resourceType}/${encodeSegment(facts.type)}`,
    signature: null,
    version: `v${facts.cldVersion}`,
    source: encodeSource(facts.publicId) + extension,
  }
}

/** How the account signs its URLs, told by one that it signed; the default where there is none or it is not ours. */
const signatureLike = (parts: Parts, secret: string): DeliverySignature => {
  const length = parts.signature === null ? 8 : parts.signature.length - 's----'.length
  if (length > 8) return { algorithm: 'sha256', length }
  const bySha256 = { algorithm: 'sha256', length } as const
  if (parts.signature !== null && parts.signature === signDelivery(parts.source, secret, bySha256)) return bySha256
  return { algorithm: 'sha1', length: 8 }
}

export interface DeliveryOptions {
  /** Where originals are when a record has no URL: `https://res.cloudinary.com/<cloud>`, without a slash at the end. */
  readonly base: string
  readonly apiSecret: string
}

const assemble = (parts: Parts, signature: string | null, transformation: string | null): string =>
  [parts.base, signature, transformation, parts.version, parts.source].filter((part) => part !== null).join('/')

/** The URL of the original: the account's own when the record has one (it is already signed), else rebuilt. */
export const originalUrl = (facts: AssetFacts, options: DeliveryOptions): string => {
  if (facts.secureUrl !== null) return facts.secureUrl
  const parts = fromFacts(options.base, facts)
  return assemble(parts, isSigned(facts.type) ? signDelivery(parts.source, options.apiSecret) : null, null)
}

/**
 * The original untouched by an account's "optimize by default" (`fl_original`), which is part of what is signed.
 * Made from the account's own URL where possible, so that its host and spelling are kept.
 */
export const flOriginalUrl = (facts: AssetFacts, options: DeliveryOptions): string => {
  const own = facts.secureUrl === null ? null : parse(facts.secureUrl, facts)
  const parts = own ?? fromFacts(options.base, facts)
  if (!isSigned(facts.type) && parts.signature === null) return assemble(parts, null, 'fl_original')
  const like = signatureLike(parts, options.apiSecret)
  const signature = signDelivery(`fl_original/${parts.source}`, options.apiSecret, like)
  return assemble(parts, signature, 'fl_original')
}
