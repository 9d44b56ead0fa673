import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { readBody } from './http.ts'
import { type Headers, headerOf, parseTime } from './rate-limit.ts'
import { errorMessage, parseJson } from './wire/answer.ts'

/** The two POST endpoints that only read. The type is why nothing here can change the account. */
type SearchPath = '/resources/search' | '/folders/search'

/** What every request has, whoever forms it. */
export interface Asking {
  /** For messages: "list image/upload". */
  readonly what: string
  /**
   * The endpoint may not exist on this plan or service: a 4xx that is not JSON is then an answer. Elsewhere it may
   * come from something in between, is tried again, and never read as absence.
   */
  readonly optional?: boolean
}

/** All that a reader can ask. */
export type ApiRequest = Asking &
  (
    | { readonly method: 'GET'; readonly path: string }
    | { readonly method: 'POST'; readonly path: SearchPath; readonly body: Json }
  )

/** An answer that asking again would not change. */
export interface ApiAnswer {
  readonly status: number
  /** Null unless it is JSON. */
  readonly json: Json
  readonly isJson: boolean
  /** What the answer says is wrong; null when nothing is. */
  readonly error: string | null
  readonly requestId: string | null
}

/** What came of sending a request once. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: ApiAnswer }
  /** Refused for the API limit. */
  | { readonly kind: 'limited'; readonly message: string }
  | { readonly kind: 'failed'; readonly error: AppError; readonly retryAfterMs: number }

export interface ExchangeOptions {
  readonly dispatcher: Dispatcher
  /** `https://api.cloudinary.com` or what the user configured. */
  readonly origin: string
  /** `/v1_1/<cloud>` with whatever path the configured prefix has before it. */
  readonly basePath: string
  readonly authorization: string
  readonly userAgent: string
  /** Takes secrets and control characters out of text that others wrote. */
  readonly clean: (text: string) => string
}

export interface Received {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** A page of 500 rows with all their metadata is a few megabytes. */
const LARGEST_ANSWER = 256 * 1024 * 1024
const LONGEST_RETRY_AFTER_MS = 120_000

const unzip = promisify(gunzip)

/** Transient by its status: worth another try. 501 and 505 are not; the service will not learn it meanwhile. */
const passes = (status: number): boolean =>
  status === 408 || status === 423 || status === 425 || (status >= 500 && status !== 501 && status !== 505)

/** Sends a request once and reads the whole answer. Throws whatever the connection throws. */
export const receive = async (
  request: ApiRequest,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Received> => {
  const { dispatcher, origin, basePath, authorization } = options
  const headers = { ...acceptHeaders(options), authorization }
  const response = await dispatcher.request({
    origin,
    path: basePath + request.path,
    method: request.method,
    headers: request.method === 'POST' ? { ...headers, 'content-type': 'application/json' } : headers,
    body: request.method === 'POST' ? JSON.stringify(request.body) : null,
    signal,
  })
  return received(request.what, response)
}

export const acceptHeaders = (options: Pick<ExchangeOptions, 'userAgent'>): Record<string, string> => ({
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'user-agent': options.userAgent,
})

/** Reads the whole answer. Throws whatever the connection throws, and API_UNEXPECTED for an endless one. */
export const received = async (what: string, response: Dispatcher.ResponseData): Promise<Received> => {
  const body = await readBody(response.body, LARGEST_ANSWER)
  if (body === null) throw new AppError('API_UNEXPECTED', `${what}: the answer is larger than ${LARGEST_ANSWER} bytes`)
  const zipped = headerOf(response.headers, 'content-encoding') === 'gzip'
  const bytes = zipped ? await unzip(body, { maxOutputLength: LARGEST_ANSWER }) : body
  return { status: response.statusCode, headers: response.headers, text: bytes.toString('utf8') }
}

/** Status first, JSON second: refusals and failures may be HTML or empty, and so may a 200 from something in between. */
export const judge = (request: Asking, received: Received, clean: (text: string) => string): Outcome => {
  const { status, headers, text } = received
  const parsed = parseJson(text)
  const message = errorMessage(parsed)
  if (status === 420 || status === 429) return { kind: 'limited', message: message ?? '' }
  const error = message === null ? null : clean(message)
  const requestId = clean(headerOf(headers, 'x-request-id') ?? '') || null
  const retryAfterMs = pauseAskedFor(headers)
  if (passes(status)) {
    const reason = `HTTP ${status}${error === null ? '' : `: ${error}`}`
    return { kind: 'failed', retryAfterMs, error: unavailable({ what: request.what, reason, requestId }) }
  }
  const plainRefusal = status === 400 || status === 401 || status === 403 || (status >= 300 && status < 400)
  const isJson = parsed !== undefined
  if (isJson || plainRefusal || (status >= 400 && request.optional === true)) {
    return { kind: 'answer', answer: { status, json: parsed ?? null, isJson, error, requestId } }
  }
  const shape = text.trim() === '' ? 'an empty body' : /^\s*</.test(text) ? 'an HTML page' : 'a body that is not JSON'
  const reason = `HTTP ${status} with ${shape}`
  return { kind: 'failed', retryAfterMs, error: unexpected({ what: request.what, reason, requestId }) }
}

/** Retry-After; as a date it is compared with the answer's own Date, so that a wrong clock here does not matter. */
const pauseAskedFor = (headers: Headers): number => {
  const serverNow = parseTime(headerOf(headers, 'date'), 0) ?? Date.now()
  const time = parseTime(headerOf(headers, 'retry-after'), serverNow)
  return time === null ? 0 : Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, time - serverNow))
}

interface Trouble {
  readonly what: string
  readonly reason: string
  readonly requestId: string | null
}

export const withId = (requestId: string | null): string => (requestId === null ? '' : ` (request ${requestId})`)

/** Network, time-out, 5xx, 423. `permanent` for what asking again cannot cure. */
export const unavailable = (trouble: Trouble, permanent = false, cause?: unknown): AppError =>
  new AppError('API_UNAVAILABLE', `${trouble.what}: ${trouble.reason}${withId(trouble.requestId)}`, {
    hint: permanent
      ? 'check the certificate of the API host; NODE_EXTRA_CA_CERTS names a file of further authorities'
      : 'check the network and status.cloudinary.com, then run again: the run continues where it stopped',
    permanent,
    cause,
  })

/** An answer that is not what the API promises. */
export const unexpected = (trouble: Trouble): AppError =>
  new AppError('API_UNEXPECTED', `${trouble.what}: ${trouble.reason}${withId(trouble.requestId)}`, {
    hint: 'check upload_prefix and whatever stands between here and Cloudinary',
    permanent: false,
  })
