import { ApiError, badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { idsOf, integerOf, type Params, textOf } from '../params.ts'
import type { JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { type Entry, entriesOf, type Field, isMap, mergeEntries, normalEntries } from './datasource.ts'

const TYPES: readonly JsonValue[] = ['string', 'integer', 'date', 'enum', 'set']
const SETTABLE: readonly string[] = [
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

const isListed = (field: Field): boolean => field['type'] === 'enum' || field['type'] === 'set'

const indexOf = (call: AdminCall, id: string): number => {
  const at = call.cloud.fields.findIndex((field) => field['external_id'] === id)
  if (at === -1) throw notFound(`External ID ${id} does not exist`)
  return at
}

const find = (call: AdminCall): Field => {
  const id = call.path['id'] ?? ''
  return call.cloud.fields[indexOf(call, id)] ?? {}
}

const list = (call: AdminCall): JsonValue => {
  const wanted = idsOf(call.params, 'external_ids')
  const found = call.cloud.fields.filter(
    (field) => wanted === undefined || wanted.includes(String(field['external_id'])),
  )
  return { metadata_fields: found }
}

const settable = (params: Params): Field =>
  Object.fromEntries(SETTABLE.filter((name) => params[name] !== undefined).map((name) => [name, params[name] ?? null]))

const checkDefault = (field: Field): void => {
  const value = field['default_value'] ?? null
  if (value === null || !isListed(field)) return
  const known = entriesOf(field).map((entry) => entry['external_id'] ?? null)
  if ([value].flat().some((item) => !known.includes(item))) throw badRequest(`default_value is not in the datasource`)
}

const create = (call: AdminCall): JsonValue => {
  const { params, cloud } = call
  const type = params['type'] ?? null
  const label = textOf(params, 'label')
  if (!TYPES.includes(type)) throw badRequest('type is invalid')
  if (label === undefined) throw badRequest('label is missing')
  const id = textOf(params, 'external_id') ?? newId().slice(0, 20)
  if (cloud.fields.some((field) => field['external_id'] === id))
    throw new ApiError(409, `external id ${id} already exists`)
  if (cloud.fields.some((field) => field['label'] === label)) throw new ApiError(409, `label ${label} already exists`)
  const source = params['datasource'] ?? null
  const field: Field = {
    type,
    external_id: id,
    mandatory: false,
    default_value: null,
    default_disabled: false,
    validation: null,
    restrictions: {},
    ...settable(params),
    label,
    ...(isListed({ type })
      ? { datasource: { values: normalEntries(isMap(source) ? (source['values'] ?? []) : []) } }
      : {}),
  }
  if (isListed(field) && !isMap(source)) throw badRequest('datasource is missing')
  checkDefault(field)
  cloud.fields.push(field)
  return field
}

const update = (call: AdminCall): JsonValue => {
  const field = find(call)
  const next: Field = { ...field, ...settable(call.params) }
  const source = call.params['datasource'] ?? null
  if (isListed(field) && isMap(source))
    next['datasource'] = { values: mergeEntries(entriesOf(field), source['values'] ?? []) }
  checkDefault(next)
  Object.assign(field, next)
  return field
}

/** Every asset loses its value with the field. */
const remove = (call: AdminCall): JsonValue => {
  const id = call.path['id'] ?? ''
  call.cloud.fields.splice(indexOf(call, id), 1)
  for (const asset of call.cloud.shelf.changed?.() ?? call.cloud.shelf.scan()) {
    if (!Object.hasOwn(asset.metadata, id)) continue
    const { [id]: _lost, ...rest } = asset.metadata
    asset.metadata = rest
  }
  return { message: 'ok' }
}

const orderFields = (call: AdminCall): JsonValue => {
  const by = textOf(call.params, 'order_by') ?? ''
  if (!['label', 'created_at', 'external_id'].includes(by))
    throw badRequest(`Invalid value ${by} for parameter order_by`)
  const down = textOf(call.params, 'direction') === 'desc' ? -1 : 1
  // Positions of creation are not kept apart from the order: sorting by created_at leaves it, or turns it round.
  if (by === 'created_at') {
    if (down === -1) call.cloud.fields.reverse()
  } else call.cloud.fields.sort((a, b) => (String(a[by]) < String(b[by]) ? -down : down))
  return { metadata_fields: call.cloud.fields }
}

const reorderField = (call: AdminCall): JsonValue => {
  const at = indexOf(call, call.path['id'] ?? '')
  const most = call.cloud.fields.length
  const to = integerOf(call.params, 'position', { min: 0, max: most, fallback: at })
  const moved = call.cloud.fields.splice(at, 1)
  call.cloud.fields.splice(Math.min(to, most - 1), 0, ...moved)
  return { metadata_fields: call.cloud.fields }
}

const listedField = (call: AdminCall): Field => {
  const field = find(call)
  if (!isListed(field)) throw badRequest(`Field ${String(field['external_id'])} has no datasource`)
  return field
}

const updateDatasource = (call: AdminCall): JsonValue => {
  const field = listedField(call)
  field['datasource'] = { values: mergeEntries(entriesOf(field), call.params['values'] ?? []) }
  return field['datasource']
}

const setStates = (call: AdminCall, state: 'active' | 'inactive'): JsonValue => {
  const field = listedField(call)
  const ids = idsOf(call.params, 'external_ids')
  if (ids === undefined) throw badRequest('Missing required parameter - external_ids')
  const entries = entriesOf(field)
  const missing = ids.filter((id) => !entries.some((entry) => entry['external_id'] === id))
  if (missing.length > 0) throw notFound(`External IDs ${JSON.stringify(missing)} do not exist in the datasource`)
  const changed = entries.map(
    (entry): Entry => (ids.includes(String(entry['external_id'])) ? { ...entry, state } : entry),
  )
  field['datasource'] = { values: changed }
  return field['datasource']
}

const orderDatasource = (call: AdminCall): JsonValue => {
  const field = listedField(call)
  const by = textOf(call.params, 'order_by') ?? 'value'
  if (by !== 'value') throw badRequest(`Invalid value ${by} for parameter order_by`)
  const down = textOf(call.params, 'direction') === 'desc' ? -1 : 1
  const sorted = [...entriesOf(field)].sort((a, b) => (String(a['value']) < String(b['value']) ? -down : down))
  field['datasource'] = { values: sorted.map((entry, position) => ({ ...entry, position })) }
  return field['datasource']
}

const searchDatasource = (call: AdminCall, fields: readonly Field[]): JsonValue => {
  const term = (textOf(call.params, 'term') ?? '').toLowerCase()
  const size = integerOf(call.params, 'max_results', { min: 1, max: 500, fallback: 50 })
  const found = fields.filter(isListed).flatMap((field) =>
    entriesOf(field)
      .filter((entry) => entry['state'] !== 'inactive' && String(entry['value']).toLowerCase().includes(term))
      .map((entry) => ({ ...entry, metadata_field_external_id: field['external_id'] ?? null })),
  )
  return { values: found.slice(0, size) }
}

export const fieldRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'metadata_fields', handle: list },
  { method: 'POST', pattern: 'metadata_fields', handle: create },
  { method: 'PUT', pattern: 'metadata_fields/order', handle: orderFields },
  {
    method: 'POST',
    pattern: 'metadata_fields/datasource/search',
    handle: (call) => searchDatasource(call, call.cloud.fields),
  },
  { method: 'GET', pattern: 'metadata_fields/:id', handle: find },
  { method: 'PUT', pattern: 'metadata_fields/:id', handle: update },
  { method: 'DELETE', pattern: 'metadata_fields/:id', handle: remove },
  { method: 'PUT', pattern: 'metadata_fields/:id/reorder', handle: reorderField },
  { method: 'PUT', pattern: 'metadata_fields/:id/datasource', handle: updateDatasource },
  { method: 'DELETE', pattern: 'metadata_fields/:id/datasource', handle: (call) => setStates(call, 'inactive') },
  { method: 'POST', pattern: 'metadata_fields/:id/datasource_restore', handle: (call) => setStates(call, 'active') },
  { method: 'POST', pattern: 'metadata_fields/:id/datasource/order', handle: orderDatasource },
  { method: 'PUT', pattern: 'metadata_fields/:id/datasource/order', handle: orderDatasource },
  {
    method: 'POST',
    pattern: 'metadata_fields/:id/datasource/search',
    handle: (call) => searchDatasource(call, [find(call)]),
  },
]
