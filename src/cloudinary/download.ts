import type { Dispatcher } from 'undici'
import { type AssetFacts, isManagedType, MANAGED_TYPES } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { type Arrival, fetchArrival } from './arrival.ts'
import { type DeliveryOptions, encodeSegment, flOriginalUrl, originalUrl } from './delivery-url.ts'
import { expectManyListeners, interrupted, transportFault } from './faults.ts'
import { checkedUrl } from './hosts.ts'
import { readBody } from './http.ts'
import { type Headers, headerOf, parseTime } from './rate-limit.ts'
import type { DownloadSource, OpenedBody, SourceKind } from './reader.ts'
import { signRequest } from './signature.ts'
import { errorMessage, isObject, parseJson } from './wire/answer.ts'

export interface DownloadOptions {
  readonly dispatcher: Dispatcher
  readonly origins: ReadonlySet<string>
  readonly delivery: DeliveryOptions
  /** `https://api.cloudinary.com/v1_1/<cloud>` */
  readonly apiBase: string
  readonly apiKey: string
  readonly apiSecret: string
  readonly authorization: string
  readonly userAgent: string
  readonly now: () => number
  /** The service's clock, in milliseconds: signed requests expire by it. */
  readonly serverNow: () => number
  readonly clean: (text: string) => string
}

interface Position {
  readonly offset: number
  readonly etag: string | null
}

const MOST_REDIRECTS = 5
const LONGEST_ERROR_BODY = 16_384

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

