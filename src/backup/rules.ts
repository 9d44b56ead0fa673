import type { AssetFacts } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'

/**
 * Include and exclude rules. A rule is `field:pattern` (`type:private`, `resource_type:video`, `folder:drafts/**`,
 * `tag:temp`, `format:psd`, `public_id:cache/*`) or a bare pattern, which is matched against the public_id.
 * `*` stands for anything but `/`, `**` for anything, `?` for one character. A folder rule covers its subfolders.
 */
export interface Rule {
  readonly text: string
  matches(facts: AssetFacts): boolean
}

const FIELDS: Record<string, (facts: AssetFacts) => readonly (string | null)[]> = {
  public_id: (f) => [f.publicId],
  resource_type: (f) => [f.resourceType],
  type: (f) => [f.type],
  format: (f) => [f.format],
  tag: (f) => f.tags,
  folder: (f) => [f.folder ?? ''],
}

/** Throws USAGE on an unknown field or an empty pattern. */
export function parseRule(text: string): Rule {
  const split = /^([a-z_]+):(.*)$/su.exec(text)
  const field = split?.[1] ?? 'public_id'
  const pattern = split === null ? text : (split[2] ?? '')
  const read = FIELDS[field]
  if (read === undefined || pattern === '') {
    throw new AppError('USAGE', `cannot understand the rule ${JSON.stringify(text)}`, {
      hint: `a rule is a pattern for public_ids, or one of ${Object.keys(FIELDS).join(', ')} followed by a colon and a pattern`,
    })
  }
  const regex = globRegex(field === 'folder' ? pattern.replace(/\/(\*\*)?$/u, '') : pattern, field === 'folder')
  return { text, matches: (facts) => read(facts).some((value) => value !== null && regex.test(value)) }
}

function globRegex(pattern: string, subtree: boolean): RegExp {
  const body = pattern.replace(/\*\*|[*?]|[\\^$.|+()[\]{}]/gu, (token) => {
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    return token === '?' ? '[^/]' : `\\${token}`
  })
  return new RegExp(`^${body}${subtree ? '(/.*)?' : ''}$`, 'su')
}

export interface Rules {
  /** The rule that leaves the asset out, or null when it is to be kept. */
  excludedBy(facts: AssetFacts): string | null
}

export function parseRules(include: readonly string[], exclude: readonly string[]): Rules {
  const includes = include.map(parseRule)
  const excludes = exclude.map(parseRule)
  const includeText = `not included by ${include.join(', ')}`
  return {
    excludedBy: (facts) => {
      const hit = excludes.find((rule) => rule.matches(facts))
      if (hit !== undefined) return hit.text
      return includes.length === 0 || includes.some((rule) => rule.matches(facts)) ? null : includeText
    },
  }
}
