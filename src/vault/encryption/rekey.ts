import { createHashTap, tapped } from '../../lib/hash.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import { fieldsOf, parseJson } from '../../model/shape.ts'
import { memoryBody, textBody } from '../body.ts'
import { naming, readText } from '../content.ts'
import { IDENTITY_KEY } from '../identity.ts'
import type { Body, Bytes, Store } from '../store.ts'
import { objectKey } from '../vault.ts'
import { openPrefix, PREFIX_SIZE } from './age/header.ts'
import type { Identity } from './age/x25519.ts'
import { generateIdentity, parseIdentity } from './age/x25519.ts'
import { encryptedStore } from './encrypted-store.ts'
import type { EncryptedVault, Encryption } from './encryption.ts'
import { createInnerKeys } from './inner-keys.ts'
import type { KeyFile, NewKeys, Owners } from './keys.ts'
import { freeGeneration, wrapKeys } from './keys.ts'
import { createNames } from './names.ts'
import type { Given, Unlocked } from './unlock.ts'
import { storeKeysOf, unlock } from './unlock.ts'

export interface RekeyOptions {
  /** What opens the vault now. */
  readonly given: Given
  /** Who shall open it from now on. */
  readonly wish: Owners
  /** Digests of the objects that are lists (segments, folders, configuration, failures, history lines). */
  readonly lists: AsyncIterable<string>
  readonly signal?: AbortSignal
}

export interface RekeyReport {
  readonly encryption: Encryption
  /** For the machines that back up. With their old one they go on writing what all owners of now can read. */
  readonly writer: NewKeys['writer']
  readonly files: Reencrypted
}

/** What became of manifests, records and lists; numbers of files. */
export interface Reencrypted {
  readonly changed: number
  /** They were encrypted to the new key already: an earlier attempt got so far. */
  readonly already: number
  /** The place does not let them be replaced, or would go on giving the first bytes: they stay with the old key. */
  readonly kept: number
  /** Keys that could not be read, with the reason; they are as they were. */
  readonly failed: readonly { readonly key: string; readonly reason: string }[]
}

/**
 * Gives a vault a new key pair for new owners, and encrypts to it what says what there is: manifests, records, lists. The
 * bytes of assets stay as they are and are read with the older pairs, which the new key file holds too; names stay, since
 * the name key does.
 *
 * The new key file is durable first, then `cloudkeep.json`, then come the others one by one, each replaced in one step: at
 * every moment old owners or new ones can read everything. What was killed can be repeated, and what a killed attempt left
 * does no harm; to finish encrypting without yet another generation there is `reencrypt`.
 *
 * Old key files stay: a copy of the vault may exist in which they are needed, and removing them would take nothing from
 * whoever has opened them. The caller holds the locks of runs and of prunes.
 *
 * Throws what `unlock` throws, CONFIG_INVALID for a wish that cannot be met, and VAULT_LOCKED when another rekey got in
 * between.
 *
 * @param store the place itself, not an encrypted store over it
 */
export const rekey = async (store: Store, vault: EncryptedVault, options: RekeyOptions): Promise<RekeyReport> => {
  const { given, wish, lists, signal } = options
  const opened = await unlock(store, vault, given, signal)
  const pair = { generation: await nextGeneration(store, vault, signal), identity: generateIdentity() }
  const { nameKey } = opened.writer
  const keys = await wrapKeys({ vaultId: vault.id, nameKey, pair, older: opened.pairs }, wish)
  for (const file of keys.files) await claim(store, file, signal)
  await publish(store, keys.encryption, signal)
  const now = { ...opened, generation: pair.generation, pairs: [pair, ...opened.pairs], writer: keys.writer }
  const files = await reencrypt(store, now, lists, signal)
  return { encryption: keys.encryption, writer: keys.writer, files }
}

/** Beyond every number that is taken: a key file, once written, is never written anew. */
const nextGeneration = async (
  store: Store,
  { encryption }: EncryptedVault,
  signal: AbortSignal | undefined,
): Promise<number> => Math.max(encryption.generation + 1, await freeGeneration(store, signal))

