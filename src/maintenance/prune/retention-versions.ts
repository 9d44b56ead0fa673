import type { Rule } from '../../backup/rules.ts'
import { type Span, shift } from '../../lib/span.ts'
import type { AssetFacts } from '../../model/asset.ts'

/** Which versions outlive their snapshots. Of several rules that fit, the one that keeps longest counts. */
export interface VersionPolicy {
  /** The last version of an asset that is gone, counted from when it was gone. */
  readonly keepGone?: Span
  readonly rules: readonly VersionRule[]
}

export interface VersionRule {
  readonly match: Rule
  /** Each version, counted from when it was replaced or gone. */
  readonly keepWithin?: Span
  /** As above, for what the rule names. */
  readonly keepGone?: Span
}

export const NO_VERSIONS: VersionPolicy = { rules: [] }

export const keepsVersions = ({ keepGone, rules }: VersionPolicy): boolean => keepGone !== undefined || rules.length > 0

/** `gone 1y`, `folder:contracts within 10y`. */
export const versionPolicyInWords = ({ keepGone, rules }: VersionPolicy): readonly string[] => [
  ...(keepGone === undefined ? [] : [`gone ${keepGone.text}`]),
  ...rules.flatMap(({ match, keepWithin, keepGone: gone }) => [
    ...(keepWithin === undefined ? [] : [`${match.text} within ${keepWithin.text}`]),
    ...(gone === undefined ? [] : [`${match.text} gone ${gone.text}`]),
  ]),
]

export interface Outliving {
  /** Milliseconds since the epoch; Infinity: for good. */
  readonly keepUntil: number
  /** In words. */
  readonly reason: string
}

export interface Past {
  readonly facts: AssetFacts
  /** When it was no longer so: when the first snapshot without it was taken. Milliseconds since the epoch. */
  readonly until: number
  /** True for the last version of an asset that is gone. */
  readonly isGone: boolean
}

/** How long a version is kept that no snapshot names any more, and by what; null when no rule speaks of it. */
export function outlives({ facts, until, isGone }: Past, policy: VersionPolicy): Outliving | null {
  const found: Outliving[] = []
  const add = (span: Span | undefined, reason: (text: string) => string): void => {
    if (span !== undefined) found.push({ keepUntil: shift(until, span, 1), reason: reason(span.text) })
  }
  if (isGone) add(policy.keepGone, (text) => `the last version of a gone asset: ${text}`)
  for (const { match, keepWithin, keepGone } of policy.rules) {
    if (!match.matches(facts)) continue
    add(keepWithin, (text) => `${match.text}: every version ${text}`)
    if (isGone) add(keepGone, (text) => `${match.text}: the last version of a gone asset ${text}`)
  }
  return found.reduce<Outliving | null>(
    (best, next) => (best !== null && best.keepUntil >= next.keepUntil ? best : next),
    null,
  )
}
