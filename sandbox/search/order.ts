import { badRequest } from '../errors.ts'
import type { JsonValue } from '../state.ts'
import type { FieldValue } from './evaluate.ts'

export interface SortKey {
  readonly field: string
  readonly down: boolean
}

const oneKey = (entry: JsonValue): SortKey => {
  const pair: [string, JsonValue] | undefined =
    typeof entry === 'string'
      ? [entry, 'asc']
      : typeof entry === 'object' && entry !== null && !Array.isArray(entry)
        ? Object.entries(entry)[0]
        : undefined
  const direction = String(pair?.[1] ?? '').toLowerCase()
  if (pair === undefined || (direction !== 'asc' && direction !== 'desc')) {
    throw badRequest('Invalid value for parameter sort_by')
  }
  return { field: pair[0], down: direction === 'desc' }
}

/** `[{"created_at":"desc"},{"public_id":"asc"}]`. Without one the newest is first. */
export const parseSortBy = (value: JsonValue | undefined): SortKey[] => {
  if (value === undefined || value === null || value === '') return [{ field: 'created_at', down: true }]
  const entries = Array.isArray(value) ? value : [value]
  return entries.length === 0 ? [{ field: 'created_at', down: true }] : entries.map(oneKey)
}

/** What a record is sorted by: plain values, so that a cursor can hold them. Null is last in either direction. */
export const sortValue = (field: FieldValue | undefined): string | number | null => {
  if (field === undefined) return null
  if (field.kind === 'exact' || field.kind === 'text') return field.values[0] ?? null
  return field.value
}

type SortValue = string | number | null

const compareValues = (a: SortValue, b: SortValue, down: boolean): number => {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1
  return down ? -order : order
}

/** The last value is an id that no two records share; it follows the direction of the first key. */
export const compareKeys = (keys: readonly SortKey[], a: readonly SortValue[], b: readonly SortValue[]): number => {
  for (const [at, key] of keys.entries()) {
    const order = compareValues(a[at] ?? null, b[at] ?? null, key.down)
    if (order !== 0) return order
  }
  return compareValues(a[keys.length] ?? null, b[keys.length] ?? null, keys[0]?.down === true)
}
