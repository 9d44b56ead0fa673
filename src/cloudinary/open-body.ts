import type { Dispatcher } from 'undici'
import { AppError } from '../model/errors.ts'
import { type Arrival, fetchArrival } from './arrival.ts'
import { expectManyListeners, interrupted, transportFault } from './faults.ts'
import { checkedUrl } from './hosts.ts'
import { readBody } from './http.ts'
import { type Headers, headerOf, parseTime } from './rate-limit.ts'
import type { OpenedBody } from './reader.ts'
import { errorMessage, parseJson } from './wire/answer.ts'

export interface OpenerOptions {
  readonly dispatcher: Dispatcher
  readonly origins: ReadonlySet<string>
  /** `https://api.cloudinary.com/v1_1/<cloud>` */
  readonly apiBase: string
  readonly authorization: string
  readonly userAgent: string
  readonly now: () => number
  readonly clean: (text: string) => string
}

export interface BodyPosition {
  readonly offset: number
  readonly etag: string | null
}

/** A body that is wanted: where it is, and what messages call it. */
export interface Wanted {
  readonly name: string
  readonly url: string
}

const MOST_REDIRECTS = 5
const LONGEST_ERROR_BODY = 16_384

const unavailable = (name: string, reason: string, more: { cause?: unknown; resumeAt?: number } = {}): AppError =>
  new AppError('DOWNLOAD_UNAVAILABLE', `${name}: ${reason}`, { permanent: false, ...more })

const bodyFault = (name: string, error: unknown, signal: AbortSignal): AppError =>
  signal.aborted ? interrupted(signal) : unavailable(name, transportFault(error).reason, { cause: error })

const headersFor = (at: BodyPosition, authorization: string | null, userAgent: string): Record<string, string> => {
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

/** Opens URLs, follows redirects to allowed hosts only, and judges what comes back; see `AccountReader.openSource`. */
export const createOpener = (options: OpenerOptions) => {
  const apiOrigin = new URL(options.apiBase).origin
  // Only the API itself sees credentials, and it only where it gives out bytes.
  const isApiDownload = (url: URL): boolean =>
    url.origin === apiOrigin && /\/(?:download|download_backup)$/.test(url.pathname)

  const send = async (name: string, url: URL, at: BodyPosition, signal: AbortSignal): Promise<Arrival> => {
    const headers = headersFor(at, isApiDownload(url) ? options.authorization : null, options.userAgent)
    try {
      return await fetchArrival(options.dispatcher, { url, headers }, signal)
    } catch (error) {
      throw bodyFault(name, error, signal)
    }
  }

  const follow = async (name: string, start: URL, at: BodyPosition, signal: AbortSignal): Promise<Arrival> => {
    let url = start
    for (let hops = 0; ; hops += 1) {
      const response = await send(name, url, at, signal)
      const location = isRedirect(response.status) ? headerOf(response.headers, 'location') : null
      if (location === null) return response
      response.discard(LONGEST_ERROR_BODY)
      if (hops === MOST_REDIRECTS) throw unavailable(name, `more than ${MOST_REDIRECTS} redirects`)
      const next = URL.canParse(location, url.href) ? new URL(location, url.href).href : location
      url = checkedUrl(next, options.origins, name)
    }
  }

  const open = async (name: string, url: URL, at: BodyPosition, signal: AbortSignal): Promise<OpenedBody> => {
    const response = await follow(name, url, at, signal)
    const verdict = judge(response, at)
    if (verdict === 'refused') throw await refusal(name, response, options)
    if (verdict !== 'restart') return opened(name, response, verdict, signal)
    response.discard(LONGEST_ERROR_BODY)
    return open(name, url, { offset: 0, etag: null }, signal)
  }

  return async ({ name, url }: Wanted, at: BodyPosition, signal: AbortSignal): Promise<OpenedBody> => {
    if (signal.aborted) throw interrupted(signal)
    expectManyListeners(signal)
    return open(name, checkedUrl(url, options.origins, name), at, signal)
  }
}

interface Extent {
  readonly status: 200 | 206
  readonly start: number
  readonly total: number | null
}

/** `restart`: a part was asked for, and what came is no part, another part, or a part of other bytes. */
const judge = ({ status, headers }: Arrival, at: BodyPosition): Extent | 'restart' | 'refused' => {
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

const opened = (name: string, response: Arrival, extent: Extent, signal: AbortSignal): OpenedBody => ({
  status: extent.status,
  start: extent.start,
  total: extent.total,
  etag: plainEtag(response.headers),
  body: {
    [Symbol.asyncIterator]: () => ({
      next: () => response.next().catch((error: unknown) => Promise.reject(bodyFault(name, error, signal))),
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

const refusal = async (name: string, response: Arrival, options: OpenerOptions): Promise<AppError> => {
  const { status, headers } = response
  const text = `HTTP ${status}${await explanation(response, options.clean)}`
  if (status >= 400 && !passes(status)) {
    return new AppError('DOWNLOAD_REFUSED', `${name}: ${text}`)
  }
  const resumeAt = parseTime(headerOf(headers, 'retry-after'), options.now())
  return unavailable(name, text, resumeAt === null ? {} : { resumeAt })
}
