import type { VaultLocation } from './config/vault-location.ts'
import type { Context } from './context.ts'
import { AppError, isAppError } from './model/errors.ts'
import { assureConsent } from './places.ts'
import { createVault } from './vault/create.ts'
import { createKeys, freeGeneration, type NewKeys } from './vault/encryption/keys.ts'
import { type Given, proveRecovery, unlock } from './vault/encryption/unlock.ts'
import { openVault } from './vault/open.ts'
import type { Store } from './vault/store.ts'
import type { VaultIdentity } from './vault/vault.ts'
import { givenKeys, keepWriterKey } from './vault-keys.ts'

export interface InitWish {
  readonly location: VaultLocation
  /** The account that is to use the place; null: nobody yet. */
  readonly cloud: string | null
  readonly encryption: EncryptionWish | null
}

export interface EncryptionWish {
  readonly owners: readonly string[]
  readonly passphrases: readonly string[]
  /** Brings what its owner will have on the day it is needed: fetched, not remembered from a moment ago. */
  readonly prove: () => Promise<Given>
}

export interface InitReport {
  readonly vaultId: string
  /** False: there was a vault already. */
  readonly isNew: boolean
  readonly isEncrypted: boolean
  /** Null where no consent is needed: a disk, or nobody's vault yet. */
  readonly consent: 'given' | 'there' | null
  /** The file with the writer's key, when one was written. */
  readonly writerKeyFile: string | null
}

/**
 * Prepares a place: the bucket's consent, the vault, its keys. What is there already stays as it is, so it may be called
 * again. Throws CONSENT_MISSING with what to do when these credentials may not give the consent; nothing is written then.
 * An encrypted vault is made only after its owner has proven that he can open it.
 */
export async function runInitCommand(context: Context, wish: InitWish, signal: AbortSignal): Promise<InitReport> {
  const { store, bucket } = await context.look(wish.location, { create: true })
  let consent: InitReport['consent'] = null
  if (bucket !== null && wish.cloud !== null) {
    consent = (await bucket.hasConsent(wish.cloud, signal)) ? 'there' : 'given'
    if (consent === 'given') {
      await bucket.giveConsent(wish.cloud, signal).catch(async (error: unknown) => {
        if (!isAppError(error, 'STORE_REFUSED')) throw error
        await assureConsent({ bucket, location: wish.location }, wish.cloud === null ? [] : [wish.cloud], signal)
      })
    }
  }
  const there = await findVault(store, signal)
  const made = there === null ? await make(context, store, wish, signal) : await meet(context, store, there, wish)
  return { ...made, isNew: there === null, consent }
}

async function findVault(store: Store, signal: AbortSignal): Promise<VaultIdentity | null> {
  try {
    return (await openVault(store, {}, signal)).identity
  } catch (error) {
    if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
    return null
  }
}

type Made = Pick<InitReport, 'vaultId' | 'isEncrypted' | 'writerKeyFile'>

async function make(context: Context, store: Store, { encryption }: InitWish, signal: AbortSignal): Promise<Made> {
  const birth = { now: context.now(), id: context.newId(), tool: context.tool }
  if (encryption === null) {
    const { identity } = await createVault(store, birth)
    return { vaultId: identity.id, isEncrypted: false, writerKeyFile: null }
  }
  const generation = await freeGeneration(store, signal)
  const keys = await createKeys({ vaultId: birth.id, generation, ...encryption })
  await proveBefore(context, birth.id, keys, encryption)
  // Before the vault: without this key the machine could never write what only its owner can read.
  const writerKeyFile = await keepWriterKey(context.config, keys.writer)
  await createVault(store, { ...birth, keys })
  return { vaultId: birth.id, isEncrypted: true, writerKeyFile }
}

/** On a trial vault in memory, so that nothing is left behind when the proof fails. */
async function proveBefore(context: Context, id: string, keys: NewKeys, { prove }: EncryptionWish): Promise<void> {
  const trial = (await context.emptyVault()).store
  for (const { key, bytes } of keys.files) {
    await trial.put(key, {
      size: bytes.byteLength,
      memory: bytes,
      async *open() {
        yield bytes
      },
    })
  }
  try {
    await proveRecovery(trial, { id, encryption: keys.encryption }, await prove())
  } catch (error) {
    if (!isAppError(error, 'KEY_MISSING')) throw error
    throw new AppError(
      'NOT_CONFIRMED',
      'the key that was shown does not open what would be encrypted: no vault was made',
      {
        hint: 'give the identity that belongs to one of the recipients, from where you will have it on the day you need it',
        cause: error,
      },
    )
  }
}

/** A vault that is there stays what it is; with its owner's key this machine gets the newest writer's key. */
async function meet(context: Context, store: Store, identity: VaultIdentity, wish: InitWish): Promise<Made> {
  const { id, encryption } = identity
  if (encryption === null) {
    if (wish.encryption === null) return { vaultId: id, isEncrypted: false, writerKeyFile: null }
    throw new AppError('USAGE', 'there is a vault already, and it is not encrypted', {
      hint: 'make an encrypted one in another place, and cloudkeep copy into it',
    })
  }
  const given = givenKeys(context.secrets)
  if (given.identities.length + given.passphrases.length === 0) {
    return { vaultId: id, isEncrypted: true, writerKeyFile: null }
  }
  const { writer } = await unlock(store, { id, encryption }, given)
  return { vaultId: id, isEncrypted: true, writerKeyFile: await keepWriterKey(context.config, writer) }
}
