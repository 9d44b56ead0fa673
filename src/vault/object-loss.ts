import { isAppError } from '../model/errors.ts'
import type { Vault } from './vault.ts'

/**
 * True when an error of reading one object is that object's own: damage, absence, a bad sector. False when the vault
 * answers nothing any more, or the error is none of the vault's: then going on with the next object makes no sense.
 */
export async function isOneObjects(vault: Pick<Vault, 'store'>, error: unknown): Promise<boolean> {
  if (isAppError(error, 'OBJECT_NOT_FOUND') || isAppError(error, 'OBJECT_CORRUPT')) return true
  if (!isAppError(error, 'STORE_REFUSED') && !isAppError(error, 'STORE_UNAVAILABLE')) return false
  return vault.store.stat('cloudkeep.json').then(
    (found) => found !== null,
    () => false,
  )
}
