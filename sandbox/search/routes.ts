import type { AdminCall, AdminRoute } from '../admin/call.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { badRequest } from '../errors.ts'
import { integerOf, listOf, textOf } from '../params.ts'
import type { JsonValue } from '../state.ts'
import { parseSortBy } from './order.ts'
import { parseExpression } from './parser.ts'
import { type SearchShape, searchItem } from './render.ts'
import { type Position, type Query, runQuery } from './run.ts'

const WITH_FIELDS: readonly string[] = [
  'tags',
  'context',
  'metadata',
  'image_metadata',
  'image_analysis',
  'quality_analysis',
  'accessibility_analysis',
]

const shapeOf = (call: SearchCall): SearchShape => {
  const withField = listOf(call.params, 'with_field') ?? []
  for (const field of withField) {
    if (!WITH_FIELDS.includes(field)) throw badRequest(`Invalid value ${field} for parameter with_field`)
  }
  const fields = listOf(call.params, 'fields')
  return { withField, ...(fields === undefined || fields.length === 0 ? {} : { fields }) }
}

/** A search needs to know nothing else of a request. */
export type SearchCall = Pick<AdminCall, 'world' | 'cloud' | 'params'>

interface Question {
  readonly expression: string
  readonly sortBy: JsonValue
  readonly after: Position | undefined
}

/** A cursor carries its own expression and order: what the request says beside it is not looked at. */
const questionOf = (call: SearchCall): Question => {
  const cursor = textOf(call.params, 'next_cursor')
  if (cursor === undefined) {
    const sortBy = call.params['sort_by'] ?? null
    return { expression: textOf(call.params, 'expression') ?? '', sortBy: parsedSortBy(sortBy), after: undefined }
  }
  const carried = readCursor(call.world, ['search', call.cloud.name], cursor)
  const [expression, sortBy, after] = Array.isArray(carried) ? carried : []
  if (typeof expression !== 'string' || !Array.isArray(after))
    throw badRequest('Invalid value for parameter next_cursor')
  const position = after.filter((value) => value === null || typeof value === 'string' || typeof value === 'number')
  return { expression, sortBy: sortBy ?? null, after: position }
}

/** In a query string the order is JSON text. */
const parsedSortBy = (value: JsonValue): JsonValue => {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value
  try {
    return JSON.parse(value) as JsonValue
  } catch {
    throw badRequest('Invalid value for parameter sort_by')
  }
}

/** `aggregate` is accepted and left out, as the service does below its higher plans. */
export const search = (call: SearchCall): JsonValue => {
  const started = performance.now()
  const question = questionOf(call)
  const query: Query = {
    expression: parseExpression(question.expression),
    sort: parseSortBy(question.sortBy),
    after: question.after,
    size: integerOf(call.params, 'max_results', { min: 0, max: 500, fallback: 50 }),
  }
  const shape = shapeOf(call)
  const found = runQuery(call.world, call.cloud, query)
  const next = found.next === undefined ? undefined : [question.expression, question.sortBy, [...found.next]]
  return {
    total_count: found.total,
    time: Math.round(performance.now() - started),
    resources: found.assets.map((asset) => searchItem(call, asset, shape)),
    ...(next === undefined ? {} : { next_cursor: writeCursor(call.world, ['search', call.cloud.name], next) }),
  }
}

export const searchRoutes: readonly AdminRoute[] = [
  { method: 'POST', pattern: 'resources/search', handle: search },
  { method: 'GET', pattern: 'resources/search', handle: search },
]
