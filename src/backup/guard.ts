import type { GuardVerdict } from './report.ts'

/** Up to this many changes never stop a run, however small the account. */
const GUARD_MINIMUM = 50
/** Share of the last complete snapshot that may vanish or be replaced in one go. */
const GUARD_SHARE = 0.1

/**
 * True when so much vanished or was replaced that a person should look first: a script gone wild, or an account that
 * answers for another one, must not become the newest state that everyone trusts.
 */
export const isImplausible = ({ vanished, replaced, base }: GuardVerdict): boolean => {
  const changed = vanished + replaced
  return changed > GUARD_MINIMUM && changed > base * GUARD_SHARE
}