const claim = async (store: Store, { key, bytes }: KeyFile, signal: AbortSignal | undefined): Promise<void> => {
  if (await store.put(key, memoryBody(bytes), signal, 'create')) return
  throw new AppError('VAULT_LOCKED', `${key} appeared meanwhile: somebody else changes the keys of this vault`, {
    hint: 'wait until that is done, then look whether it still has to be repeated',
  })
}

/** Fields that this version does not know stay. */
const publish = async (store: Store, encryption: Encryption, signal: AbortSignal | undefined): Promise<void> => {
  const text = await readText(store, IDENTITY_KEY, { limit: 64 * 1024, signal })
  const fields = naming(IDENTITY_KEY, () => fieldsOf(parseJson(text), IDENTITY_KEY))
  await store.put(IDENTITY_KEY, textBody(`${JSON.stringify({ ...fields, encryption }, null, 2)}\n`), signal)
}

/**
 * Encrypts manifests, records and the given lists to the newest key, where they are not yet. May be repeated. A file that
 * cannot be read is named and left as it is.
 */
export const reencrypt = async (
  store: Store,
  opened: Unlocked,
  lists: AsyncIterable<string>,
  signal?: AbortSignal,
): Promise<Reencrypted> => {
  const keys = storeKeysOf(opened)
  const inner = createInnerKeys(createNames(opened.writer.nameKey))
  const [newest] = opened.pairs
  if (newest === undefined) throw new RangeError('nothing was unlocked')
  const worker: Worker = {
    store,
    readable: encryptedStore(store, keys),
    newest: parseIdentity(newest.identity),
    innerKey: (key) => inner.inner(key).key,
    signal,
  }
  const report = { changed: 0, already: 0, kept: 0 }
  const failed: { key: string; reason: string }[] = []
  for await (const key of keysToChange(worker.readable, lists, signal)) {
    try {
      report[await renew(worker, key)] += 1
    } catch (error) {
      if (!isAppError(error, 'OBJECT_CORRUPT') && !isAppError(error, 'OBJECT_NOT_FOUND')) throw error
      failed.push({ key, reason: error.message })
    }
  }
  return { ...report, failed }
}

interface Worker {
  readonly store: Store
  readonly readable: Store
  readonly newest: Identity
  readonly innerKey: (key: string) => string
  readonly signal: AbortSignal | undefined
}

async function* keysToChange(
  readable: Store,
  lists: AsyncIterable<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, void> {
  // Lists first: whoever is interrupted has heads that still say what is missing.
  for await (const digest of lists) yield objectKey(digest)
  for (const folder of ['accounts/', 'proofs/']) for await (const { key } of readable.list(folder, signal)) yield key
}

const isNewest = async ({ store, newest, innerKey, signal }: Worker, key: string): Promise<boolean> => {
  const pieces: Uint8Array[] = []
  for await (const piece of await store.get(innerKey(key), signal, { start: 0, end: PREFIX_SIZE - 1 }))
    pieces.push(piece)
  return openPrefix(Buffer.concat(pieces), [newest]).kind === 'open'
}

const renew = async (worker: Worker, key: string): Promise<'changed' | 'already' | 'kept'> => {
  if (await isNewest(worker, key)) return 'already'
  // A store that keeps what was overwritten goes on giving the first bytes.
  if (worker.store.variants !== undefined) return 'kept'
  const found = await worker.readable.stat(key, worker.signal)
  if (found === null) throw new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`)
  try {
    await worker.readable.put(key, bodyOf(worker, key, found.size), worker.signal)
    return 'changed'
  } catch (error) {
    if (isAppError(error, 'STORE_REFUSED') || isAppError(error, 'VAULT_SEALED')) return 'kept'
    throw error
  }
}

/** Its present bytes, checked against the name where it is an object: a wrong one must not get a good seal. */
const bodyOf = ({ readable, signal }: Worker, key: string, size: number): Body => {
  const digest = /^objects\/..\/([0-9a-f]{64})$/.exec(key)?.[1]
  const open = async function* (): Bytes {
    const bytes = await readable.get(key, signal)
    if (digest === undefined) return yield* bytes
    const tap = createHashTap({ md5: false })
    yield* tapped(bytes, tap)
    if (tap.finish().sha256 !== digest) throw new AppError('OBJECT_CORRUPT', `object ${digest} is damaged`)
  }
  return { size, open }
}
