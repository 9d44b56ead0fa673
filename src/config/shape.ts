import { AppError, isAppError } from '../model/errors.ts'
import { type Given, looksSecret } from './values.ts'

/*
 * What a config file may say, written once: each shape reads a value and describes itself as JSON Schema, so the two
 * cannot drift apart. By hand, because a schema library would take longer to load than everything else that a command
 * does at its start.
 */

export type JsonSchema = { readonly [keyword: string]: unknown }

/** Where a value stands: `path` is the keys that lead to it (`accounts.shop.vault`), empty for the whole file. */
export interface Spot {
  readonly file: string
  readonly path: string
}

export interface Shape<T> {
  readonly schema: JsonSchema
  /** Throws CONFIG_INVALID naming the file, the keys that lead to the value, and what was wanted. */
  read(value: unknown, at: Spot): T
}

type TypeOf<S> = S extends Shape<infer T> ? T : never
type Fields = Readonly<Record<string, Shape<unknown>>>
type ObjectOf<F extends Fields, R extends keyof F> = {
  readonly [K in keyof F as K extends R ? K : never]: TypeOf<F[K]>
} & { readonly [K in keyof F as K extends R ? never : K]?: TypeOf<F[K]> }

export const originOf = ({ file, path }: Spot): string => (path === '' ? file : `${file} ${path}`)
const inside = ({ file, path }: Spot, key: string): Spot => ({ file, path: path === '' ? key : `${path}.${key}` })

/** `wanted` completes "this is not …". What was there is shown, unless it looks like a secret. */
const misfit = (at: Spot, value: unknown, wanted: string, hint?: string): AppError =>
  new AppError(
    'CONFIG_INVALID',
    `${originOf(at)}: ${shown(value)} is not ${wanted}`,
    hint === undefined ? {} : { hint },
  )

/** For what is wrong with a value although it has the right form. */
export const refusalAt = (at: Spot, message: string, hint?: string): AppError =>
  new AppError('CONFIG_INVALID', `${originOf(at)}: ${message}`, hint === undefined ? {} : { hint })

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value) ?? 'nothing'
  if (looksSecret(text)) return 'a text that may hold a secret'
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text
}

interface TextSpec {
  readonly describe: string
  /** Completes "this is not …". */
  readonly wanted: string
  /** Of the whole text, as a regular expression; what `parse` takes must fit it. */
  readonly pattern?: string
  /** Settings of the flat form may be empty, which counts as absent. @default false */
  readonly mayBeEmpty?: boolean
}

const patternOf = ({ pattern, mayBeEmpty }: TextSpec): string | undefined =>
  pattern === undefined ? undefined : `^(?:${pattern})${mayBeEmpty === true ? '?' : ''}$`

/** A text, and what `parse` makes of it; a USAGE error of `parse` is told with the place of the text. */
export function text<T = string>(spec: TextSpec, parse?: (given: Given) => T): Shape<string> {
  const pattern = patternOf(spec)
  const regex = pattern === undefined ? null : new RegExp(pattern, 'u')
  return {
    schema: {
      description: spec.describe,
      type: 'string',
      ...(pattern === undefined ? {} : { pattern }),
      ...(spec.mayBeEmpty === true || pattern !== undefined ? {} : { minLength: 1 }),
    },
    read: (value, at) => {
      if (typeof value !== 'string') throw misfit(at, value, spec.wanted)
      if (value === '') {
        if (spec.mayBeEmpty === true) return value
        throw misfit(at, value, spec.wanted)
      }
      if (parse !== undefined) placed(at, () => parse({ value, origin: originOf(at) }))
      if (regex !== null && !regex.test(value)) throw misfit(at, value, spec.wanted)
      return value
    },
  }
}

/** Like `text`, but gives what `parse` made of it. */
export function parsed<T>(spec: TextSpec, parse: (text: string) => T): Shape<T> {
  const base = text(spec, ({ value }) => parse(value))
  return { schema: base.schema, read: (value, at) => parse(base.read(value, at)) }
}

/** What a flag would be refused for with USAGE, a file is refused for with the place where it stands. */
function placed<T>(at: Spot, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!isAppError(error, 'USAGE')) throw error
    throw refusalAt(at, error.message, error.hint)
  }
}

interface ScalarSpec extends TextSpec {
  readonly number: { readonly integer: boolean; readonly min: number; readonly max?: number }
}

/** A text or a number, given as text. */
export function scalar(spec: ScalarSpec, parse: (given: Given) => unknown): Shape<string> {
  const words = text(spec, parse)
  const { integer, min, max } = spec.number
  const type = integer ? 'integer' : 'number'
  return {
    schema: { ...words.schema, type: ['string', type], minimum: min, ...(max === undefined ? {} : { maximum: max }) },
    read: (value, at) => {
      if (typeof value !== 'number') return words.read(value, at)
      if (value < min || value > (max ?? Number.POSITIVE_INFINITY) || (integer && !Number.isSafeInteger(value))) {
        throw misfit(at, value, spec.wanted)
      }
      return words.read(String(value), at)
    },
  }
}

