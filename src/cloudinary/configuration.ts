import { type AccountConfiguration, CONFIGURATION_PARTS, type ConfigurationPart } from '../model/account.ts'
import { RESOURCE_TYPES } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { type Api, succeeded } from './api.ts'
import { encodeSegment } from './delivery-url.ts'
import type { ApiAnswer, ApiRequest } from './exchange.ts'
import { followingCursor } from './list.ts'
import { arrayAt, isObject, textAt } from './wire/answer.ts'

/** A part that this account or service does not have, and in which words it said so. */
interface Unavailable {
  readonly unavailable: string
}

type Part = { readonly value: Json } | Unavailable
type ReadPart = (api: Api, signal: AbortSignal) => Promise<Part>

/** Not on this plan, not for this key, or no such endpoint. Anything else that fails makes the whole read fail. */
const isUnavailable = ({ status }: ApiAnswer): boolean =>
  status === 400 || status === 403 || status === 404 || status === 405 || status === 501

const get = (what: string, path: string): ApiRequest => ({ method: 'GET', path, what, optional: true })

const ask = async (api: Api, request: ApiRequest, signal: AbortSignal): Promise<Part> => {
  const answer = await api.ask(request, signal)
  if (succeeded(answer)) return { value: answer.json }
  if (!isUnavailable(answer)) throw api.failure(request, answer)
  return { unavailable: `HTTP ${answer.status}${answer.error === null ? '' : `: ${answer.error}`}` }
}

interface Listing {
  readonly what: string
  readonly path: string
  /** Where the rows are in the answer. */
  readonly key: string
  /** Whether the endpoint has pages; others may refuse the parameters. */
  readonly paged: boolean
}

/** All rows of all pages, as one array. */
const readAll = async (api: Api, { what, path, key, paged }: Listing, signal: AbortSignal): Promise<Part> => {
  const rows: Json[] = []
  for (let cursor: string | null = null; ; ) {
    const page = paged ? `${path.includes('?') ? '&' : '?'}max_results=500` : ''
    const next: string = cursor === null ? '' : `${page === '' ? '?' : '&'}next_cursor=${encodeURIComponent(cursor)}`
    const part = await ask(api, get(what, path + page + next), signal)
    if ('unavailable' in part) {
      if (cursor === null) return part
      throw new AppError('API_UNEXPECTED', `${what}: the next page was refused (${part.unavailable})`)
    }
    const found = Array.isArray(part.value) ? (part.value as readonly Json[]) : arrayAt(part.value, key)
    if (found === null) throw new AppError('API_UNEXPECTED', `${what}: the answer has no ${key}`)
    rows.push(...found)
    cursor = followingCursor(what, part.value, cursor)
    if (cursor === null) return { value: rows }
  }
}

const listing =
  (what: string, path: string, more: { readonly key: string; readonly paged: boolean }): ReadPart =>
  (api, signal) =>
    readAll(api, { what, path, ...more }, signal)

const without = (record: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)))

/** The row with what the endpoint of this one name adds; the row as it is when that has just been removed. */
const withDetails = async (api: Api, row: Json, request: ApiRequest, signal: AbortSignal): Promise<Json> => {
  const answer = await api.ask(request, signal)
  if (!succeeded(answer)) {
    if (answer.status === 404) return row
    throw api.failure(request, answer)
  }
  const wrapped = isObject(answer.json) && isObject(answer.json['data']) ? answer.json['data'] : answer.json
  return isObject(row) && isObject(wrapped) ? { ...row, ...wrapped, name: row['name'] ?? null } : row
}

/** Lists name transformations, only their own endpoint defines them. Derived assets are not configuration. */
const transformations: ReadPart = async (api, signal) => {
  const what = 'list named transformations'
  const part = await readAll(
    api,
    { what, path: '/transformations?named=true', key: 'transformations', paged: true },
    signal,
  )
  if ('unavailable' in part || !Array.isArray(part.value)) return part
  const rows: Json[] = []
  for (const row of part.value as readonly Json[]) {
    const name = textAt(row, 'name')
    // Lists spell the name as it is used in URLs, `t_name`; the endpoint wants it bare.
    const bare = name?.replace(/^t_/, '') ?? ''
    const request = get(`read transformation ${bare}`, `/transformations/${encodeSegment(bare)}?max_results=1`)
    const full = name === null ? row : await withDetails(api, row, request, signal)
    rows.push(isObject(full) ? without(full, ['derived', 'next_cursor', 'used']) : full)
  }
  return { value: rows }
}

const streamingProfiles: ReadPart = async (api, signal) => {
  const part = await readAll(
    api,
    { what: 'list streaming profiles', path: '/streaming_profiles', key: 'data', paged: false },
    signal,
  )
  if ('unavailable' in part || !Array.isArray(part.value)) return part
  const rows: Json[] = []
  for (const row of part.value as readonly Json[]) {
    const name = textAt(row, 'name')
    const complete = name === null || arrayAt(row, 'representations') !== null
    const request = get(`read streaming profile ${name}`, `/streaming_profiles/${encodeSegment(name ?? '')}`)
    rows.push(complete ? row : await withDetails(api, row, request, signal))
  }
  return { value: rows }
}

const tags: ReadPart = async (api, signal) => {
  const byType: Record<string, Json> = {}
  for (const type of RESOURCE_TYPES) {
    const part = await readAll(
      api,
      { what: `list ${type} tags`, path: `/tags/${type}`, key: 'tags', paged: true },
      signal,
    )
    if ('unavailable' in part) return part
    byType[type] = part.value
  }
  return { value: byType }
}

const READERS: Readonly<Record<ConfigurationPart, ReadPart>> = {
  settings: (api, signal) => ask(api, get('read the account settings', '/config?settings=true'), signal),
  upload_presets: listing('list upload presets', '/upload_presets', { key: 'presets', paged: true }),
  transformations,
  upload_mappings: listing('list upload mappings', '/upload_mappings', { key: 'mappings', paged: true }),
  streaming_profiles: streamingProfiles,
  metadata_fields: listing('list metadata fields', '/metadata_fields', { key: 'metadata_fields', paged: false }),
  metadata_rules: listing('list metadata rules', '/metadata_rules', { key: 'metadata_rules', paged: false }),
  triggers: listing('list triggers', '/triggers', { key: 'triggers', paged: false }),
  tags,
}

/**
 * Every part, one after another: `settings` as received, `tags` as `{image: […], video: […], raw: […]}`, all others
 * as the array of their rows over all pages.
 */
export const configuration = async (
  api: Api,
  signal: AbortSignal,
  onPart: (part: string) => void = () => undefined,
): Promise<AccountConfiguration> => {
  const parts: Partial<Record<ConfigurationPart, Json>> = {}
  const unavailable: Partial<Record<ConfigurationPart, string>> = {}
  for (const name of CONFIGURATION_PARTS) {
    onPart(name)
    const part = await READERS[name](api, signal)
    if ('unavailable' in part) unavailable[name] = part.unavailable
    parts[name] = 'unavailable' in part ? null : part.value
  }
  return { parts: parts as Record<ConfigurationPart, Json>, unavailable }
}
