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
  /** Moves an object out of sight, from where it can come back. Throws OBJECT_NOT_FOUND when it is absent. */
  trashObject(digest: string, signal?: AbortSignal): Promise<void>
  removeTrash(digest: string, signal?: AbortSignal): Promise<void>
}

export const openSweeper = (store: Store): Sweeper => ({
  removeObject: (digest, signal) => store.delete(objectKey(digest), signal),
  removeSnapshot: (key, signal) => store.delete(key, signal),
  removeRecord: (key, signal) => store.delete(key, signal),
  trashObject: (digest, signal) => moveKey(store, objectKey(digest), trashKey(digest), signal),
  removeTrash: (digest, signal) => store.delete(trashKey(digest), signal),
})
