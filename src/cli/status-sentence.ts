import type { LatestProofs } from '../maintenance/proofs.ts'
import type { Obstacle, Verdict } from '../maintenance/restorable/verdict.ts'
import { formatAge, formatTime, plural, safe } from './format.ts'

/** What the sentence is about. */
export interface Claim {
  readonly verdict: Verdict
  readonly proofs: Pick<LatestProofs, 'everyByte' | 'cycle'>
  /** When the account was last rehearsed, and with how many assets. */
  readonly lastDrill: { readonly at: string; readonly restored: number } | null
}

/** Is everything restorable, as of when, and when was that last proven; in one plain sentence. */
export function restorableSentence({ verdict, proofs, lastDrill }: Claim, now: number): string {
  const parts = [claimOf(verdict, now), bytesOf(proofs), rehearsalOf(lastDrill)]
  return `${parts.join('; ')}.`
}

function claimOf({ ok, asOf, obstacles }: Verdict, now: number): string {
  if (ok && asOf !== null) return `Everything is restorable as of ${formatTime(asOf)} (${formatAge(asOf, now)})`
  const [first, ...others] = obstacles
  if (first === undefined || first.kind === 'no-snapshot') return 'Nothing can be restored yet: there is no snapshot'
  const more = others.length === 0 ? '' : `, and ${plural(others.length, 'more reason')} below`
  return `Not everything is restorable: ${obstacleText(first)}${more}`
}

const bytesOf = ({ everyByte, cycle }: Claim['proofs']): string => {
  const part = cycle === null ? '' : `, and by part since ${formatTime(cycle.startedAt)}`
  if (everyByte === null)
    return cycle === null
      ? 'the bytes were never read back'
      : `the bytes are being read by part since ${formatTime(cycle.startedAt)}`
  return `every byte was last read on ${formatTime(everyByte.at)}${part}`
}

const rehearsalOf = (last: Claim['lastDrill']): string =>
  last === null ? 'never rehearsed' : `last rehearsed on ${formatTime(last.at)} with ${plural(last.restored, 'asset')}`

const named = (names: readonly string[], count = names.length): string => {
  const shown = names.slice(0, 3).map(safe).join(', ')
  return count > 3 ? `${shown} and ${plural(count - 3, 'more', 'more')}` : shown
}

export function obstacleText(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case 'no-snapshot':
      return 'there is no snapshot'
    case 'only-partial':
      return obstacle.failed > 0
        ? `no snapshot is complete; ${plural(obstacle.failed, 'asset')} could not be kept in that of ${formatTime(obstacle.takenAt)}`
        : `no snapshot is complete; that of ${formatTime(obstacle.takenAt)} is partial`
    case 'absent-objects':
      return `${plural(obstacle.objects, 'object')} of the newest snapshot ${obstacle.objects === 1 ? 'is' : 'are'} missing or short${obstacle.assets === 0 ? '' : ` (${named(obstacle.names, obstacle.assets)})`}`
    case 'lost-lists':
      return `${plural(obstacle.lists, 'list')} of the newest snapshot cannot be read, with ${plural(obstacle.assets, 'asset')}`
    case 'unreadable-snapshots':
      return `${plural(obstacle.keys.length, 'snapshot')} cannot be read`
    case 'damaged-history':
      return `${plural(obstacle.keys.length, 'older snapshot')} cannot be read whole`
    case 'errors-found':
      return `the check of ${formatTime(obstacle.at)} found ${plural(obstacle.errors, 'error')}`
    case 'drill-failed':
      return `a rehearsal could not restore ${named(obstacle.names)}`
  }
}

/** The command that mends it, or that says more where no command can. `vault` is a flag, perhaps empty. */
export function obstacleRemedy(obstacle: Obstacle, vault: string): string {
  switch (obstacle.kind) {
    case 'no-snapshot':
      return `cloudkeep backup${vault}`
    case 'only-partial':
      return `cloudkeep snapshots${vault} --failed --limit 1 names what failed; cloudkeep backup${vault} tries again`
    case 'absent-objects':
      return `cloudkeep verify${vault} --read none --repair`
    case 'lost-lists':
    case 'unreadable-snapshots':
    case 'damaged-history':
      return `cloudkeep verify${vault} --read none --repair, with --from VAULT2 where there is a copy`
    case 'errors-found':
    case 'drill-failed':
      return `cloudkeep verify${vault} --read all --repair`
  }
}
