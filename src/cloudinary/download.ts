import { type AssetFacts, isManagedType, MANAGED_TYPES } from '../model/asset.ts'
import type { Json } from '../model/json.ts'
import { type DeliveryOptions, encodeSegment, flOriginalUrl, originalUrl } from './delivery-url.ts'
import type { BodyPosition, Wanted } from './open-body.ts'
import type { DownloadSource, OpenedBody, SourceKind } from './reader.ts'
import { signRequest } from './signature.ts'
import { isObject } from './wire/answer.ts'

/** What signs the requests for bytes that the API itself gives out. */
export interface SigningOptions {
  /** `https://api.cloudinary.com/v1_1/<cloud>` */
  readonly apiBase: string
  readonly apiKey: string
  readonly apiSecret: string
  /** The service's clock, in milliseconds: signed requests expire by it. */
  readonly serverNow: () => number
}

export interface DownloadOptions extends SigningOptions {
  readonly delivery: DeliveryOptions
}

const SOURCES: Readonly<Record<SourceKind, DownloadSource>> = {
  secure_url: { kind: 'secure_url' },
  fl_original: { kind: 'fl_original' },
  download_api: { kind: 'download_api' },
}

/** Token-protected originals answer 401 on the CDN, which caches that; the API gives them out. */
const needsToken = ({ accessControl }: AssetFacts): boolean => {
  if (!Array.isArray(accessControl)) return false
  const kinds = accessControl.map((rule: Json) => (isObject(rule) ? rule['access_type'] : null))
  return kinds.includes('token') && !kinds.includes('anonymous')
}

/** The places to try, best first. */
export const sources = (facts: AssetFacts): readonly DownloadSource[] => {
  const kinds: SourceKind[] = ['secure_url']
  if (facts.resourceType !== 'raw' && isManagedType(facts.type)) kinds.push('fl_original')
  if (MANAGED_TYPES.includes(facts.type)) {
    if (needsToken(facts)) kinds.unshift('download_api')
    else kinds.push('download_api')
  }
  return kinds.map((kind) => SOURCES[kind])
}

/** A GET that the Upload API answers with bytes: parameters, their time and their signature. Empty ones are left out. */
export const signedUrl = (path: string, given: Readonly<Record<string, string>>, options: SigningOptions): string => {
  const params = { ...given, timestamp: String(Math.floor(options.serverNow() / 1000)) }
  const query = Object.entries({
    ...params,
    api_key: options.apiKey,
    signature: signRequest(params, options.apiSecret),
  })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeSegment(value)}`)
  return `${options.apiBase}/${path}?${query.join('&')}`
}

const downloadApiUrl = (facts: AssetFacts, options: DownloadOptions): string => {
  const params = {
    public_id: facts.publicId,
    // A raw public_id holds its extension, and the API would append the format once more.
    format: facts.resourceType === 'raw' ? '' : (facts.format ?? ''),
    type: facts.type,
  }
  return signedUrl(`${facts.resourceType}/download`, params, options)
}

const urlOf = (facts: AssetFacts, kind: SourceKind, options: DownloadOptions): string => {
  if (kind === 'secure_url') return originalUrl(facts, options.delivery)
  return kind === 'fl_original' ? flOriginalUrl(facts, options.delivery) : downloadApiUrl(facts, options)
}

const nameOf = (facts: AssetFacts): string => `${facts.resourceType}/${facts.type}/${facts.publicId}`

export type OpenBody = (wanted: Wanted, at: BodyPosition, signal: AbortSignal) => Promise<OpenedBody>

/** See `AccountReader.openSource`. */
export const createDownloader =
  (open: OpenBody, options: DownloadOptions) =>
  async (facts: AssetFacts, source: DownloadSource, at: BodyPosition, signal: AbortSignal): Promise<OpenedBody> =>
    open({ name: nameOf(facts), url: urlOf(facts, source.kind, options) }, at, signal)
