import { AppError } from '../model/errors.ts'
import type { Json } from '../model/json.ts'
import { type Api, succeeded } from './api.ts'
import type { ApiRequest } from './exchange.ts'
import { cursorExpired, followingCursor, ROWS_PER_PAGE, refusesCursor } from './list.ts'
import type { AccountRow, SearchPage } from './reader.ts'
import { arrayAt, isObject, textAt, toNumber } from './wire/answer.ts'
import { isResourceType, parseAsset } from './wire/asset.ts'

const WHAT = 'search deleted assets'

const request = (cursor: string | null): ApiRequest => ({
  method: 'POST',
  path: '/resources/search',
  body: {
    expression: 'status:deleted',
    sort_by: [{ created_at: 'asc' }],
    max_results: ROWS_PER_PAGE,
    ...(cursor === null ? {} : { next_cursor: cursor }),
  },
  what: WHAT,
})

/**
 * What such a row looks like is not documented. A service that does not know the status finds what it always finds,
 * so only rows are taken that say themselves that nothing is there, or that do not speak of their status.
 */
const rowOf = (raw: Json): AccountRow | null => {
  if (!isResourceType(textAt(raw, 'resource_type') ?? undefined)) return null
  const row = parseAsset(raw, 'search')
  if (row.placeholder) return row
  return row.facts.status === null && (row.facts.bytes ?? 0) === 0 ? row : null
}

export const deletedPage = async (api: Api, cursor: string | null, signal: AbortSignal): Promise<SearchPage> => {
  const asked = request(cursor)
  const answer = await api.ask(asked, signal)
  if (cursor !== null && refusesCursor(answer)) throw cursorExpired(WHAT, answer)
  if (!succeeded(answer)) throw api.failure(asked, answer)
  const resources = arrayAt(answer.json, 'resources')
  if (resources === null) throw new AppError('API_UNEXPECTED', `${WHAT}: the answer has no resources`)
  return {
    rows: resources.map(rowOf).filter((row) => row !== null),
    cursor: followingCursor(WHAT, answer.json, cursor),
    totalCount: isObject(answer.json) ? toNumber(answer.json['total_count']) : null,
  }
}