const downloadApiUrl = (facts: AssetFacts, options: DownloadOptions): string => {
  const params: Record<string, string> = {
    public_id: facts.publicId,
    // A raw public_id holds its extension, and the API would append the format once more.
    format: facts.resourceType === 'raw' ? '' : (facts.format ?? ''),
    type: facts.type,
    timestamp: String(Math.floor(options.serverNow() / 1000)),
  }
  const query = Object.entries({
    ...params,
    api_key: options.apiKey,
    signature: signRequest(params, options.apiSecret),
  })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeSegment(value)}`)
  return `${options.apiBase}/${facts.resourceType}/download?${query.join('&')}`
}

const urlOf = (facts: AssetFacts, kind: SourceKind, options: DownloadOptions): string => {
  if (kind === 'secure_url') return originalUrl(facts, options.delivery)
  return kind === 'fl_original' ? flOriginalUrl(facts, options.delivery) : downloadApiUrl(facts, options)
}

const nameOf = (facts: AssetFacts): string => `${facts.resourceType}/${facts.type}/${facts.publicId}`

const unavailable = (facts: AssetFacts, reason: string, more: { cause?: unknown; resumeAt?: number } = {}): AppError =>
  new AppError('DOWNLOAD_UNAVAILABLE', `${nameOf(facts)}: ${reason}`, { permanent: false, ...more })

const bodyFault = (facts: AssetFacts, error: unknown, signal: AbortSignal): AppError =>
  signal.aborted ? interrupted(signal) : unavailable(facts, transportFault(error).reason, { cause: error })

const headersFor = (at: Position, authorization: string | null, userAgent: string): Record<string, string> => {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', accept: '*/*', 'user-agent': userAgent }
  if (authorization !== null) headers['authorization'] = authorization
  if (at.offset > 0) {
    headers['range'] = `bytes=${at.offset}-`
    // Without it a replaced original would continue the old one's beginning.
    if (at.etag !== null) headers['if-range'] = `"${at.etag}"`
  }
  return headers
}

const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308

const plainEtag = (headers: Headers): string | null => {
  const value = headerOf(headers, 'etag')
  return value === null ? null : (/^(?:W\/)?"(.*)"$/.exec(value)?.[1] ?? value)
}

const wholeNumber = (text: string | null | undefined): number | null =>
  typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null

/** Opens URLs and judges what comes back; see `AccountReader.openSource`. */
export const createDownloader = (options: DownloadOptions) => {
  const apiOrigin = new URL(options.apiBase).origin

  const send = async (facts: AssetFacts, url: URL, at: Position, signal: AbortSignal): Promise<Arrival> => {
    // Only the API itself sees credentials, and it only where it asks for them.
    const toApi = url.origin === apiOrigin && url.pathname.endsWith('/download')
    const headers = headersFor(at, toApi ? options.authorization : null, options.userAgent)
    try {
      return await fetchArrival(options.dispatcher, { url, headers }, signal)
    } catch (error) {
      throw bodyFault(facts, error, signal)
    }
  }

  const follow = async (facts: AssetFacts, start: URL, at: Position, signal: AbortSignal): Promise<Arrival> => {
    let url = start
    for (let hops = 0; ; hops += 1) {
      const response = await send(facts, url, at, signal)
      const location = isRedirect(response.status) ? headerOf(response.headers, 'location') : null
      if (location === null) return response
      response.discard(LONGEST_ERROR_BODY)
      if (hops === MOST_REDIRECTS) throw unavailable(facts, `more than ${MOST_REDIRECTS} redirects`)
      const next = URL.canParse(location, url.href) ? new URL(location, url.href).href : location
      url = checkedUrl(next, options.origins, nameOf(facts))
    }
  }

  const open = async (facts: AssetFacts, url: URL, at: Position, signal: AbortSignal): Promise<OpenedBody> => {
    const response = await follow(facts, url, at, signal)
    const verdict = judge(response, at)
    if (verdict === 'refused') throw await refusal(facts, response, options)
    if (verdict !== 'restart') return opened(facts, response, verdict, signal)
    response.discard(LONGEST_ERROR_BODY)
    return open(facts, url, { offset: 0, etag: null }, signal)
  }

  return async (facts: AssetFacts, source: DownloadSource, at: Position, signal: AbortSignal): Promise<OpenedBody> => {
    if (signal.aborted) throw interrupted(signal)
    expectManyListeners(signal)
    return open(facts, checkedUrl(urlOf(facts, source.kind, options), options.origins, nameOf(facts)), at, signal)
  }
}

interface Extent {
  readonly status: 200 | 206
  readonly start: number
  readonly total: number | null
}

/** `restart`: a part was asked for, and what came is no part, another part, or a part of other bytes. */
const judge = ({ status, headers }: Arrival, at: Position): Extent | 'restart' | 'refused' => {
  if (status === 200) return { status, start: 0, total: wholeNumber(headerOf(headers, 'content-length')) }
  if (status === 416 && at.offset > 0) return 'restart'
  if (status !== 206) return 'refused'
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headerOf(headers, 'content-range') ?? '')
  const start = wholeNumber(range?.[1])
  const etag = plainEtag(headers)
  const replaced = at.etag !== null && etag !== null && etag !== at.etag
  if (start === at.offset && !replaced) return { status, start, total: wholeNumber(range?.[3]) }
  return at.offset > 0 ? 'restart' : 'refused'
}

const opened = (facts: AssetFacts, response: Arrival, extent: Extent, signal: AbortSignal): OpenedBody => ({
  status: extent.status,
  start: extent.start,
  total: extent.total,
  etag: plainEtag(response.headers),
  body: {
    [Symbol.asyncIterator]: () => ({
      next: () => response.next().catch((error: unknown) => Promise.reject(bodyFault(facts, error, signal))),
      return: () => response.return(),
    }),
  },
  destroy: () => response.discard(0),
})

const passes = (status: number): boolean =>
  status === 408 || status === 420 || status === 423 || status === 425 || status === 429 || status >= 500

/** The delivery network explains itself in a header, the API in JSON; bodies of both may be images or pages. */
const explanation = async (response: Arrival, clean: (text: string) => string): Promise<string> => {
  const told = headerOf(response.headers, 'x-cld-error')
  if (told !== null) {
    response.discard(LONGEST_ERROR_BODY)
    return `: ${clean(told)}`
  }
  const type = headerOf(response.headers, 'content-type') ?? ''
  if (!type.includes('json')) {
    response.discard(LONGEST_ERROR_BODY)
    return ''
  }
  const body = await readBody(response, LONGEST_ERROR_BODY).catch(() => null)
  const message = body === null ? null : errorMessage(parseJson(body.toString('utf8')))
  return message === null ? '' : `: ${clean(message)}`
}

const refusal = async (facts: AssetFacts, response: Arrival, options: DownloadOptions): Promise<AppError> => {
  const { status, headers } = response
  const text = `HTTP ${status}${await explanation(response, options.clean)}`
  if (status >= 400 && !passes(status)) {
    return new AppError('DOWNLOAD_REFUSED', `${nameOf(facts)}: ${text}`)
  }
  const resumeAt = parseTime(headerOf(headers, 'retry-after'), options.now())
  return unavailable(facts, text, resumeAt === null ? {} : { resumeAt })
}
