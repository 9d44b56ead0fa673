import type { Json, JsonObject } from '../../model/json.ts'

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Undefined when the text is not JSON (Cloudinary sends HTML for some refusals and failures). */
export const parseJson = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/**
 * The message of an answer that reports a failure, whatever its status: a top-level `error`, as an object with a
 * message or as a string. Null for any other answer.
 */
export const errorMessage = (json: Json | undefined): string | null => {
  if (!isObject(json)) return null
  const { error } = json
  if (typeof error === 'string') return error
  if (!isObject(error)) return null
  return typeof error['message'] === 'string' ? error['message'] : 'no message'
}

/** The cursor of the next page; absent, null and '' all mean that there is none. */
export const nextCursor = (json: Json): string | null => {
  const cursor = isObject(json) ? json['next_cursor'] : null
  return typeof cursor === 'string' && cursor !== '' ? cursor : null
}

/** The array under a key; null when there is none. */
export const arrayAt = (json: Json, key: string): readonly Json[] | null => {
  const value = isObject(json) ? json[key] : undefined
  return Array.isArray(value) ? value : null
}

export const textAt = (json: Json, key: string): string | null => {
  const value = isObject(json) ? json[key] : undefined
  return typeof value === 'string' ? value : null
}

/** Unsigned -1, as which Cloudinary reports numbers that it does not know. */
export const UNKNOWN_NUMBER = 4_294_967_295

/** A number, or a string that spells one; null for anything else and for "unknown". */
export const toNumber = (value: Json | undefined): number | null => {
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) && number !== UNKNOWN_NUMBER ? number : null
}

/** A boolean in any of the forms seen: true, "true", 1, "1"; null when it says neither. */
export const toBoolean = (value: Json | undefined): boolean | null => {
  if (value === true || value === 'true' || value === 1 || value === '1') return true
  return value === false || value === 'false' || value === 0 || value === '0' ? false : null
}
