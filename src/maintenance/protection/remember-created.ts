import type { Store } from '../../vault/store.ts'
import type { LockMemory } from './lock-memory.ts'

const DAY = 86_400_000

/**
 * The same store; what it creates is remembered to bear the lock with which it was written, so that `extendLocks` need
 * not seal it again in the same run. A store without a lock comes back as it is. What is replaced is not remembered:
 * where versions are kept the oldest counts, and its lock is an older one.
 */
export function rememberCreated(store: Store, memory: Pick<LockMemory, 'created'>, now: () => number): Store {
  const { lock } = store.traits
  if (lock === undefined || lock === null) return store
  return {
    ...store,
    async put(key, body, signal, mode) {
      // Taken before the lock's own time is: what is remembered may end earlier than the lock, never later.
      const until = now() + lock.days * DAY
      const isWritten = await store.put(key, body, signal, mode)
      if (isWritten && mode === 'create') memory.created(key, until)
      return isWritten
    },
  }
}
