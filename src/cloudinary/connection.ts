import type { RetryTiming } from '../lib/retry.ts'
import { AppError } from '../model/errors.ts'
import type { ApiOptions } from './api.ts'
import type { ReaderListener } from './events.ts'
import { Gate } from './gate.ts'
import { createDispatcher, type ProxyOptions, type Timeouts } from './http.ts'

/** How an account's API is reached, by whoever reads or writes. */
export interface ConnectionOptions {
  readonly cloud: string
  readonly apiKey: string
  readonly apiSecret: string
  /** Scheme and host in place of `https://api.cloudinary.com`: a region, or a stand-in. */
  readonly uploadPrefix?: string
  /** Admin API calls of each hour left to others; null: a tenth of the limit, at most 100. */
  readonly reserve: number | null
  /** Sleep at the hourly limit; false: throw API_LIMIT. */
  readonly wait: boolean
  readonly timeouts?: Timeouts
  readonly proxy?: ProxyOptions
  /** @default six tries, pauses of 0.5 to 1 s first, doubling up to 30 s */
  readonly retry?: Partial<RetryTiming>
  /** @default "cloudkeep" */
  readonly userAgent?: string
  readonly onEvent?: ReaderListener
  readonly now?: () => number
  readonly random?: () => number
}

const RETRY: RetryTiming = { tries: 6, firstMs: 1000, maxMs: 30_000 }
const LONGEST_MESSAGE = 400

/** Text from outside, safe to print: no secret that it may echo, no control characters, not endless. */
const cleaner =
  (secrets: readonly string[]) =>
  (text: string): string => {
    const redacted = secrets.reduce(
      (result, secret) => (secret === '' ? result : result.replaceAll(secret, '***')),
      text,
    )
    const plain = redacted.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
    return plain.length > LONGEST_MESSAGE ? `${plain.slice(0, LONGEST_MESSAGE)}…` : plain
  }

/** Scheme and host, and the path before `/v1_1` if the prefix has one. */
const splitPrefix = (prefix: string): { readonly origin: string; readonly path: string } => {
  const url = URL.canParse(prefix) ? new URL(prefix) : null
  if (
    url === null ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.search !== ''
  ) {
    throw new AppError('CONFIG_INVALID', 'upload_prefix is not an http(s) URL', {
      hint: 'it looks like https://api-eu.cloudinary.com',
    })
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') }
}

export interface Connection extends ApiOptions {
  readonly now: () => number
}

/** Connections of its own, held until the dispatcher is destroyed. Throws CONFIG_INVALID for a prefix that is none. */
export const connect = (options: ConnectionOptions): Connection => {
  const now = options.now ?? Date.now
  const onEvent = options.onEvent ?? (() => undefined)
  const prefix = splitPrefix(options.uploadPrefix ?? 'https://api.cloudinary.com')
  const basic = Buffer.from(`${options.apiKey}:${options.apiSecret}`, 'utf8').toString('base64')
  return {
    dispatcher: createDispatcher(options.timeouts, options.proxy),
    clean: cleaner([options.apiSecret, basic]),
    authorization: `Basic ${basic}`,
    userAgent: options.userAgent ?? 'cloudkeep',
    gate: new Gate({ reserve: options.reserve, wait: options.wait, onEvent, now }),
    origin: prefix.origin,
    basePath: `${prefix.path}/v1_1/${encodeURIComponent(options.cloud)}`,
    retry: { ...RETRY, ...options.retry },
    onEvent,
    random: options.random ?? Math.random,
    now,
  }
}
