import { AppError } from '../../../model/errors.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { encodeSegment } from '../../delivery-url.ts'
import { arrayAt, isObject, toNumber } from '../../wire/answer.ts'
import type { WriteRequest } from '../request.ts'
import { readOne } from './find.ts'
import { type Maker, something, textOf } from './maker.ts'

const PART = 'metadata_fields'
const SETTABLE = [
  'label',
  'mandatory',
  'default_value',
  'default_disabled',
  'validation',
  'restrictions',
  'group',
  'allow_dynamic_list_values',
  'alphabetically_sorted',
]

interface Entry {
  readonly id: string
  readonly value: string
  readonly active: boolean
}

const positionOf = (entry: JsonObject, at: number): number => toNumber(entry['position']) ?? at

/** In the order in which people see them; those that were taken out of the list too. */
const entriesOf = (item: JsonObject): readonly Entry[] =>
  (arrayAt(item['datasource'] ?? null, 'values') ?? [])
    .filter(isObject)
    .map((entry, at) => ({ entry, position: positionOf(entry, at) }))
    .sort((a, b) => a.position - b.position)
    .map(({ entry }) => ({
      id: textOf(entry, 'external_id', PART),
      value: textOf(entry, 'value', PART),
      active: entry['state'] !== 'inactive',
    }))

const valuesOf = (entries: readonly Entry[]): readonly Json[] =>
  entries.map(({ id, value }, position) => ({ external_id: id, value, position }))

const pathOf = (item: JsonObject): string => `/metadata_fields/${encodeSegment(textOf(item, 'external_id', PART))}`
const whatOf = (item: JsonObject): string => `metadata field ${textOf(item, 'external_id', PART)}`

const retire = (item: JsonObject, ids: readonly string[]): readonly WriteRequest[] => {
  const what = `retire values of ${whatOf(item)}`
  const body = { external_ids: ids }
  return ids.length === 0 ? [] : [{ method: 'DELETE', path: `${pathOf(item)}/datasource`, body, what }]
}

const revive = (item: JsonObject, ids: readonly string[]): readonly WriteRequest[] => {
  const what = `bring back values of ${whatOf(item)}`
  const body = { external_ids: ids }
  return ids.length === 0 ? [] : [{ method: 'POST', path: `${pathOf(item)}/datasource_restore`, body, what }]
}

/** Values first: a default must be one of them. */
const changeEntries = (item: JsonObject, present: JsonObject): readonly WriteRequest[] => {
  const wanted = entriesOf(item)
  if (wanted.length === 0) return []
  const now = new Map(entriesOf(present).map((entry) => [entry.id, entry]))
  const wantedIds = new Set(wanted.map(({ id }) => id))
  const extra = [...now.values()].filter(({ id, active }) => active && !wantedIds.has(id)).map(({ id }) => id)
  const inactive = wanted.filter(({ id, active }) => !active && now.get(id)?.active !== false).map(({ id }) => id)
  const active = wanted.filter(({ id, active: is }) => is && now.get(id)?.active === false).map(({ id }) => id)
  const body = { values: valuesOf(wanted) }
  return [
    { method: 'PUT', path: `${pathOf(item)}/datasource`, body, what: `change the values of ${whatOf(item)}` },
    ...revive(item, active),
    ...retire(item, [...inactive, ...extra]),
  ]
}

const attributes = (item: JsonObject): JsonObject =>
  Object.fromEntries(SETTABLE.filter((key) => item[key] !== undefined).map((key) => [key, item[key] ?? null]))

const changeAttributes = (item: JsonObject, present: JsonObject): readonly WriteRequest[] => {
  const wanted = attributes(item)
  const differ = SETTABLE.filter((key) => JSON.stringify(wanted[key] ?? null) !== JSON.stringify(present[key] ?? null))
  const body = Object.fromEntries(differ.flatMap((key) => (key in wanted ? [[key, wanted[key] ?? null] as const] : [])))
  if (Object.keys(body).length === 0) return []
  return [{ method: 'PUT', path: pathOf(item), body, what: `change ${whatOf(item)}` }]
}

export const fields: Maker = {
  essence: (item) => ({
    type: item['type'] ?? null,
    ...something(item, SETTABLE),
    restrictions: something(isObject(item['restrictions']) ? item['restrictions'] : {}, [
      'readonly_ui',
      'hidden_ui',
      'excluded_from_search',
    ]),
    entries: entriesOf(item).map(({ id, value, active }) => [id, value, active]),
  }),
  // A value cannot be deleted, only retired: one that this field never had is as good as gone.
  against: (item, present) => {
    const wanted = new Set(entriesOf(item).map(({ id }) => id))
    const values = (arrayAt(present['datasource'] ?? null, 'values') ?? []).filter(
      (entry) => !isObject(entry) || entry['state'] !== 'inactive' || wanted.has(String(entry['external_id'])),
    )
    return values.length === 0 ? { ...present, datasource: null } : { ...present, datasource: { values } }
  },
  find: (admin, item, signal) => readOne(admin, { what: whatOf(item), path: pathOf(item) }, signal),
  create: (item) => {
    const entries = entriesOf(item)
    const body = {
      type: textOf(item, 'type', PART),
      external_id: textOf(item, 'external_id', PART),
      ...Object.fromEntries(Object.entries(attributes(item)).filter(([, value]) => value !== null)),
      ...(entries.length === 0 ? {} : { datasource: { values: valuesOf(entries) } }),
    }
    return { method: 'POST', path: '/metadata_fields', body, what: `make ${whatOf(item)}` }
  },
  begun: (item) => {
    const values = valuesOf(entriesOf(item))
    return values.length === 0 ? item : { ...item, datasource: { values } }
  },
  finish: (item) =>
    retire(
      item,
      entriesOf(item)
        .filter(({ active }) => !active)
        .map(({ id }) => id),
    ),
  change: (item, present) => {
    if (item['type'] !== present['type']) {
      throw new AppError('API_REFUSED', `${whatOf(item)} is there, but of type ${String(present['type'])}`, {
        hint: `a field cannot change its type; the kept one is of type ${String(item['type'])}`,
      })
    }
    return [...changeEntries(item, present), ...changeAttributes(item, present)]
  },
}
