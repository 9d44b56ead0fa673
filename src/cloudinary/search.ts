import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { type Api, succeeded } from './api.ts'
import type { ApiAnswer, ApiRequest } from './exchange.ts'
import { cursorExpired, followingCursor, ROWS_PER_PAGE, refusesCursor } from './list.ts'
import type { AccountRow, SearchOrder, SearchPage } from './reader.ts'
import { arrayAt, isObject, textAt, toNumber } from './wire/answer.ts'
import { isResourceType, parseAsset } from './wire/asset.ts'

/** What is asked of the index. Not every plan and service understands all of it. */
interface Variant {
  /** Without a status clause only active assets are found. */
  readonly allStatuses: boolean
  /** What "last changed first" sorts by. */
  readonly sortBy: 'updated_at' | 'uploaded_at'
  readonly withMetadata: boolean
}

/** Shared by the requests of one run: the variant that the service understood. */
export interface SearchMemory {
  variant: Variant
  /** Resource types already reported as unknown. */
  readonly unknownTypes: Set<string>
  readonly note: (message: string) => void
}

/** Fullest first: each later one gives up one more thing. */
const VARIANTS: readonly Variant[] = [
  { allStatuses: true, sortBy: 'updated_at', withMetadata: true },
  { allStatuses: true, sortBy: 'updated_at', withMetadata: false },
  { allStatuses: true, sortBy: 'uploaded_at', withMetadata: true },
  { allStatuses: false, sortBy: 'updated_at', withMetadata: true },
  { allStatuses: true, sortBy: 'uploaded_at', withMetadata: false },
  { allStatuses: false, sortBy: 'updated_at', withMetadata: false },
  { allStatuses: false, sortBy: 'uploaded_at', withMetadata: true },
  { allStatuses: false, sortBy: 'uploaded_at', withMetadata: false },
]

export const FULLEST_SEARCH: Variant = { allStatuses: true, sortBy: 'updated_at', withMetadata: true }

const WHAT = 'search assets'

interface At {
  readonly cursor: string | null
  readonly order: SearchOrder
}

const searchRequest = (variant: Variant, { cursor, order }: At): ApiRequest => {
  const body: Json = {
    ...(variant.allStatuses ? { expression: 'status:(active OR pending OR inactive)' } : {}),
    sort_by: [order === 'created' ? { created_at: 'asc' } : { [variant.sortBy]: 'desc' }],
    with_field: variant.withMetadata ? ['tags', 'context', 'metadata'] : ['tags', 'context'],
    max_results: ROWS_PER_PAGE,
    ...(cursor === null ? {} : { next_cursor: cursor }),
  }
  return { method: 'POST', path: '/resources/search', body, what: WHAT }
}

const mayBeTheVariant = (answer: ApiAnswer): boolean => answer.status === 400 || answer.status === 403

const firstPage = async (
  api: Api,
  memory: SearchMemory,
  order: SearchOrder,
  signal: AbortSignal,
): Promise<ApiAnswer> => {
  const start: At = { cursor: null, order }
  const first = await api.ask(searchRequest(memory.variant, start), signal)
  if (!mayBeTheVariant(first)) return first
  for (const variant of VARIANTS) {
    // The order of creation leaves nothing to choose.
    if (sameVariant(variant, memory.variant) || (order === 'created' && variant.sortBy !== memory.variant.sortBy))
      continue
    const answer = await api.ask(searchRequest(variant, start), signal)
    if (mayBeTheVariant(answer)) continue
    memory.variant = variant
    return answer
  }
  return first
}

const sameVariant = (a: Variant, b: Variant): boolean =>
  a.allStatuses === b.allStatuses && a.sortBy === b.sortBy && a.withMetadata === b.withMetadata

/** A service that does not understand the status clause may find nothing instead of refusing it. */
const askedPlainly = async (
  api: Api,
  memory: SearchMemory,
  order: SearchOrder,
  signal: AbortSignal,
): Promise<SearchPage | null> => {
  const variant = { ...memory.variant, allStatuses: false }
  const answer = await api.ask(searchRequest(variant, { cursor: null, order }), signal)
  if (!succeeded(answer)) return null
  const page = pageOf(answer.json, null, memory)
  if (page.rows.length === 0) return null
  memory.variant = variant
  return page
}

export const searchPage = async (api: Api, memory: SearchMemory, at: At, signal: AbortSignal): Promise<SearchPage> => {
  const { cursor, order } = at
  const request = searchRequest(memory.variant, at)
  const answer = cursor === null ? await firstPage(api, memory, order, signal) : await api.ask(request, signal)
  if (cursor !== null && refusesCursor(answer)) throw cursorExpired(WHAT, answer)
  if (!succeeded(answer)) throw api.failure(request, answer)
  const page = pageOf(answer.json, cursor, memory)
  const empty = cursor === null && page.cursor === null && page.rows.length === 0 && memory.variant.allStatuses
  return (empty ? await askedPlainly(api, memory, order, signal) : null) ?? page
}

/** The index spans everything; a kind of asset that is new to this version must not hide the others, nor hide. */
const reportUnknown = (memory: SearchMemory, resourceType: string): void => {
  if (memory.unknownTypes.has(resourceType)) return
  memory.unknownTypes.add(resourceType)
  memory.note(
    `the account holds assets of an unknown resource_type, ${JSON.stringify(resourceType)}; they are not kept`,
  )
}

const pageOf = (json: Json, cursor: string | null, memory: SearchMemory): SearchPage => {
  const resources = arrayAt(json, 'resources')
  if (resources === null) throw new AppError('API_UNEXPECTED', `${WHAT}: the answer has no resources`)
  const rows: AccountRow[] = []
  for (const raw of resources) {
    const resourceType = textAt(raw, 'resource_type')
    if (resourceType !== null && !isResourceType(resourceType)) reportUnknown(memory, resourceType)
    else rows.push(parseAsset(raw, 'search'))
  }
  const totalCount = isObject(json) ? toNumber(json['total_count']) : null
  return { rows, cursor: followingCursor(WHAT, json, cursor), totalCount }
}
