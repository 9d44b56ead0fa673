import type { Context } from './context.ts'
import type { Place } from './places.ts'
import type { VaultLock } from './vault/lock.ts'

/**
 * Does the work while no run and no prune changes the vault, this one (default) or that of another place. Lets go of what
 * it holds however the work ends, and when only one of the two locks could be had. Throws VAULT_LOCKED.
 */
export async function holdingBoth<T>(
  context: Pick<Context, 'lock'>,
  command: string,
  work: () => Promise<T>,
  at?: Pick<Place, 'lockRoot' | 'bucket'>,
): Promise<T> {
  const locks: VaultLock[] = []
  try {
    for (const name of ['run', 'prune'] as const) locks.push(await context.lock(command, name, at))
    return await work()
  } finally {
    for (const lock of locks.reverse()) await lock.release()
  }
}
