import { randomBytes } from 'node:crypto'
import { AppError } from '../../model/errors.ts'
import type { Store } from '../store.ts'
import { sealFor } from './age/header.ts'
import { sealBytes } from './age/payload.ts'
import { parseRecipient } from './age/x25519.ts'
import type { StoreKeys } from './encrypted-store.ts'
import { encryptedStore } from './encrypted-store.ts'
import type { EncryptedVault } from './encryption.ts'
import { createKeyring, openFile } from './opening.ts'
import type { Given, Unlocked } from './unlock.ts'
import { unlock } from './unlock.ts'

/** For `encryptedStore`: reads and writes with all that was opened. */
export const storeKeysOf = ({ writer, pairs, unopened }: Unlocked): StoreKeys => ({
  writer,
  identities: pairs.map(({ identity }) => identity),
  unopened,
})

/** What a proof of recovery found. */
export interface RecoveryProof {
  readonly generation: number
  /** The key of the encrypted file that was read and authenticated to its end; null when the vault has none yet. */
  readonly read: string | null
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}

const proveRoundTrip = async (keys: StoreKeys): Promise<void> => {
  const probe = randomBytes(100)
  const file = sealBytes(probe, sealFor(parseRecipient(keys.writer.recipient)))
  const pieces: Uint8Array[] = []
  for await (const piece of openFile(once(file), createKeyring(keys), 'what was just encrypted')) pieces.push(piece)
  if (Buffer.concat(pieces).equals(probe)) return
  throw new AppError('OBJECT_CORRUPT', 'what was just encrypted did not come back')
}

/**
 * Proves that what somebody has opens this vault: unlocks it, encrypts something and gets it back, and reads one file of
 * an account to its end. Changes nothing in the vault. Throws what `unlock` and reading throw.
 *
 * @param store the place itself, not an encrypted store over it
 */
export const proveRecovery = async (
  store: Store,
  vault: EncryptedVault,
  given: Given,
  signal?: AbortSignal,
): Promise<RecoveryProof> => {
  const opened = await unlock(store, vault, given, signal)
  const keys = storeKeysOf(opened)
  await proveRoundTrip(keys)
  const readable = encryptedStore(store, keys)
  for await (const { key } of readable.list('accounts/', signal)) {
    for await (const _ of await readable.get(key, signal)) {
      // Read to its end, where the last tag says that nothing was cut off.
    }
    return { generation: opened.generation, read: key }
  }
  return { generation: opened.generation, read: null }
}
