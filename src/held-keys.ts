import type { SnapshotPlans } from './maintenance/prune/plan.ts'
import { AppError } from './model/errors.ts'
import type { ObjectProtection } from './model/protection.ts'
import type { Place } from './places.ts'

/** Which of these keys nobody can remove now. */
export interface HeldKeys {
  readonly keys: readonly string[]
  readonly kind: ObjectProtection['kind']
  /** The last moment (ISO 8601) at which one of them is still held; null: no end that could be seen. */
  readonly latest: string | null
}

/**
 * Looks which of the keys are held. Null when none is, or when these credentials may not look: then the place itself
 * refuses what it holds. Throws VAULT_SEALED when these credentials are known to be unable to remove anything.
 */
export async function heldAmong(place: Place, keys: readonly string[], signal: AbortSignal): Promise<HeldKeys | null> {
  if (keys.length === 0) return null
  const { objects, canRemove } = await place.protection(keys, signal)
  if (canRemove === false && place.bucket !== null) throw cannotRemove(place)
  if (objects === null || objects.protected === 0 || objects.kind === 'read-only' || objects.kind === 'none')
    return null
  if (objects.protected === objects.looked || keys.length === 1)
    return { keys, kind: objects.kind, latest: objects.latest }
  const half = Math.ceil(keys.length / 2)
  const parts = [
    await heldAmong(place, keys.slice(0, half), signal),
    await heldAmong(place, keys.slice(half), signal),
  ].filter((part) => part !== null)
  const ends = parts.map(({ latest }) => latest)
  return {
    keys: parts.flatMap((part) => part.keys),
    kind: objects.kind,
    latest: ends.includes(null) ? null : (ends.sort().at(-1) ?? null),
  }
}

const cannotRemove = ({ name }: Place): AppError =>
  new AppError('VAULT_SEALED', `these credentials cannot remove anything from ${name} (tried)`, {
    hint: 'run it with other credentials, from another machine than the one that backs up: docs/policies has the rights that it needs',
  })

/** What keeps somebody from removing `what`, and what to do about it. */
export function sealedError(
  place: Pick<Place, 'name'>,
  what: string,
  { kind, latest }: Omit<HeldKeys, 'keys'>,
): AppError {
  if (kind === 'immutable-flag') {
    return new AppError(
      'VAULT_SEALED',
      `${what} cannot be removed from ${place.name}: the files have the immutable flag`,
      {
        hint: `as root, cloudkeep protect --off takes the flag off; run this again then, and cloudkeep protect sets it again`,
      },
    )
  }
  if (latest === null) {
    return new AppError(
      'VAULT_SEALED',
      `${what} cannot be removed from ${place.name}: a hold without an end keeps it`,
      {
        hint: 'whoever set the hold has to end it first',
      },
    )
  }
  return new AppError('VAULT_SEALED', `${what} cannot be removed from ${place.name}: locked until ${latest}`, {
    hint: `wait until then: nobody ends a lock in compliance mode earlier, and one in governance mode only somebody with a special right`,
  })
}

/**
 * A plan of a prune without the snapshots whose heads are held. Throws VAULT_SEALED, before anything is removed, when all
 * that should go is held, or these credentials cannot remove.
 */
export async function refuseOrKeepHeld(
  place: Place,
  plan: SnapshotPlans,
  signal: AbortSignal,
): Promise<{ readonly plan: SnapshotPlans; readonly kept: number; readonly why: string }> {
  const going = plan.accounts.flatMap(({ verdicts }) => verdicts.filter(({ keep }) => !keep))
  const keys = going.map(({ stored }) => stored.key)
  const held = await heldAmong(place, keys, signal)
  if (held === null) return { plan, kept: 0, why: '' }
  if (held.keys.length === keys.length)
    throw sealedError(
      place,
      keys.length === 1 ? 'the snapshot that should go' : `the ${keys.length} snapshots that should go`,
      held,
    )
  const why = held.latest === null ? 'they are held' : `locked, the last of them until ${held.latest}`
  const names = new Set(held.keys)
  const accounts = plan.accounts.map((account) => ({
    ...account,
    verdicts: account.verdicts.map((verdict) =>
      names.has(verdict.stored.key) ? { ...verdict, keep: true, reasons: [why] } : verdict,
    ),
  }))
  return { plan: { ...plan, accounts }, kept: held.keys.length, why }
}

/**
 * For `openSweeper`: a bucket that keeps versions moves by copying, so what is held there must be known before. Other
 * places refuse the move itself, in one step.
 */
export const refuserOfHeld =
  (place: Place) =>
  async (key: string, signal?: AbortSignal): Promise<void> => {
    if (place.bucket === null || place.vault.store.variants === undefined) return
    const held = await heldAmong(place, [key], signal ?? new AbortController().signal)
    if (held !== null) throw sealedError(place, key, held)
  }
