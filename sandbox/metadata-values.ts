import { badRequest } from './errors.ts'
import type { Cloud, JsonValue } from './state.ts'

/** Structured metadata: what a request says of an asset's values, checked against the account's fields. */
export type MetadataValues = { [externalId: string]: JsonValue }

type Field = { [key: string]: JsonValue }
type Rule = { [key: string]: JsonValue }

const isMap = (value: unknown): value is { [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Splits at an unescaped separator; the escapes stay. */
const splitUnescaped = (text: string, separator: string): string[] => {
  const parts: string[] = []
  let part = ''
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '\\' && at + 1 < text.length) {
      part += character + text.charAt(++at)
    } else if (character === separator) {
      parts.push(part)
      part = ''
    } else {
      part += character
    }
  }
  return [...parts, part]
}

/** Only `=`, `|` and the backslash itself are ever escaped: a backslash before anything else is one. */
const withoutEscapes = (text: string): string => text.replace(/\\([=|\\])/g, '$1')

/** `k=v|k2=v2` with `\=`, `\|` and `\\`; a pair without `=` has an empty value. The last of equal keys wins. */
export const parsePairs = (text: string): Record<string, string> => {
  const pairs: Record<string, string> = {}
  for (const pair of splitUnescaped(text, '|')) {
    if (pair === '') continue
    const [key = '', ...rest] = splitUnescaped(pair, '=')
    pairs[withoutEscapes(key).trim()] = withoutEscapes(rest.join('='))
  }
  return pairs
}

const parsedValue = (text: string): JsonValue => {
  if (!text.startsWith('[')) return text
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}

/** Pairs, the JSON text of a map, or a map. */
export const parseMetadata = (value: JsonValue): MetadataValues => {
  if (isMap(value)) return value
  const text = String(value)
  if (text.trimStart().startsWith('{')) {
    const parsed = parsedJson(text)
    if (isMap(parsed)) return parsed
    throw badRequest('Invalid metadata')
  }
  return Object.fromEntries(Object.entries(parsePairs(text)).map(([key, one]) => [key, parsedValue(one)]))
}

const parsedJson = (text: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw badRequest('Invalid metadata')
  }
}

const isEmpty = (value: JsonValue): boolean => value === null || value === '' || (Array.isArray(value) && !value.length)

/** The values a field offers now; those that were deleted from its list are inactive and can't be given any more. */
const activeEntries = (field: Field): Set<string> => {
  const source = field['datasource']
  const values = isMap(source) && Array.isArray(source['values']) ? source['values'] : []
  const active = values.filter((entry) => isMap(entry) && entry['state'] !== 'inactive')
  return new Set(active.map((entry) => (isMap(entry) ? String(entry['external_id']) : '')))
}

const refuse = (field: Field, value: JsonValue): never => {
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  throw badRequest(`Value ${shown} is invalid for field with external id: ${String(field['external_id'])}`)
}

const listed = (field: Field, value: JsonValue): JsonValue => {
  const offered = activeEntries(field)
  const items = Array.isArray(value) ? value.map(String) : [String(value)]
  if (items.some((item) => !offered.has(item))) refuse(field, value)
  return field['type'] === 'set' ? items : (items[0] ?? null)
}

const compare = (rule: Rule, value: number | string): boolean => {
  const bound = rule['value']
  const limit = typeof value === 'number' ? Number(bound) : String(bound)
  if (rule['equals'] === true && value === limit) return true
  return rule['type'] === 'greater_than' ? value > limit : value < limit
}

const satisfies = (rule: Rule, value: number | string): boolean => {
  switch (rule['type']) {
    case 'and':
      return Array.isArray(rule['rules']) && rule['rules'].every((inner) => !isMap(inner) || satisfies(inner, value))
    case 'strlen': {
      const { length } = String(value)
      return length >= Number(rule['min'] ?? 0) && length <= Number(rule['max'] ?? Number.POSITIVE_INFINITY)
    }
    case 'greater_than':
    case 'less_than':
      return compare(rule, value)
    default:
      return true
  }
}

const scalar = (field: Field, value: JsonValue): string | number => {
  const text = String(value)
  if (field['type'] === 'integer') return /^[+-]?\d+$/.test(text) ? Number(text) : refuse(field, value)
  if (field['type'] === 'date' && !(/^\d{4}-\d\d-\d\d$/.test(text) && Number.isFinite(Date.parse(text)))) {
    return refuse(field, value)
  }
  return text
}

/** The value as the field keeps it. Throws the 400 of one that its type, list or validation doesn't allow. */
const valueFor = (field: Field, value: JsonValue): JsonValue => {
  if (field['type'] === 'enum' || field['type'] === 'set') return listed(field, value)
  const one = scalar(field, Array.isArray(value) ? (value[0] ?? '') : value)
  const validation = field['validation']
  if (isMap(validation) && !satisfies(validation, one)) refuse(field, value)
  return one
}

export interface MetadataChange {
  readonly before: MetadataValues
  readonly given: MetadataValues
  /** Leaves out what is invalid in place of refusing it. @default false */
  readonly clearInvalid?: boolean
}

const changeOne = (values: MetadataValues, field: Field, change: { value: JsonValue; lenient: boolean }): void => {
  const id = String(field['external_id'])
  if (isEmpty(change.value)) {
    if (field['mandatory'] === true) refuse(field, change.value)
    delete values[id]
    return
  }
  try {
    values[id] = valueFor(field, change.value)
  } catch (error) {
    if (!change.lenient) throw error
    delete values[id]
  }
}

/** The values after the change: an empty one clears its field, those not given stay. Throws a 400 that names what is wrong. */
export const changedMetadata = (cloud: Cloud, change: MetadataChange): MetadataValues => {
  const fields = new Map(cloud.fields.map((field) => [String(field['external_id']), field]))
  const unknown = Object.keys(change.given).filter((id) => !fields.has(id))
  if (unknown.length > 0) {
    throw badRequest(`The following metadata fields do not exist: ${JSON.stringify(unknown)}`)
  }
  const values: MetadataValues = { ...change.before }
  for (const [id, value] of Object.entries(change.given)) {
    const field = fields.get(id)
    if (field !== undefined) changeOne(values, field, { value, lenient: change.clearInvalid === true })
  }
  return values
}

/** What a new asset begins with: the fields' defaults under the given values. Throws the 400 of a mandatory field left out. */
export const newMetadata = (cloud: Cloud, given: MetadataValues): MetadataValues => {
  const defaults: MetadataValues = {}
  for (const field of cloud.fields) {
    const value = field['default_value']
    if (value === undefined || value === null || field['default_disabled'] === true) continue
    defaults[String(field['external_id'])] = value
  }
  const values = changedMetadata(cloud, { before: defaults, given })
  const lacking = cloud.fields.filter(
    (field) => field['mandatory'] === true && !(String(field['external_id']) in values),
  )
  if (lacking.length > 0) {
    const ids = lacking.map((field) => String(field['external_id']))
    throw badRequest(`Missing mandatory metadata fields: ${JSON.stringify(ids)}`)
  }
  return values
}
