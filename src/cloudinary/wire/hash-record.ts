import { hash } from 'node:crypto'
import type { Json, JsonObject } from '../../model/json.ts'
import { UNKNOWN_NUMBER } from './answer.ts'

/** Not facts of the asset: addresses made from it, pages of something else, and what belongs to the answer. */
const IGNORED = new Set([
  'url',
  'secure_url',
  'playback_url',
  'derived',
  'next_cursor',
  'derived_next_cursor',
  'related_next_cursor',
  'rate_limit_allowed',
  'rate_limit_remaining',
  'rate_limit_reset_at',
  'request_id',
  'score',
  'last_accessed_at',
  'last_access_at',
])

/** Absent, null, false, unknown and empty are the same to a comparison: answers spell "nothing" in all these ways. */
const isNothing = (value: Json | undefined): boolean => {
  if (value === null || value === undefined || value === false || value === UNKNOWN_NUMBER) return true
  if (typeof value !== 'object') return false
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

const canonical = (value: Json): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  return canonicalObject(value as JsonObject)
}

const canonicalObject = (value: JsonObject): string => {
  let text = '{'
  for (const key of Object.keys(value).sort()) {
    text += `${JSON.stringify(key)}:${canonical(value[key] ?? null)},`
  }
  return `${text}}`
}

const sortedTags = (value: Json): Json => (Array.isArray(value) ? [...value].sort() : value)

/**
 * 32 hex digits over a record: equal when nothing in it changed. The order of keys and of tags does not count, nor
 * do URLs. Records of different endpoints carry different fields, so only hashes of one endpoint compare.
 */
export const hashRecord = (record: JsonObject): string => {
  let text = ''
  for (const key of Object.keys(record).sort()) {
    const value = record[key] ?? null
    if (IGNORED.has(key) || isNothing(value)) continue
    // The comma after a JSON value keeps records apart that differ only in where one value ends.
    text += `${key}:${canonical(key === 'tags' ? sortedTags(value) : value)},`
  }
  return hash('sha256', text, 'hex').slice(0, 32)
}
