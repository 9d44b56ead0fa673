import { type Span, shift } from '../../lib/span.ts'
import { isTrusted, type StoredSnapshot } from '../../model/snapshot.ts'
import { bucketOf, type Calendar } from './retention-time.ts'

/** How long snapshots stay. What is missing asks for nothing; a policy that asks for nothing keeps everything. */
export interface SnapshotPolicy {
  /** The newest so many. */
  readonly last?: number
  /** The newest snapshot of each of so many hours, days, ISO weeks, months, years that have one; all in UTC. */
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** All that are younger. */
  readonly within?: Span
}

export interface Verdict {
  readonly stored: StoredSnapshot
  readonly keep: boolean
  /** In words, each rule and promise that keeps it; for one that goes, the sentence that says so. */
  readonly reasons: readonly string[]
}

const CALENDARS: readonly Calendar[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

export const isEmptyPolicy = (policy: SnapshotPolicy): boolean =>
  (policy.last ?? 0) === 0 && policy.within === undefined && CALENDARS.every((name) => (policy[name] ?? 0) === 0)

/** `last 7`, `daily 14`, `within 30d`. */
export const policyInWords = (policy: SnapshotPolicy): readonly string[] => [
  ...((policy.last ?? 0) > 0 ? [`last ${policy.last}`] : []),
  ...CALENDARS.filter((name) => (policy[name] ?? 0) > 0).map((name) => `${name} ${policy[name]}`),
  ...(policy.within === undefined ? [] : [`within ${policy.within.text}`]),
]

/**
 * Which snapshots of one account stay, and why. Pure: the same snapshots, policy and time give the same plan. Never
 * taken, whatever the policy says: the newest snapshot, the last complete one, the newest whose scan reached its end,
 * and what is pinned. `snapshots` oldest first; the verdicts come in the same order. `pins` by snapshot id.
 */
export function planRetention(
  snapshots: readonly StoredSnapshot[],
  policy: SnapshotPolicy,
  at: { readonly now: number; readonly pins: ReadonlyMap<string, { readonly reason: string }> },
): readonly Verdict[] {
  const reasons = new Map<StoredSnapshot, string[]>(snapshots.map((stored) => [stored, []]))
  const keep = (stored: StoredSnapshot | undefined, reason: string): void => {
    if (stored !== undefined) reasons.get(stored)?.push(reason)
  }
  const newestFirst = snapshots.toReversed()
  if (isEmptyPolicy(policy)) for (const stored of snapshots) keep(stored, 'no rule says how long snapshots stay')
  const last = policy.last ?? 0
  for (const [i, stored] of newestFirst.slice(0, last).entries()) keep(stored, `last ${i + 1} of ${last}`)
  for (const calendar of CALENDARS) keepByCalendar(newestFirst, calendar, policy[calendar] ?? 0, keep)
  if (policy.within !== undefined) {
    const since = shift(at.now, policy.within, -1)
    for (const stored of snapshots) if (timeOf(stored) > since) keep(stored, `within ${policy.within.text}`)
  }
  for (const stored of snapshots) {
    const pin = at.pins.get(stored.snapshot.id)
    if (pin !== undefined) keep(stored, pin.reason === '' ? 'pinned' : `pinned: ${pin.reason}`)
  }
  keep(newestFirst[0], 'the newest snapshot')
  keep(
    newestFirst.find(({ snapshot }) => snapshot.complete),
    'the last complete snapshot of this account',
  )
  keep(
    newestFirst.find(({ snapshot }) => isTrusted(snapshot)),
    'what changes are measured against',
  )
  return snapshots.map((stored) => {
    const found = reasons.get(stored) ?? []
    return found.length > 0
      ? { stored, keep: true, reasons: found }
      : { stored, keep: false, reasons: ['no rule keeps it'] }
  })
}

const timeOf = ({ snapshot }: StoredSnapshot): number => Date.parse(snapshot.takenAt)

/** Of each bucket its newest complete snapshot stands for it; its newest partial one only when it has no other. */
function keepByCalendar(
  newestFirst: readonly StoredSnapshot[],
  calendar: Calendar,
  count: number,
  keep: (stored: StoredSnapshot, reason: string) => void,
): void {
  const buckets = new Map<string, StoredSnapshot>()
  for (const stored of newestFirst) {
    const bucket = bucketOf(timeOf(stored), calendar)
    const found = buckets.get(bucket)
    if (found === undefined) {
      if (buckets.size === count) break
      buckets.set(bucket, stored)
    } else if (!found.snapshot.complete && stored.snapshot.complete) {
      buckets.set(bucket, stored)
    }
  }
  for (const [i, [bucket, stored]] of [...buckets].entries())
    keep(stored, `${calendar} ${i + 1} of ${count} (${bucket})`)
}
