import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * The three signatures of Cloudinary: of an API request, of a webhook, of a delivery URL. All are a plain digest over
 * text plus the secret, none is an HMAC. The service takes SHA-1 and SHA-256 alike and tells them apart by length.
 */
export type SignatureAlgorithm = 'sha1' | 'sha256'

export interface ApiSignatureOptions {
  /** @default 'sha1' */
  readonly algorithm?: SignatureAlgorithm
  /** 2 writes `&` inside a value as `%26`, so that no value can smuggle in a parameter; 1 does not. @default 2 */
  readonly version?: 1 | 2
}

/** Values as they travel; an array is signed joined with commas; empty, null and undefined values are left out. */
export type SignedParams = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

/** Never part of the text that is signed: the file itself, what the path says, and the signature's own parameters. */
const UNSIGNED = new Set(['file', 'cloud_name', 'resource_type', 'api_key', 'signature'])

const digest = (algorithm: SignatureAlgorithm, text: string | Buffer): Buffer =>
  createHash(algorithm).update(text).digest()

const byName = (a: readonly [string, string], b: readonly [string, string]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0

const wireText = (value: SignedParams[string]): string =>
  value === null || value === undefined ? '' : Array.isArray(value) ? value.join(',') : String(value)

/** The text that a request's signature covers, without the secret. Error answers show it to the caller. */
export const stringToSign = (params: SignedParams, version: 1 | 2 = 2): string =>
  Object.entries(params)
    .filter(([name]) => !UNSIGNED.has(name))
    .map(([name, value]) => [name, wireText(value)] as const)
    .filter(([, value]) => value !== '')
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .map((pair) => (version === 2 ? pair.replaceAll('&', '%26') : pair))
    .join('&')

/** Lower-case hex. */
export const apiSignature = (params: SignedParams, secret: string, options: ApiSignatureOptions = {}): string =>
  digest(options.algorithm ?? 'sha1', stringToSign(params, options.version) + secret).toString('hex')

/** Lower-case hex over the body's bytes, the time and the secret. `timestamp` is in unix seconds. */
export const notificationSignature = (
  body: string,
  timestamp: number,
  { secret, algorithm = 'sha1' }: { secret: string; algorithm?: SignatureAlgorithm },
): string => digest(algorithm, `${body}${timestamp}${secret}`).toString('hex')

export interface DeliverySignatureOptions {
  /** @default 'sha1'; a long signature is always SHA-256 */
  readonly algorithm?: SignatureAlgorithm
  /** 32 characters in place of 8. @default false */
  readonly long?: boolean
}

/**
 * The segment `s--XXXXXXXX--`. `toSign` is the transformation, if any, and the source as they stand in the path,
 * percent-encoded, joined by `/`; neither version nor type.
 */
export const deliverySignature = (toSign: string, secret: string, options: DeliverySignatureOptions = {}): string => {
  const algorithm = options.long === true ? 'sha256' : (options.algorithm ?? 'sha1')
  const text = digest(algorithm, toSign + secret)
    .toString('base64')
    .slice(0, options.long === true ? 32 : 8)
  return `s--${text.replaceAll('/', '_').replaceAll('+', '-')}--`
}

const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** True for a right signature by either algorithm and either version. */
export const isApiSignature = (params: SignedParams, signature: string, secret: string): boolean => {
  const algorithm = signature.length === 64 ? 'sha256' : 'sha1'
  return ([2, 1] as const).some((version) => sameText(apiSignature(params, secret, { algorithm, version }), signature))
}

/** True for a right signature by either algorithm; says nothing of its age. */
export const isNotificationSignature = (
  body: string,
  timestamp: number,
  { signature, secret }: { signature: string; secret: string },
): boolean => {
  const algorithm = signature.length === 64 ? 'sha256' : 'sha1'
  return sameText(notificationSignature(body, timestamp, { secret, algorithm }), signature)
}

const DELIVERY_FORMS: readonly DeliverySignatureOptions[] = [
  { algorithm: 'sha1' },
  { algorithm: 'sha256' },
  { long: true },
]

/** True for a right `s--…--` segment: short by either algorithm, or long. */
export const isDeliverySignature = (toSign: string, segment: string, secret: string): boolean =>
  DELIVERY_FORMS.some((options) => sameText(deliverySignature(toSign, secret, options), segment))
