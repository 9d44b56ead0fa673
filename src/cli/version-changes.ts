import type { VersionRow } from '../catalog/catalog.ts'
import type { AssetFacts } from '../model/asset.ts'
import type { Entry } from '../model/entry.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { formatBytes, safe } from './format.ts'

/** A version and, where it is to be had, its whole record: the catalog knows neither context nor metadata. */
export interface Described {
  readonly row: VersionRow
  readonly entry: Entry | null
}

/** One thing that differs: for programs as values, for people in words. */
export interface FieldChange {
  readonly field: string
  readonly before: Json
  readonly after: Json
  readonly words: string
}

export const fieldRecord = ({ field, before, after }: FieldChange): object => ({ field, before, after })

/** What made a version and how it differs from the one before: `replaced: 1.2 MiB → 1.3 MiB, tags +new -old`. */
export function whatChanged(before: Described | null, after: Described): string {
  const { change } = after.row
  if (before === null) return change
  if (before.row.purged !== null && before.row.object === after.row.object) return 'fetched again'
  const parts = fieldChanges(before, after).map((part) => part.words)
  return parts.length === 0 ? change : `${change}: ${parts.join(', ')}`
}

/**
 * Every difference between two versions, bytes first. Of imported versions only bytes and name are compared: nobody
 * knows what tags or metadata they had.
 */
export function fieldChanges(before: Described, after: Described): readonly FieldChange[] {
  const [one, other] = [before.row, after.row]
  const plain: (FieldChange | null)[] = [
    bytesChange(one, other),
    moved('format', one.format, other.format),
    dimensionsChange(one, other),
    moved('duration', one.duration, other.duration, seconds),
    moved('public_id', one.publicId, other.publicId),
    moved('type', `${one.resourceType}/${one.type}`, `${other.resourceType}/${other.type}`),
  ]
  if (one.origin !== 'import' && other.origin !== 'import') {
    plain.push(
      moved('folder', one.folder, other.folder),
      moved('display name', one.displayName, other.displayName),
      tagsChange(one.tags, other.tags),
    )
    if (before.entry !== null && after.entry !== null) plain.push(...labelChanges(before.entry, after.entry))
  }
  return plain.filter((change) => change !== null)
}

function bytesChange(one: VersionRow, other: VersionRow): FieldChange | null {
  if (one.object === other.object) return null
  const words = one.size === other.size ? 'other bytes of the same size' : `${sizeOf(one)} → ${sizeOf(other)}`
  const value = ({ object, size }: VersionRow): Json => ({ object, size })
  return { field: 'bytes', before: value(one), after: value(other), words }
}

function dimensionsChange(one: VersionRow, other: VersionRow): FieldChange | null {
  const text = ({ width, height }: VersionRow): string | null =>
    width === null || height === null ? null : `${width}×${height}`
  const [before, after] = [text(one), text(other)]
  // What one of them does not state is unknown, and no difference.
  if (before === after || before === null || after === null) return null
  return { field: 'dimensions', before, after, words: `${before} → ${after}` }
}

function moved<T extends string | number>(
  field: string,
  before: T | null,
  after: T | null,
  shown: (value: T) => string = (value) => safe(String(value)) || '/',
): FieldChange | null {
  if (before === after) return null
  const show = (value: T | null): string => (value === null ? 'none' : shown(value))
  return { field: field.replace(' ', '_'), before, after, words: `${field} ${show(before)} → ${show(after)}` }
}

function tagsChange(before: readonly string[], after: readonly string[]): FieldChange | null {
  const marks = [
    ...after.filter((tag) => !before.includes(tag)).map((tag) => `+${safe(tag)}`),
    ...before.filter((tag) => !after.includes(tag)).map((tag) => `-${safe(tag)}`),
  ]
  return marks.length === 0 ? null : { field: 'tags', before, after, words: `tags ${marks.join(' ')}` }
}

function labelChanges({ facts: one, ...before }: Entry, { facts: other, ...after }: Entry): (FieldChange | null)[] {
  // Only details speak of these two, so they differ only where both were read.
  const isDetailed = before.raw.details !== undefined && after.raw.details !== undefined
  return [
    keysChange('context', contextOf(one), contextOf(other)),
    keysChange('metadata', one.metadata, other.metadata),
    moved('access mode', one.accessMode, other.accessMode),
    valueChange('access control', emptyToNull(one.accessControl), emptyToNull(other.accessControl)),
    moved('moderation', moderationOf(one), moderationOf(other)),
    isDetailed ? valueChange('coordinates', one.coordinates, other.coordinates) : null,
    isDetailed ? valueChange('regions', one.regions, other.regions) : null,
  ]
}

/** By key: what came, what went, and what has another value. */
function keysChange(field: string, before: Json, after: Json): FieldChange | null {
  const [one, other] = [pairsOf(before), pairsOf(after)]
  if (canonicalJson(one) === canonicalJson(other)) return null
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()
  const marks = keys.flatMap((key) => {
    if (!Object.hasOwn(one, key)) return [`+${safe(key)}`]
    if (!Object.hasOwn(other, key)) return [`-${safe(key)}`]
    return canonicalJson(one[key] ?? null) === canonicalJson(other[key] ?? null) ? [] : [`~${safe(key)}`]
  })
  return { field, before, after, words: `${field} ${marks.join(' ')}` }
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const pairsOf = (value: Json): JsonObject => (isObject(value) ? value : {})

function valueChange(field: string, before: Json, after: Json): FieldChange | null {
  if (canonicalJson(before) === canonicalJson(after)) return null
  const verb = before === null ? 'set' : after === null ? 'removed' : 'changed'
  return { field: field.replace(' ', '_'), before, after, words: `${field} ${verb}` }
}

const emptyToNull = (value: Json): Json => (Array.isArray(value) && value.length === 0 ? null : value)

/** Without the wrapper around the pairs that an account's users make. */
export function contextOf({ context }: Pick<AssetFacts, 'context'>): Json {
  return isObject(context) && 'custom' in context ? (context.custom ?? null) : context
}

const moderationOf = ({ moderation }: AssetFacts): string | null =>
  moderation.map(({ kind, status }) => `${kind ?? '?'}: ${status ?? '?'}`).join(', ') || null

const seconds = (value: number): string => `${value} s`
const sizeOf = (row: VersionRow): string => (row.size === null ? 'no bytes' : formatBytes(row.size))
