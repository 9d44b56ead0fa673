import { parseRule } from '../backup/rules.ts'
import { parseSpan, type Span } from '../lib/span.ts'
import type { SnapshotPolicy } from '../maintenance/prune/retention.ts'
import { parseGrace } from '../maintenance/prune/retention-time.ts'
import type { VersionPolicy, VersionRule } from '../maintenance/prune/retention-versions.ts'
import { AppError, isAppError } from '../model/errors.ts'

/** The section `retention` of the config file, checked. */
export interface RetentionSettings {
  readonly snapshots: SnapshotPolicy
  readonly versions: VersionPolicy
  /** Null when the section says nothing of it. */
  readonly graceMs: number | null
}

const NO_RETENTION: RetentionSettings = { snapshots: {}, versions: { rules: [] }, graceMs: null }

/** As in the file and as flags spell it: `keepLast` is `--keep-last`. */
const COUNTS = [
  ['keepLast', 'last'],
  ['keepHourly', 'hourly'],
  ['keepDaily', 'daily'],
  ['keepWeekly', 'weekly'],
  ['keepMonthly', 'monthly'],
  ['keepYearly', 'yearly'],
] as const
const NAMES = [...COUNTS.map(([name]) => name), 'keepWithin', 'keepGone', 'grace', 'rules']
const RULE_NAMES = ['match', 'keepWithin', 'keepGone']

type Section = Readonly<Record<string, unknown>>

/** Throws CONFIG_INVALID naming the file and the key. `origin` is the file's path and `retention`. */
export function parseRetention(value: unknown, origin: string): RetentionSettings {
  if (value === undefined) return NO_RETENTION
  const section = sectionOf(value, origin, NAMES)
  const snapshots: Partial<Record<(typeof COUNTS)[number][1], number>> = {}
  for (const [name, key] of COUNTS) {
    const given = section[name]
    if (given === undefined) continue
    if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 0)
      throw refuse(`${origin} ${name}`, given, 'a whole number of zero or more')
    snapshots[key] = given
  }
  const within = spanOf(section, 'keepWithin', origin)
  const keepGone = spanOf(section, 'keepGone', origin)
  const rules = section['rules'] ?? []
  if (!Array.isArray(rules)) throw refuse(`${origin} rules`, rules, 'a list of rules')
  return {
    snapshots: { ...snapshots, ...(within !== undefined && { within }) },
    versions: {
      ...(keepGone !== undefined && { keepGone }),
      rules: rules.map((rule, i) => ruleOf(rule, `${origin} rules[${i}]`)),
    },
    graceMs: section['grace'] === undefined ? null : textOf(section, 'grace', origin, parseGrace),
  }
}

function ruleOf(value: unknown, origin: string): VersionRule {
  const section = sectionOf(value, origin, RULE_NAMES)
  const keepWithin = spanOf(section, 'keepWithin', origin)
  const keepGone = spanOf(section, 'keepGone', origin)
  if (keepWithin === undefined && keepGone === undefined) {
    throw new AppError('CONFIG_INVALID', `${origin} says neither keepWithin nor keepGone`)
  }
  return {
    match: textOf(section, 'match', origin, parseRule),
    ...(keepWithin !== undefined && { keepWithin }),
    ...(keepGone !== undefined && { keepGone }),
  }
}

function sectionOf(value: unknown, origin: string, names: readonly string[]): Section {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(origin, value, 'an object')
  const section: Section = { ...value }
  const odd = Object.keys(section).find((name) => !names.includes(name))
  if (odd === undefined) return section
  throw new AppError('CONFIG_INVALID', `${origin} holds an unknown key "${odd}"`, {
    hint: `known keys: ${names.join(', ')}`,
  })
}

const spanOf = (section: Section, name: string, origin: string): Span | undefined =>
  section[name] === undefined ? undefined : textOf(section, name, origin, parseSpan)

/** What a flag would refuse with USAGE, a file is refused for with the place where it stands. */
function textOf<T>(section: Section, name: string, origin: string, parse: (text: string) => T): T {
  const value = section[name]
  if (typeof value !== 'string') throw refuse(`${origin} ${name}`, value, 'a text')
  try {
    return parse(value)
  } catch (error) {
    if (!isAppError(error, 'USAGE')) throw error
    const { hint } = error
    throw new AppError('CONFIG_INVALID', `${origin} ${name}: ${error.message}`, hint === undefined ? {} : { hint })
  }
}

const refuse = (origin: string, value: unknown, wanted: string): AppError =>
  new AppError('CONFIG_INVALID', `${origin}: ${JSON.stringify(value) ?? 'nothing'} is not ${wanted}`)
