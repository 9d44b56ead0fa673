import { BYTE_SIZE_PATTERN, parseByteSize } from '../lib/byte-size.ts'
import { parseSpan, shift } from '../lib/span.ts'
import type { AssetFacts } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'

/**
 * Include and exclude rules. A rule is `field:pattern` (`type:private`, `resource_type:video`, `folder:drafts/**`,
 * `tag:temp`, `format:psd`, `public_id:cache/*`) or a bare pattern, which is matched against the public_id.
 * `*` stands for anything but `/`, `**` for anything, `?` for one character. A folder rule covers its subfolders.
 * `size:>100M`, `size:<=2K` compare the bytes of the original, `age:>2y`, `age:<30d` the time since the asset was made;
 * an asset of which the account does not say it is matched by neither. `asset:X` is the one asset that X names, as in an
 * override.
 */
export interface Rule {
  readonly text: string
  matches(facts: AssetFacts): boolean
}

/** A decision about one asset, which wins over every rule, as Cloudinary's own upload parameter `backup` does. */
export interface Override {
  /** An asset_id, `resource_type/type/public_id`, or a public_id. The first that fits an asset, in this order, counts. */
  readonly asset: string
  /** Keep it, or leave it out. */
  readonly backup: boolean
}

export interface RuleOptions {
  /** What ages are measured against: the start of the run. Without it a rule on age is refused. */
  readonly now?: Date
}

type Matcher = (facts: AssetFacts) => boolean

const FIELDS: Readonly<Record<string, (facts: AssetFacts) => readonly (string | null)[]>> = {
  public_id: (f) => [f.publicId],
  resource_type: (f) => [f.resourceType],
  type: (f) => [f.type],
  format: (f) => [f.format],
  tag: (f) => f.tags,
  folder: (f) => [f.folder ?? ''],
}

/** The shape of a rule as a regular expression, for whoever checks one without running it. */
export const RULE_PATTERN =
  `(?:(?:${[...Object.keys(FIELDS), 'asset'].join('|')}):.+|size:(?:[<>]=?)${BYTE_SIZE_PATTERN}` +
  '|age:(?:[<>]=?)(?:[0-9]+[hdwmy])+|(?![a-z_]+:).+)'

/** Throws USAGE on an unknown field, an empty pattern, or an age where there is no time to measure it against. */
export function parseRule(text: string, options: RuleOptions = {}): Rule {
  const split = /^([a-z_]+):(.*)$/su.exec(text)
  const field = split?.[1] ?? 'public_id'
  const pattern = split === null ? text : (split[2] ?? '')
  if (pattern === '') throw notARule(text)
  return { text, matches: matcherOf(text, { field, pattern }, options) }
}

function matcherOf(
  text: string,
  { field, pattern }: { field: string; pattern: string },
  options: RuleOptions,
): Matcher {
  if (field === 'size') return sizeMatcher(text, pattern)
  if (field === 'age') return ageMatcher(text, pattern, options)
  if (field === 'asset') return (facts) => namesOf(facts).includes(pattern)
  const read = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined
  if (read === undefined) throw notARule(text)
  const regex = globRegex(field === 'folder' ? pattern.replace(/\/(\*\*)?$/u, '') : pattern, field === 'folder')
  return (facts) => read(facts).some((value) => value !== null && regex.test(value))
}

const notARule = (text: string): AppError =>
  new AppError('USAGE', `cannot understand the rule ${JSON.stringify(text)}`, {
    hint: `a rule is a pattern for public_ids, or one of ${Object.keys(FIELDS).join(', ')} followed by a colon and a pattern, or size: or age: with > or < and a measure`,
  })

function globRegex(pattern: string, subtree: boolean): RegExp {
  const body = pattern.replace(/\*\*|[*?]|[\\^$.|+()[\]{}]/gu, (token) => {
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    return token === '?' ? '[^/]' : `\\${token}`
  })
  return new RegExp(`^${body}${subtree ? '(/.*)?' : ''}$`, 'su')
}

const COMPARE: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
}

function comparison(pattern: string): { compare: (left: number, right: number) => boolean; measure: string } | null {
  const match = /^([<>]=?)(.+)$/su.exec(pattern)
  const compare = COMPARE[match?.[1] ?? '']
  return compare === undefined ? null : { compare, measure: match?.[2] ?? '' }
}

function sizeMatcher(text: string, pattern: string): Matcher {
  const asked = comparison(pattern)
  const size = asked === null ? null : parseByteSize(asked.measure)
  if (asked === null || size === null) {
    throw new AppError('USAGE', `cannot understand the rule ${JSON.stringify(text)}`, {
      hint: 'such as size:>100M or size:<=2K',
    })
  }
  return ({ bytes }) => bytes !== null && asked.compare(bytes, size)
}

/** Older means made earlier, so the comparison turns round on the way from ages to moments. */
function ageMatcher(text: string, pattern: string, { now }: RuleOptions): Matcher {
  const asked = comparison(pattern)
  if (asked === null) {
    throw new AppError('USAGE', `cannot understand the rule ${JSON.stringify(text)}`, {
      hint: 'such as age:>2y or age:<30d',
    })
  }
  const span = parseSpan(asked.measure)
  if (now === undefined) {
    throw new AppError('USAGE', `the rule ${JSON.stringify(text)} has no moment to measure an age against`, {
      hint: 'age is for --include and --exclude of a backup, and for include and exclude of the config file',
    })
  }
  const border = shift(now.getTime(), span, -1)
  return ({ createdAt }) => {
    const made = createdAt === null ? Number.NaN : Date.parse(createdAt)
    return !Number.isNaN(made) && asked.compare(border, made)
  }
}

/** From the most to the least definite. */
const namesOf = (facts: AssetFacts): readonly string[] => [
  facts.assetId,
  `${facts.resourceType}/${facts.type}/${facts.publicId}`,
  facts.publicId,
]

export interface Rules {
  /** The rule or override that leaves the asset out, or null when it is to be kept. */
  excludedBy(facts: AssetFacts): string | null
}

export interface RulesOptions extends RuleOptions {
  readonly overrides?: readonly Override[]
}

/**
 * An override decides first; then an exclude; then, where there are includes, one of them has to match. Throws USAGE as
 * `parseRule` does, and for two overrides of one name that disagree.
 */
export function parseRules(include: readonly string[], exclude: readonly string[], options: RulesOptions = {}): Rules {
  const includes = include.map((text) => parseRule(text, options))
  const excludes = exclude.map((text) => parseRule(text, options))
  const overrides = byName(options.overrides ?? [])
  const includeText = `not included by ${include.join(', ')}`
  return {
    excludedBy: (facts) => {
      const name = overrides.size === 0 ? undefined : namesOf(facts).find((each) => overrides.has(each))
      // Spelled as a rule, so that whoever reads it in a snapshot can apply it again.
      if (name !== undefined) return overrides.get(name) === true ? null : `asset:${name}`
      const hit = excludes.find((rule) => rule.matches(facts))
      if (hit !== undefined) return hit.text
      return includes.length === 0 || includes.some((rule) => rule.matches(facts)) ? null : includeText
    },
  }
}

function byName(overrides: readonly Override[]): ReadonlyMap<string, boolean> {
  const found = new Map<string, boolean>()
  for (const { asset, backup } of overrides) {
    if (asset === '') throw new AppError('USAGE', 'an override names no asset')
    if ((found.get(asset) ?? backup) !== backup) {
      throw new AppError('USAGE', `one override keeps ${JSON.stringify(asset)} and another leaves it out`)
    }
    found.set(asset, backup)
  }
  return found
}
