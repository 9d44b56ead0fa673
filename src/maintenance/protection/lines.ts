import type { LockWish, ObjectProtection, Protection } from '../../model/protection.ts'

/** What the sentences need besides what was found. */
export interface ProtectionFacts {
  /** On a disk rights are read; in a bucket removing is tried. */
  readonly place: 'disk' | 'bucket'
  /** What was asked for, of which it is said whether it is there. */
  readonly lock: LockWish | null
  /** Milliseconds since the epoch. */
  readonly now: number
}

const DAY = 86_400_000

/**
 * What protects a vault, in sentences. Says "protected" of nothing that was not seen: what could not be looked at is
 * called unknown, and the notes say why.
 */
export function protectionLines(protection: Protection, facts: ProtectionFacts): readonly string[] {
  const { objects } = protection
  const lines = isBare(protection)
    ? ['Nothing: whoever has these credentials can delete all of it.']
    : [`${[claimOf(objects), removalOf(protection, facts)].join('; ')}.`, ...firmnessOf(objects)]
  return [...lines, ...overwritingOf(protection, facts), ...wishesOf(objects, facts), ...protection.notes.map(sentence)]
}

/** True when nothing holds anything, and these credentials are known to be able to remove. */
const isBare = ({ objects, canRemove }: Protection): boolean =>
  canRemove === true && objects !== null && (objects.kind === 'none' || objects.protected === 0)

const LOCKS: readonly ObjectProtection['kind'][] = [
  'object-lock',
  'object-retention',
  'bucket-retention',
  'immutable-blob',
  'legal-hold',
]
const isLock = (objects: ObjectProtection | null): boolean =>
  objects !== null && objects.protected > 0 && LOCKS.includes(objects.kind)

function claimOf(objects: ObjectProtection | null): string {
  if (objects === null || objects.looked === 0) return 'It is unknown what protects single objects: none was looked at'
  const share = `${objects.protected} of ${plural(objects.looked, 'object')} looked at`
  const be = objects.protected === 1 ? 'is' : 'are'
  if (objects.protected === 0 || objects.kind === 'none')
    return `No lock on any of ${plural(objects.looked, 'object')} looked at`
  switch (objects.kind) {
    case 'read-only':
      return `${share} ${be} read-only, which keeps mistakes away and no attacker`
    case 'immutable-flag':
      return `${share} ${objects.protected === 1 ? 'has' : 'have'} the immutable flag, which even root must take off first`
    case 'legal-hold':
      return `${share} ${be} under a legal hold${objects.earliest === null ? ', which has no end of its own' : ''}`
    default:
      return `${share} ${be} locked${objects.mode === null ? '' : ` (${objects.mode})`}${untilOf(objects)}`
  }
}

const untilOf = ({ earliest, latest }: ObjectProtection): string => {
  if (earliest === null) return ', with no end that could be seen'
  return ` until ${dateOf(earliest)}${latest !== null && dateOf(latest) === dateOf(earliest) ? '' : ' or longer'}`
}

function removalOf({ canRemove, objects }: Protection, { place }: ProtectionFacts): string {
  const how = place === 'disk' ? 'by the rights of the folders' : 'tried'
  if (canRemove === null) return 'whether these credentials can remove anything could not be found out'
  if (!canRemove) return `these credentials cannot remove anything (${how})`
  if (objects === null) return `these credentials can remove (${how})`
  if (isLock(objects)) return `these credentials may remove what is not locked (${how})`
  if (objects.kind === 'immutable-flag')
    return `these credentials can remove what has no flag, or after taking it off (${how})`
  return `these credentials can remove all of it (${how})`
}

function firmnessOf(objects: ObjectProtection | null): readonly string[] {
  if (objects === null || objects.protected === 0) return []
  const open = objects.looked - objects.protected
  const rest =
    isLock(objects) && open > 0 ? [`${plural(open, 'object')} looked at ${open === 1 ? 'has' : 'have'} no lock.`] : []
  if (!isLock(objects)) return rest
  if (objects.mode === 'compliance') return [...rest, "Nobody, the account's owner included, can shorten these locks."]
  if (objects.mode === 'governance') return [...rest, 'Somebody with a special right can end these locks earlier.']
  return [...rest, 'Whether somebody can end this earlier could not be seen.']
}

function overwritingOf(
  { keepsVersions, objects, canRemove }: Protection,
  { place }: ProtectionFacts,
): readonly string[] {
  if (place === 'disk') return []
  if (keepsVersions === true) return ['What is overwritten stays there beside the new bytes.']
  if (keepsVersions === null) return ['Whether what is overwritten stays could not be found out.']
  // Without versions a lock forbids overwriting, and without a lock a right to write is a right to destroy.
  const isHeld = objects !== null && isLock(objects) && objects.protected === objects.looked
  return isHeld || canRemove === true ? [] : ['What is overwritten is gone: whoever may write can destroy.']
}

function wishesOf(objects: ObjectProtection | null, { lock, now }: ProtectionFacts): readonly string[] {
  if (lock === null) return []
  const wished = `A lock (${lock.mode}) of ${plural(lock.days, 'day')} is asked for`
  if (objects === null) return [`${wished}; whether it is there was not seen.`]
  if (!isLock(objects)) return [`${wished}, and none of the objects looked at has one.`]
  if (objects.mode !== null && objects.mode !== lock.mode)
    return [`${wished}, and those found are in ${objects.mode} mode.`]
  const left = objects.earliest === null ? null : Date.parse(objects.earliest) - now
  if (left === null || left >= (lock.days / 2) * DAY) return []
  return [
    `The first of these locks ends in ${plural(Math.max(0, Math.floor(left / DAY)), 'day')}: the next backup renews it.`,
  ]
}

const sentence = (note: string): string =>
  `${note.slice(0, 1).toUpperCase()}${note.slice(1)}${/[.!?]$/u.test(note) ? '' : '.'}`
const dateOf = (iso: string): string => iso.slice(0, 10)
const plural = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`
