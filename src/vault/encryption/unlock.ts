import { randomBytes } from 'node:crypto'
import { AppError, isAppError } from '../../model/errors.ts'
import type { Store } from '../store.ts'
import { sealFor } from './age/header.ts'
import { sealBytes } from './age/payload.ts'
import { parseRecipient, recipientOf } from './age/x25519.ts'
import type { StoreKeys } from './encrypted-store.ts'
import { encryptedStore } from './encrypted-store.ts'
import type { EncryptedVault } from './encryption.ts'
import type { KeyPair, VaultKey } from './identity-file.ts'
import { decodeVaultKey } from './identity-file.ts'
import { KEYS_FOLDER, parseKeyFileKey } from './keys.ts'
import { createKeyring, openFile } from './opening.ts'
import { unwrapWithIdentities, unwrapWithPassphrase } from './wrapping.ts'
import type { WriterKey } from './writer-key.ts'

/** What an owner has. */
export interface Given {
  /** `AGE-SECRET-KEY-1…`; see `parseIdentities` for files */
  readonly identities: readonly string[]
  readonly passphrases: readonly string[]
}

/** An opened vault. Secret. */
export interface Unlocked {
  /** The newest generation whose key is genuine; `writer` writes with it. */
  readonly generation: number
  /** Key pairs of the vault, newest first. */
  readonly pairs: readonly KeyPair[]
  /** Later generations that have a key file which did not open, or is not genuine; what is encrypted to them cannot be read. */
  readonly unopened: readonly number[]
  readonly writer: WriterKey
}

/** Key files have some hundred bytes for each owner. */
const LARGEST_KEY_FILE = 1024 * 1024

interface Found {
  readonly key: string
  readonly generation: number
  readonly passphrase: number | null
}

const listKeyFiles = async (store: Store, signal: AbortSignal | undefined): Promise<readonly Found[]> => {
  const found: Found[] = []
  for await (const { key } of store.list(KEYS_FOLDER, signal)) {
    const parsed = parseKeyFileKey(key)
    if (parsed !== null) found.push({ key, ...parsed })
  }
  // Newest first, and a passphrase last: trying one takes a second.
  const rank = ({ passphrase }: Found): number => passphrase ?? 0
  return found.sort((a, b) => b.generation - a.generation || rank(a) - rank(b))
}

const readFile = async (store: Store, key: string, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of await store.get(key, signal)) {
    pieces.push(piece)
    size += piece.byteLength
    if (size > LARGEST_KEY_FILE) throw new AppError('VAULT_INVALID', `${key} is larger than any key file`)
  }
  return Buffer.concat(pieces)
}

const open = async (file: Uint8Array, found: Found, given: Given): Promise<string | null> => {
  if (found.passphrase === null) return unwrapWithIdentities(file, given.identities)
  for (const passphrase of given.passphrases) {
    const text = await unwrapWithPassphrase(file, passphrase)
    if (text !== null) return text
  }
  return null
}

/** Null when nothing given opens it. Throws VAULT_INVALID naming the file when it opens and is not what it should be. */
const openKeyFile = async (
  store: Store,
  found: Found,
  given: Given,
  signal: AbortSignal | undefined,
): Promise<VaultKey | null> => {
  try {
    const text = await open(await readFile(store, found.key, signal), found, given)
    return text === null ? null : decodeVaultKey(text)
  } catch (error) {
    if (!isAppError(error, 'VAULT_INVALID')) throw error
    throw new AppError('VAULT_INVALID', `${found.key} cannot be used: ${error.message}`, {
      hint: 'put it back from a copy of the vault; until then nobody can read what is encrypted to it',
      cause: error,
    })
  }
}

const nobodyFits = ({ encryption }: EncryptedVault, files: readonly Found[]): AppError => {
  const { generation, owners, passphrases } = encryption
  if (!files.some((file) => file.generation === generation)) {
    return new AppError('VAULT_INVALID', `the keys of this vault are missing: there is no keys/${generation}.age`, {
      hint: 'put the folder keys/ back from a copy of the vault; without it nobody can read anything here',
    })
  }
  const people = [...owners, ...(passphrases > 0 ? [`${passphrases} passphrase${passphrases === 1 ? '' : 's'}`] : [])]
  return new AppError('KEY_MISSING', `no key that was given opens this vault; it opens to ${people.join(', ')}`, {
    hint: 'name the file with the identity of one of them in CLOUDKEEP_IDENTITY_FILE, or give the passphrase',
  })
}

const holds = (key: VaultKey, recipient: string): boolean =>
  key.pairs.some(({ identity }) => recipientOf(identity) === recipient)

/**
 * Opens the vault's own keys with what its owner has.
 *
 * Key files are encrypted to public recipients, so anybody who can write to the place could add one. Genuine is one that
 * holds the secret of the recipient in `cloudkeep.json`: only who had that secret could make it. Others are passed over.
 * A file of a later generation than `cloudkeep.json` says is genuine by the same rule, because a place that keeps the first
 * of everything gives its first `cloudkeep.json` for ever.
 *
 * Throws KEY_MISSING, naming the owners' recipients, when nothing given opens a key file; VAULT_INVALID when the key files
 * are missing, damaged, of another vault, or do not fit `cloudkeep.json`. Changes nothing.
 *
 * @param store the place itself, not an encrypted store over it
 */
export const unlock = async (
  store: Store,
  vault: EncryptedVault,
  given: Given,
  signal?: AbortSignal,
): Promise<Unlocked> => {
  const { recipient, generation } = vault.encryption
  const files = await listKeyFiles(store, signal)
  const generations = [...new Set(files.map((file) => file.generation))]
  let foreign: string | null = null
  const tried = new Set<number>()
  for (const found of files) {
    if (found.generation < generation) break
    const key = await openKeyFile(store, found, given, signal).catch((error: unknown) => {
      // Anybody could have added a later one, so it must not be able to lock the owner out.
      if (isAppError(error, 'VAULT_INVALID') && found.generation > generation) return null
      throw error
    })
    if (key === null) continue
    tried.add(found.generation)
    const isGenuine = key.vaultId === vault.id && key.pairs[0]?.generation === found.generation && holds(key, recipient)
    if (isGenuine) return unlocked(key, generations)
    foreign = found.key
  }
  if (foreign === null || !tried.has(generation)) throw nobodyFits(vault, files)
  throw new AppError('VAULT_INVALID', `${foreign} is not a key of this vault, or cloudkeep.json was changed`, {
    hint: 'compare cloudkeep.json and keys/ with a copy of the vault; somebody may have changed them',
  })
}

const unlocked = ({ vaultId, nameKey, pairs }: VaultKey, generations: readonly number[]): Unlocked => {
  const [first] = pairs
  if (first === undefined) throw new RangeError('a key file without a key pair')
  const { generation, identity } = first
  const held = new Set(pairs.map((pair) => pair.generation))
  return {
    generation,
    pairs,
    // Numbers below that are not held were never in use: their rekey was killed before it could tell anybody.
    unopened: generations.filter((number) => number > generation && !held.has(number)),
    writer: { vaultId, generation, recipient: recipientOf(identity), nameKey },
  }
}

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
