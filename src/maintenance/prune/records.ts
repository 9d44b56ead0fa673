import { isAppError } from '../../model/errors.ts'
import type { Json } from '../../model/json.ts'
import { fieldsOf, flag, invalid, list, maybe, text, time } from '../../model/shape.ts'
import type { Vault } from '../../vault/vault.ts'

/**
 * Which snapshots a rule of retention took away, when and why: `accounts/<cloud>/prunes/<time>-<id>.json`. Written
 * before the first of them goes, so that an absence is always explained; a snapshot that it names and that is there
 * all the same is one that a killed prune did not come to.
 */
export interface Prune {
  readonly format: 1
  readonly id: string
  readonly cloud: string
  readonly at: string
  readonly tool: string
  /** The policy in words, a rule each: `last 7`, `daily 14`. */
  readonly policy: readonly string[]
  readonly snapshots: readonly PrunedSnapshot[]
}

interface PrunedSnapshot {
  readonly id: string
  readonly takenAt: string
  readonly complete: boolean
  readonly parent: string | null
  /** In words. */
  readonly reason: string
}

export const encodePrune = (prune: Prune): Json => ({
  ...prune,
  policy: [...prune.policy],
  snapshots: prune.snapshots.map((snapshot) => ({ ...snapshot })),
})

/** Checks a record as `readRecord` gives it. Throws VAULT_INVALID. */
export const decodePrune = (value: unknown): Prune => {
  const fields = fieldsOf(value, 'the prune')
  if (fields['format'] !== 1) throw invalid('format', fields['format'], '1')
  return {
    format: 1,
    id: text(fields, 'id'),
    cloud: text(fields, 'cloud'),
    at: time(fields, 'at'),
    tool: text(fields, 'tool'),
    policy: list(fields, 'policy').map((rule) => text({ rule }, 'rule')),
    snapshots: list(fields, 'snapshots').map((one) => {
      const snapshot = fieldsOf(one, 'a pruned snapshot')
      return {
        id: text(snapshot, 'id'),
        takenAt: time(snapshot, 'takenAt'),
        complete: flag(snapshot, 'complete'),
        parent: maybe(snapshot, 'parent', text),
        reason: text(snapshot, 'reason'),
      }
    }),
  }
}

/** Oldest first. Throws VAULT_INVALID for a record that cannot be read. */
export async function readPrunes(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal?: AbortSignal,
): Promise<readonly Prune[]> {
  const prunes: Prune[] = []
  for (const key of await vault.recordKeys({ kind: 'prunes', cloud }, signal))
    prunes.push(decodePrune(await vault.readRecord(key, signal)))
  return prunes
}

/**
 * Ids of the snapshots of an account that were taken away on purpose: a parent among them is not missed. A record that
 * cannot be read explains nothing.
 */
export async function prunedSnapshots(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for (const key of await vault.recordKeys({ kind: 'prunes', cloud }, signal)) {
    try {
      for (const { id } of decodePrune(await vault.readRecord(key, signal)).snapshots) ids.add(id)
    } catch (error) {
      const isNone = ['VAULT_INVALID', 'OBJECT_NOT_FOUND', 'KEY_MISSING'] as const
      if (!isNone.some((code) => isAppError(error, code))) throw error
    }
  }
  return ids
}
