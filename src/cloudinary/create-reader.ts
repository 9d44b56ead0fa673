import type { RetryTiming } from '../lib/retry.ts'
import { AppError } from '../model/errors.ts'
import { createApi } from './api.ts'
import { configuration } from './configuration.ts'
import { details } from './details.ts'
import { createDownloader, sources } from './download.ts'
import type { ReaderListener } from './events.ts'
import { folders } from './folders.ts'
import { Gate } from './gate.ts'
import { allowedOrigins } from './hosts.ts'
import { createDispatcher, type ProxyOptions, type Timeouts } from './http.ts'
import { byAssetIds, listPage } from './list.ts'
import { profile, resourceTypes } from './profile.ts'
import type { AccountReader } from './reader.ts'
import { FULLEST_SEARCH, searchPage } from './search.ts'
import { parseAsset } from './wire/asset.ts'

export interface AccountReaderOptions {
  readonly cloud: string
  readonly apiKey: string
  readonly apiSecret: string
  /** Scheme and host in place of `https://api.cloudinary.com`: a region, or a stand-in. */
  readonly uploadPrefix?: string
  readonly secureDistribution?: string
  readonly cname?: string
  readonly privateCdn?: boolean
  /** Further hosts (https) or origins that originals may be fetched from. */
  readonly deliveryHosts?: readonly string[]
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
  /** Told what the account holds that this version does not know and therefore cannot keep. */
  readonly onNote?: (message: string) => void
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

const deliveryBase = (options: AccountReaderOptions): string => {
  const { cloud, privateCdn, secureDistribution, cname } = options
  if (secureDistribution !== undefined) return withScheme(secureDistribution) + (privateCdn === true ? '' : `/${cloud}`)
  if (privateCdn === true) return withScheme(cname ?? `${cloud}-res.cloudinary.com`)
  return `https://res.cloudinary.com/${cloud}`
}

const withScheme = (host: string): string => (/^https?:\/\//i.test(host) ? host : `https://${host}`).replace(/\/+$/, '')

/**
 * Reads one account over HTTP. Holds connections until `close`. Throws CONFIG_INVALID for a prefix or host that is
 * none; no credential is tried before the first call.
 */
export const createAccountReader = (options: AccountReaderOptions): AccountReader => {
  const { cloud, apiKey, apiSecret } = options
  const now = options.now ?? Date.now
  const onEvent = options.onEvent ?? (() => undefined)
  const note = options.onNote ?? (() => undefined)
  const prefix = splitPrefix(options.uploadPrefix ?? 'https://api.cloudinary.com')
  const basePath = `${prefix.path}/v1_1/${encodeURIComponent(cloud)}`
  const basic = Buffer.from(`${apiKey}:${apiSecret}`, 'utf8').toString('base64')
  const clean = cleaner([apiSecret, basic])
  const dispatcher = createDispatcher(options.timeouts, options.proxy)
  const gate = new Gate({ reserve: options.reserve, wait: options.wait, onEvent, now })
  const shared = { dispatcher, clean, authorization: `Basic ${basic}`, userAgent: options.userAgent ?? 'cloudkeep' }
  const api = createApi({
    ...shared,
    gate,
    origin: prefix.origin,
    basePath,
    retry: { ...RETRY, ...options.retry },
    onEvent,
    random: options.random ?? Math.random,
  })
  const openSource = createDownloader({
    ...shared,
    origins: allowedOrigins(options),
    delivery: { base: deliveryBase(options), apiSecret },
    apiBase: prefix.origin + basePath,
    apiKey,
    apiSecret,
    now,
    serverNow: () => now() + gate.skewMs,
  })
  const listMemory = { useFields: true }
  const detailsMemory = { idsWork: false, allFlags: true }
  const searchMemory = { variant: FULLEST_SEARCH, unknownTypes: new Set<string>(), note }
  return {
    account: { cloud },
    get calls() {
      return api.calls
    },
    get budget() {
      return gate.budget
    },
    profile: (signal) => profile(api, signal),
    resourceTypes: (signal) => resourceTypes(api, note, signal),
    listPage: (partition, position, signal) => listPage(api, listMemory, { partition, position }, signal),
    searchPage: (cursor, signal, order = 'changed') => searchPage(api, searchMemory, { cursor, order }, signal),
    byAssetIds: (assetIds, signal) => byAssetIds(api, listMemory, assetIds, signal),
    details: (facts, signal) => details(api, detailsMemory, facts, signal),
    folders: (signal) => folders(api, signal),
    configuration: (signal, onPart) => configuration(api, signal, onPart),
    parseRow: (raw, origin) => parseAsset(raw, origin),
    sources,
    openSource,
    close: () => dispatcher.destroy(),
  }
}
