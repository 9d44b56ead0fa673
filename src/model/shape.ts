import { AppError } from './errors.ts'
import type { Json } from './json.ts'

/**
 * Reading JSON that may have been damaged or planted: each function takes one field out of an object and gives it its
 * type, or throws VAULT_INVALID naming the field and what stands there. Fields nobody asks for are ignored, so that a
 * later format may add some; a field that may be null may also be missing.
 */
export type Fields = Readonly<Record<string, unknown>>

const shown = (value: unknown): string => {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

export const invalid = (name: string, value: unknown, wanted: string): AppError =>
  new AppError('VAULT_INVALID', `"${name}" is ${shown(value)}, not ${wanted}`)

export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('VAULT_INVALID', 'it is not JSON', { cause })
  }
}

export const fieldsOf = (value: unknown, name: string): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw invalid(name, value, 'an object')
}

/** Own properties only: a field called `constructor` is missing unless the text has it. */
const take = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined)

export const text = (fields: Fields, name: string): string => {
  const value = take(fields, name)
  if (typeof value === 'string') return value
  throw invalid(name, value, 'a text')
}

export const textLike = (fields: Fields, name: string, like: { pattern: RegExp; wanted: string }): string => {
  const value = take(fields, name)
  if (typeof value === 'string' && like.pattern.test(value)) return value
  throw invalid(name, value, like.wanted)
}

/** An ISO-8601 time, kept as it is written. */
export const time = (fields: Fields, name: string): string => {
  const value = take(fields, name)
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value))) return value
  throw invalid(name, value, 'an ISO-8601 time')
}

/** A whole number of zero or more that a double holds exactly. */
export const count = (fields: Fields, name: string): number => {
  const value = take(fields, name)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(name, value, 'a whole number of zero or more')
}

export const amount = (fields: Fields, name: string): number => {
  const value = take(fields, name)
  if (typeof value === 'number') return value
  throw invalid(name, value, 'a number')
}

export const flag = (fields: Fields, name: string): boolean => {
  const value = take(fields, name)
  if (typeof value === 'boolean') return value
  throw invalid(name, value, 'true or false')
}

export const oneOf = <const T extends string>(fields: Fields, name: string, words: readonly T[]): T => {
  const value = take(fields, name)
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw invalid(name, value, `one of ${words.join(', ')}`)
}

export const list = (fields: Fields, name: string): readonly unknown[] => {
  const value = take(fields, name)
  if (Array.isArray(value)) return value
  throw invalid(name, value, 'a list')
}

export const object = (fields: Fields, name: string): Fields => fieldsOf(take(fields, name), name)

/** Whatever came out of `JSON.parse` is JSON; nothing is copied key by key, so no key can reach a prototype. */
export const json = (fields: Fields, name: string): Json => (take(fields, name) ?? null) as Json

export const isGiven = (fields: Fields, name: string): boolean => (take(fields, name) ?? null) !== null

/** `reader` for a field that may be null. */
export const maybe = <T>(fields: Fields, name: string, reader: (fields: Fields, name: string) => T): T | null =>
  isGiven(fields, name) ? reader(fields, name) : null

const DIGEST = { pattern: /^[0-9a-f]{64}$/, wanted: 'a SHA-256 in 64 hex digits' }

export const digest = (fields: Fields, name: string): string => textLike(fields, name, DIGEST)
export const isDigest = (value: string): boolean => DIGEST.pattern.test(value)