export const flag = (describe: string): Shape<boolean> => ({
  schema: { description: describe, type: 'boolean' },
  read: (value, at) => {
    if (typeof value === 'boolean') return value
    throw misfit(at, value, 'true or false')
  },
})

export const count = (describe: string, range: { readonly min: number; readonly max: number }): Shape<number> => ({
  schema: { description: describe, type: 'integer', minimum: range.min, maximum: range.max },
  read: (value, at) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= range.min && value <= range.max) return value
    const upTo = range.max === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${range.max}`
    throw misfit(at, value, `a whole number of ${range.min} ${upTo}`)
  },
})

export function choice<const W extends string>(describe: string, words: readonly W[]): Shape<W> {
  return {
    schema: { description: describe, enum: words },
    read: (value, at) => {
      const found = words.find((word) => word === value)
      if (found !== undefined) return found
      throw misfit(at, value, words.join(' or '), typeof value === 'string' ? nearest(value, words) : undefined)
    },
  }
}

export const list = <T>(describe: string, of: Shape<T>): Shape<readonly T[]> => ({
  schema: { description: describe, type: 'array', items: of.schema },
  read: (value, at) => {
    if (!Array.isArray(value)) throw misfit(at, value, 'a list')
    return value.map((each: unknown, i) => of.read(each, { file: at.file, path: `${at.path}[${i}]` }))
  },
})

/** An object with these keys and no others. */
export function object<F extends Fields, R extends keyof F & string = never>(
  describe: string,
  fields: F,
  required: readonly R[] = [],
): Shape<ObjectOf<F, R>> {
  const names = Object.keys(fields)
  const properties = Object.fromEntries(names.map((name) => [name, fields[name]?.schema]))
  return {
    schema: {
      ...{ description: describe, type: 'object', properties, additionalProperties: false },
      ...(required.length === 0 ? {} : { required }),
    },
    read: (value, at) => {
      const found: Record<string, unknown> = {}
      for (const [name, inner] of entriesOf(value, at)) {
        const shape = Object.hasOwn(fields, name) ? fields[name] : undefined
        if (shape === undefined) throw unknownKey(at, name, names)
        found[name] = shape.read(inner, inside(at, name))
      }
      const absent = required.find((name) => !Object.hasOwn(found, name))
      if (absent !== undefined) throw refusalAt(at, `"${absent}" is missing`)
      // Each key was read by the shape that has its name.
      return found as ObjectOf<F, R>
    },
  }
}

/** An object whose keys are names that people choose. Keeps their order. */
export const named = <T>(
  describe: string,
  names: { readonly pattern: string; readonly wanted: string },
  of: Shape<T>,
): Shape<ReadonlyMap<string, T>> => {
  const pattern = `^(?:${names.pattern})$`
  const regex = new RegExp(pattern, 'u')
  return {
    schema: { description: describe, type: 'object', propertyNames: { pattern }, additionalProperties: of.schema },
    read: (value, at) =>
      new Map(
        entriesOf(value, at).map(([name, inner]) => {
          if (!regex.test(name)) throw misfit(at, name, names.wanted)
          return [name, of.read(inner, inside(at, name))]
        }),
      ),
  }
}

function entriesOf(value: unknown, at: Spot): readonly [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw misfit(at, value, 'an object')
}

/** Parts of words, so that `publicKey` and `urls` of anything are caught too. */
const SECRET_WORD = /key|secret|password|passphrase|token|identity|credential|url/i

function unknownKey(at: Spot, name: string, known: readonly string[]): AppError {
  const meant = nearest(name, known)
  const hint =
    meant === undefined && SECRET_WORD.test(name)
      ? 'secrets are read from the environment, .env or a *_FILE, never from this file'
      : [meant, `known keys: ${known.join(', ')}`].filter((part) => part !== undefined).join('; ')
  return refusalAt(at, `unknown key "${name}"`, hint)
}

/** "did you mean …", when there is one word that is only a slip away. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const ranked = [...known]
    .map((name) => ({ name, distance: slips(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.name.length / 3))
    ? `did you mean "${best.name}"?`
    : undefined
}

/** Letters to put in, take out, change, or swap with their neighbour until one word is the other. */
function slips(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= to.length; j += 1) {
      const changed = at(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const isSwap = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      row.push(Math.min(changed, at(i - 1, j) + 1, at(i, j - 1) + 1, isSwap ? at(i - 2, j - 2) + 1 : changed))
    }
  }
  return at(from.length, to.length)
}
