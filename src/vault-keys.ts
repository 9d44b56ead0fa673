import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from './config/config.ts'
import type { HiddenSecrets } from './config/secrets.ts'
import { AppError } from './model/errors.ts'
import { encryptedStore, type StoreKeys } from './vault/encryption/encrypted-store.ts'
import { checkWriterKey, type EncryptedVault } from './vault/encryption/encryption.ts'
import { parseIdentities } from './vault/encryption/identity-file.ts'
import { createInnerKeys } from './vault/encryption/inner-keys.ts'
import { createNames } from './vault/encryption/names.ts'
import { type Given, storeKeysOf, unlock } from './vault/encryption/unlock.ts'
import { decodeWriterKey, encodeWriterKey, type WriterKey } from './vault/encryption/writer-key.ts'
import type { Store } from './vault/store.ts'

/** What this machine and whoever calls the program have of keys. */
export const givenKeys = (secrets: HiddenSecrets): Given => ({
  identities: secrets.identity === null ? [] : parseIdentities(secrets.identity),
  passphrases: secrets.passphrase === null ? [] : [secrets.passphrase],
})

export interface OpenedStore {
  readonly store: Store
  /** How a key of that store is called in the place itself. */
  innerKey(key: string): string
}

/**
 * The store of an encrypted vault as far as the keys at hand open it: with an identity or a passphrase for reading and
 * writing, with the writer's key for writing alone (reading then throws KEY_MISSING). KEY_MISSING without any of them.
 */
export async function openEncrypted(
  store: Store,
  vault: EncryptedVault,
  { config, secrets, note }: { config: Config; secrets: HiddenSecrets; note: (message: string) => void },
): Promise<OpenedStore> {
  const given = givenKeys(secrets)
  const writer = await findWriterKey(config, secrets, vault.id)
  // Also where the owner's key is at hand: what this machine has pinned tells whether somebody changed the vault's word.
  const standing = writer === null ? null : checkWriterKey(vault, writer)
  if (given.identities.length + given.passphrases.length > 0) {
    return openWith(store, storeKeysOf(await unlock(store, vault, given)))
  }
  if (writer === null) throw noKey(vault, config)
  if (standing === 'older') {
    note('the vault has got new keys since this machine got its writer’s key; cloudkeep init brings it up to date')
  }
  return openWith(store, { writer, identities: [] })
}

const openWith = (store: Store, keys: StoreKeys): OpenedStore => {
  const names = createInnerKeys(createNames(keys.writer.nameKey))
  return { store: encryptedStore(store, keys), innerKey: (key) => names.inner(key).key }
}

const noKey = ({ id, encryption }: EncryptedVault, config: Config): AppError =>
  new AppError('KEY_MISSING', 'the vault is encrypted, and no key for it was given', {
    hint:
      `to read: name a file with the identity of ${encryption.owners[0] ?? 'an owner'} in CLOUDKEEP_IDENTITY_FILE, or set ` +
      `CLOUDKEEP_PASSPHRASE; to back up: put the writer's key into ${writerKeyFile(config, id)} or CLOUDKEEP_WRITER_KEY`,
  })

const writerKeyFile = ({ keyFolder }: Config, vaultId: string): string => join(keyFolder, `${vaultId}.writer`)

async function findWriterKey(config: Config, secrets: HiddenSecrets, vaultId: string): Promise<WriterKey | null> {
  if (secrets.writerKey !== null) return decodeWriterKey(secrets.writerKey)
  const file = writerKeyFile(config, vaultId)
  try {
    return decodeWriterKey(await readFile(file, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    if (error instanceof AppError) throw new AppError(error.code, `${file}: ${error.message}`, { cause: error })
    throw new AppError('CONFIG_INVALID', `the writer's key ${file} cannot be read`, { cause: error })
  }
}

/** Keeps the writer's key where this machine looks for it, readable for nobody else. Returns the file. */
export async function keepWriterKey(config: Config, writer: WriterKey): Promise<string> {
  const file = writerKeyFile(config, writer.vaultId)
  try {
    await mkdir(config.keyFolder, { recursive: true, mode: 0o700 })
    const draft = `${file}.${process.pid}`
    await writeFile(draft, `${encodeWriterKey(writer)}\n`, { mode: 0o600 })
    await chmod(draft, 0o600)
    await rename(draft, file)
    return file
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `the writer's key cannot be written to ${file}`, { cause })
  }
}
