import { AppError, isAppError } from '../model/errors.ts'
import { naming, readText } from './content.ts'
import { decodeIdentity, IDENTITY_KEY } from './identity.ts'
import type { ObjectsOptions } from './objects.ts'
import { createObjects } from './objects.ts'
import { createRecords } from './records.ts'
import { createSnapshots } from './snapshots.ts'
import type { Store } from './store.ts'
import type { Vault, VaultIdentity } from './vault.ts'

export const placeOf = (store: Store): string => store.traits.place ?? store.traits.localRoot ?? 'this place'

const readIdentity = async (store: Store, signal: AbortSignal | undefined): Promise<VaultIdentity> => {
  try {
    const content = await readText(store, IDENTITY_KEY, { limit: 64 * 1024, signal })
    return naming(IDENTITY_KEY, () => decodeIdentity(content))
  } catch (error) {
    if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
    throw new AppError('VAULT_NOT_FOUND', `there is no vault in ${placeOf(store)}: ${IDENTITY_KEY} is absent`, {
      hint: 'check the path; `cloudkeep backup` makes a vault where there is none',
      cause: error,
    })
  }
}

/**
 * Opens what `createVault` made. Throws VAULT_NOT_FOUND when `cloudkeep.json` is positively absent, VAULT_INVALID when
 * it cannot be read by this version, and the store's own errors when nobody can tell.
 */
export const openVault = async (store: Store, options: ObjectsOptions = {}, signal?: AbortSignal): Promise<Vault> => {
  return vaultOver(await readIdentity(store, signal), store, options)
}

/** A vault whose `cloudkeep.json` was read already, over another view of its store. Asks nothing of it. */
export const vaultOver = (identity: VaultIdentity, store: Store, options: ObjectsOptions = {}): Vault => {
  const objects = createObjects(store, options)
  return { identity, store, ...objects, ...createSnapshots(store, objects, options), ...createRecords(store, options) }
}
