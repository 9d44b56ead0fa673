import { badRequest, missing } from './errors.ts'
import type { JsonValue } from './state.ts'

/** What a request says, whichever way it says it: query, form or JSON. */
export type Params = { readonly [name: string]: JsonValue }

type Tree = Map<string, JsonValue | Tree | (JsonValue | Tree)[]>

const KEY_PART = /\[([^\]]*)\]/g

/** `a[b][]` -> ['a', 'b', '']; a name that is not well formed is taken as it stands. */
const splitName = (name: string): string[] => {
  const open = name.indexOf('[')
  if (open <= 0 || !/^(\[[^\]]*\])+$/.test(name.slice(open))) return [name]
  return [name.slice(0, open), ...[...name.slice(open).matchAll(KEY_PART)].map((match) => match[1] ?? '')]
}

const place = (tree: Tree, path: readonly string[], value: string): void => {
  const [name = '', next, ...rest] = path
  if (next === undefined) {
    const before = tree.get(name)
    // The official SDK for Node repeats the bare name where others write `name[]`.
    if (before === undefined) tree.set(name, value)
    else tree.set(name, Array.isArray(before) ? [...before, value] : [before, value])
    return
  }
  const inner = tree.get(name)
  const map: Tree = inner instanceof Map ? inner : new Map()
  if (!(inner instanceof Map)) tree.set(name, map)
  place(map, [next === '' ? `\u0000${map.size}` : next, ...rest], value)
}

const isTree = (value: unknown): value is Tree => value instanceof Map

const plain = (value: JsonValue | Tree | (JsonValue | Tree)[]): JsonValue => {
  if (Array.isArray(value)) return value.map(plain)
  if (!isTree(value)) return value
  const names = [...value.keys()]
  if (names.every((name) => name.startsWith('\u0000'))) return [...value.values()].map(plain)
  if (names.every((name) => /^\d+$/.test(name))) {
    return [...value].sort(([a], [b]) => Number(a) - Number(b)).map(([, item]) => plain(item))
  }
  return Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]))
}

/** Names with brackets become arrays (`a[]`, `a[0]`) and maps (`a[b]`). */
export const unflatten = (pairs: Iterable<readonly [string, string]>): Params => {
  const tree: Tree = new Map()
  for (const [name, value] of pairs) place(tree, splitName(name), value)
  return Object.fromEntries([...tree].map(([name, value]) => [name, plain(value)]))
}

const isParams = (value: JsonValue): value is { [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parseJson = (text: string): Params => {
  let value: JsonValue
  try {
    value = JSON.parse(text)
  } catch {
    throw badRequest('Invalid JSON in request body')
  }
  if (!isParams(value)) throw badRequest('Invalid JSON in request body')
  return value
}

/** The parameters of a body; an empty one has none. Files in a multipart body are left out. */
export const parseBody = async (body: Buffer, contentType: string): Promise<Params> => {
  if (body.length === 0) return {}
  if (contentType.includes('json')) return parseJson(body.toString('utf8'))
  if (!contentType.includes('multipart/')) return unflatten(new URLSearchParams(body.toString('utf8')))
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  const pairs: [string, string][] = []
  for (const [name, value] of form) if (typeof value === 'string') pairs.push([name, value])
  return unflatten(pairs)
}

/** Absent, null and empty are the same; numbers and booleans are read as they would be written in a form. */
export const textOf = (params: Params, name: string): string | undefined => {
  const value = params[name]
  if (value === undefined || value === null || value === '') return undefined
  if (Array.isArray(value)) return value.map(String).join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export const requiredText = (params: Params, name: string): string => {
  const value = textOf(params, name)
  if (value === undefined) throw missing(name)
  return value
}

export const flagOf = (params: Params, name: string): boolean => ['true', '1', 't'].includes(textOf(params, name) ?? '')

/** Undefined when the parameter is not there. */
export const booleanOf = (params: Params, name: string): boolean | undefined =>
  textOf(params, name) === undefined ? undefined : flagOf(params, name)

/** An array, or a list with commas. Undefined when the parameter is not there. */
export const listOf = (params: Params, name: string): string[] | undefined => {
  const value = params[name]
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
  const text = textOf(params, name)
  return text === undefined ? [] : text.split(',').map((item) => item.trim())
}

/** The items of an array exactly as sent; a single value counts as one item. For ids, which may hold commas. */
export const idsOf = (params: Params, name: string): string[] | undefined => {
  const value = params[name]
  if (value === undefined || value === null || value === '') return undefined
  return (Array.isArray(value) ? value : [value]).map((item) =>
    typeof item === 'string' ? item : JSON.stringify(item),
  )
}

/** A map, or the JSON text of one. Undefined when the parameter is not there. */
export const mapOf = (params: Params, name: string): { [key: string]: JsonValue } | undefined => {
  const value = params[name]
  if (value === undefined || value === null || value === '') return undefined
  const parsed = typeof value === 'string' ? parseJson(value) : value
  if (!isParams(parsed)) throw badRequest(`Invalid value for parameter ${name}`)
  return parsed
}

export interface WholeNumberRange {
  readonly min: number
  readonly max: number
  readonly fallback: number
}

export const integerOf = (params: Params, name: string, { min, max, fallback }: WholeNumberRange): number => {
  const text = textOf(params, name)
  if (text === undefined) return fallback
  if (!/^-?\d+$/.test(text)) throw badRequest(`Invalid value ${text} for parameter ${name}`)
  const value = Number(text)
  if (value < min || value > max) {
    throw badRequest(`Invalid value ${text} for parameter ${name}. Must be between ${min} and ${max}`)
  }
  return value
}
