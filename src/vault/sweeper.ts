import { AppError } from '../model/errors.ts'
import { placeOf } from './open.ts'
import type { Store } from './store.ts'
import { moveKey, trashKey } from './trash.ts'
import { objectKey } from './vault.ts'

/**
 * The only hands that take anything out of a vault. Held by prune and purge, never by backup; a `Vault` has no method
 * that removes. Removing what is absent succeeds.
 */
export interface Sweeper {
  removeObject(digest: string, signal?: AbortSignal): Promise<void>
  removeSnapshot(key: string, signal?: AbortSignal): Promise<void>
  removeRecord(key: string, signal?: AbortSignal): Promise<void>
  /**
   * Moves an object out of sight, from where it can come back. Throws OBJECT_NOT_FOUND when it is absent, VAULT_SEALED
   * when it is held, and then it was not moved.
   */
  trashObject(digest: string, signal?: AbortSignal): Promise<void>
  removeTrash(digest: string, signal?: AbortSignal): Promise<void>
  /** A copy in the trash or in quarantine. */
  removeCopy(key: string, signal?: AbortSignal): Promise<void>
}

/**
 * The one place that asks whether anything may be removed. Throws VAULT_SEALED.
 *
 * @param refuseHeld throws VAULT_SEALED for a key that is held. For stores that move by copying, where the refusal would
 *   otherwise come when the copy is made, and it would be held as well
 */
export const openSweeper = (
  store: Store,
  refuseHeld: (key: string, signal?: AbortSignal) => Promise<void> = () => Promise.resolve(),
): Sweeper => {
  if (store.traits.sealed === true) {
    throw new AppError('VAULT_SEALED', `${placeOf(store)} is sealed: nothing can be removed from it`, {
      hint: 'what is sealed stays until the seal ends, and nobody can end it earlier',
    })
  }
  return {
    ...handsOn(store),
    trashObject: async (digest, signal) => {
      await refuseHeld(objectKey(digest), signal)
      await moveKey(store, objectKey(digest), trashKey(digest), signal)
    },
  }
}

const handsOn = (store: Store): Omit<Sweeper, 'trashObject'> => ({
  removeObject: (digest, signal) => store.delete(objectKey(digest), signal),
  removeSnapshot: (key, signal) => store.delete(key, signal),
  removeRecord: (key, signal) => store.delete(key, signal),
  removeTrash: (digest, signal) => store.delete(trashKey(digest), signal),
  removeCopy: (key, signal) => store.delete(key, signal),
})
