import type { JsonValue } from '../state.ts'
import type { Bound, Expression, Value } from './parser.ts'

/** What a field of a record holds, and how it is searched. */
export type FieldValue =
  /** Compared as it stands; `ci` compares without regard to case. */
  | { readonly kind: 'exact'; readonly values: readonly string[]; readonly ci?: boolean }
  /** Split into words for `:`. */
  | { readonly kind: 'text'; readonly values: readonly string[] }
  | { readonly kind: 'number'; readonly value: number }
  /** Milliseconds since the epoch. */
  | { readonly kind: 'time'; readonly value: number }
  /** A path: a trailing wildcard after a slash takes the whole subtree. */
  | { readonly kind: 'path'; readonly value: string }

/** Undefined for a field that does not exist or holds nothing: it matches nothing, and is no error. */
export type Lookup = (field: string) => FieldValue | undefined

export interface Terms {
  readonly lookup: Lookup
  /** The fields that a bare word is searched in. */
  readonly texts: readonly string[]
  readonly now: number
}

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')

/** The words in sequence somewhere in the text; the last one may be only the beginning of one. */
const matchesWords = (text: string, value: Value): boolean => {
  const wanted = wordsOf(value.text)
  if (wanted.length === 0) return false
  const words = wordsOf(text)
  const last = wanted.length - 1
  return words.some((_, start) =>
    wanted.every((word, i) => {
      const found = words[start + i]
      if (found === undefined) return false
      return value.wildcard && i === last ? found.startsWith(word) : found === word
    }),
  )
}

const matchesWhole = (text: string, value: Value): boolean =>
  value.wildcard ? text.startsWith(value.text) : text === value.text

const matchesPath = (path: string, value: Value): boolean => {
  if (!value.wildcard) return path === value.text
  if (!value.text.endsWith('/')) return path.startsWith(value.text)
  return path.startsWith(value.text) || path === value.text.slice(0, -1)
}

const UNITS: { readonly [unit: string]: number } = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
}

const numberOf = (text: string): number | undefined => {
  const match = /^([+-]?\d+(?:\.\d+)?)([a-z]*)$/i.exec(text)
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

const AGES: { readonly [unit: string]: number } = { h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** A time is an instant, or a whole day or month: the first and the last millisecond of it. */
const timesOf = (text: string, now: number): { first: number; last: number } | undefined => {
  const age = /^(\d+)([hdw])$/.exec(text)
  if (age !== null) {
    const at = now - Number(age[1]) * (AGES[age[2] ?? ''] ?? 0)
    return { first: at, last: at }
  }
  const date = /^(\d{4})-(\d\d)(?:-(\d\d))?$/.exec(text)
  if (date !== null) {
    const [year, month] = [Number(date[1]), Number(date[2]) - 1]
    const day = date[3] === undefined ? undefined : Number(date[3])
    const end = day === undefined ? Date.UTC(year, month + 1, 1) : Date.UTC(year, month, day + 1)
    return { first: Date.UTC(year, month, day ?? 1), last: end - 1 }
  }
  // Without a zone the time is UTC; a time in whole seconds means all of that second.
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`
  const at = /^\d{4}-\d\d-\d\d[T ]/.test(text) ? Date.parse(zoned.replace(' ', 'T')) : Number.NaN
  return Number.isNaN(at) ? undefined : { first: at, last: /\.\d+/.test(text) ? at : at + 999 }
}

const matchesValue = (field: FieldValue, { exact, value }: { exact: boolean; value: Value }, now: number): boolean => {
  switch (field.kind) {
    case 'text':
      return field.values.some((text) => (exact ? matchesWhole(text, value) : matchesWords(text, value)))
    case 'exact': {
      if (field.ci !== true) return field.values.some((text) => matchesWhole(text, value))
      const wanted = { ...value, text: value.text.toLowerCase() }
      return field.values.some((text) => matchesWhole(text.toLowerCase(), wanted))
    }
    case 'path':
      return matchesPath(field.value, value)
    case 'number':
      return numberOf(value.text) === field.value
    case 'time': {
      const times = timesOf(value.text, now)
      return times !== undefined && field.value >= times.first && field.value <= times.last
    }
  }
}

const within = <T extends number | string>(
  value: T,
  low: { at: T; inclusive: boolean } | null,
  high: { at: T; inclusive: boolean } | null,
): boolean => {
  if (low !== null && !(low.inclusive ? value >= low.at : value > low.at)) return false
  return high === null || (high.inclusive ? value <= high.at : value < high.at)
}

/** Null for an open end, undefined for one that cannot be read: then nothing matches. */
const boundOf = <T>(
  bound: Bound | null,
  read: (text: string) => T | undefined,
): { at: T; inclusive: boolean } | null | undefined => {
  if (bound === null) return null
  const at = read(bound.text)
  return at === undefined ? undefined : { at, inclusive: bound.inclusive }
}

const inRange = (field: FieldValue, { low, high }: { low: Bound | null; high: Bound | null }, now: number): boolean => {
  if (field.kind === 'number') {
    const [from, to] = [boundOf(low, numberOf), boundOf(high, numberOf)]
    return from !== undefined && to !== undefined && within(field.value, from, to)
  }
  if (field.kind === 'time') {
    // After a day is after its end, from a day is from its beginning.
    const from = boundOf(low, (text) => timesOf(text, now)?.[low?.inclusive === true ? 'first' : 'last'])
    const to = boundOf(high, (text) => timesOf(text, now)?.[high?.inclusive === true ? 'last' : 'first'])
    return from !== undefined && to !== undefined && within(field.value, from, to)
  }
  const values = field.kind === 'path' ? [field.value] : field.values
  const [from, to] = [boundOf(low, (text) => text), boundOf(high, (text) => text)]
  return from !== undefined && to !== undefined && values.some((value) => within(value, from, to))
}

/** Whether a record satisfies an expression. */
export const matches = (expression: Expression, terms: Terms): boolean => {
  switch (expression.kind) {
    case 'all':
      return true
    case 'and':
      return expression.parts.every((part) => matches(part, terms))
    case 'or':
      return expression.parts.some((part) => matches(part, terms))
    case 'not':
      return !matches(expression.part, terms)
    case 'range': {
      const field = terms.lookup(expression.field)
      return field !== undefined && inRange(field, expression, terms.now)
    }
    case 'match': {
      const fields = expression.field === null ? terms.texts : [expression.field]
      return fields.some((name) => {
        const field = terms.lookup(name)
        return field !== undefined && matchesValue(field, expression, terms.now)
      })
    }
  }
}

/** Values of structured metadata and analyses, whose fields the account itself names. */
export const fieldOfJson = (value: JsonValue | undefined): FieldValue | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return { kind: 'number', value }
  if (typeof value === 'boolean') return { kind: 'exact', values: [String(value)] }
  if (typeof value === 'string') {
    const day = /^\d{4}-\d\d-\d\d$/.test(value) ? Date.parse(value) : Number.NaN
    return Number.isNaN(day) ? { kind: 'text', values: [value] } : { kind: 'time', value: day }
  }
  return Array.isArray(value) ? { kind: 'text', values: value.map(String) } : undefined
}
