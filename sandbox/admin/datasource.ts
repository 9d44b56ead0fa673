import { badRequest } from '../errors.ts'
import { newId } from '../make-asset.ts'
import type { JsonValue } from '../state.ts'

export type Field = { [key: string]: JsonValue }
/** One value of a list: external_id, value, position, state. */
export type Entry = { [key: string]: JsonValue }

export const isMap = (value: JsonValue): value is { [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The field's list of values, those that were deleted included. */
export const entriesOf = (field: Field): Entry[] => {
  const source = field['datasource'] ?? null
  const values = isMap(source) ? (source['values'] ?? null) : null
  return Array.isArray(values) ? values.filter(isMap) : []
}

/** Entries get an id, a state and a position where the request left them out. */
export const normalEntries = (given: JsonValue, from = 0): Entry[] => {
  if (!Array.isArray(given)) throw badRequest('datasource values are invalid')
  return given.map((entry, at) => {
    if (!isMap(entry) || typeof entry['value'] !== 'string' || entry['value'] === '')
      throw badRequest('value is missing')
    const { external_id: id = newId().slice(0, 20), position = from + at, state = 'active' } = entry
    return { external_id: id, value: entry['value'], position, state }
  })
}

/** Entries whose external_id is known are changed, others are added at the end; nothing goes away. */
export const mergeEntries = (known: readonly Entry[], given: JsonValue): Entry[] => {
  if (!Array.isArray(given)) throw badRequest('datasource values are invalid')
  const changes = new Map(given.filter(isMap).map((entry) => [entry['external_id'], entry]))
  const kept = known.map((entry): Entry => {
    const change = changes.get(entry['external_id'])
    return change === undefined ? entry : { ...entry, ...change }
  })
  const ids = new Set(known.map((entry) => entry['external_id']))
  const added = given.filter((entry) => !isMap(entry) || !ids.has(entry['external_id'] ?? null))
  return [...kept, ...normalEntries(added, known.length)]
}
