import type { Body, Bytes, Stat, Store, StoreTraits, Variant } from '../store.ts'
import { moveKey } from '../trash.ts'
import { sealFor } from './age/header.ts'
import { plainSize, sealBytes, sealedSize, sealStream } from './age/payload.ts'
import type { Recipient } from './age/x25519.ts'
import { parseRecipient } from './age/x25519.ts'
import type { InnerKeys } from './inner-keys.ts'
import { createInnerKeys } from './inner-keys.ts'
import { createNames } from './names.ts'
import type { Keyring, Range, SealedFile } from './opening.ts'
import { createKeyring, heeding, keyMissing, openFile, openRange } from './opening.ts'

/** What an encrypted store works with. */
export interface StoreKeys {
  /** What new files are encrypted to, and what names come from: a `WriterKey`, or its two fields. */
  readonly writer: { readonly recipient: string; readonly nameKey: string }
  /** The vault's own, of every generation, `AGE-SECRET-KEY-1…`. Empty: this machine writes and cannot read. */
  readonly identities: readonly string[]
  /**
   * Generations whose identities are not at hand. While there are any, a file that no identity fits is KEY_MISSING and
   * not OBJECT_CORRUPT, lest a repair replaces good files. @default []
   */
  readonly unopened?: readonly number[]
}

/** `size` of a file whose length no encrypted file has: no body has this size either, so it differs from any wanted. */
export const IMPOSSIBLE_SIZE = -1

const outerStat = <T extends Stat>(stat: T): T => ({ ...stat, size: plainSize(stat.size) ?? IMPOSSIBLE_SIZE })

/**
 * The body as an age file. One sealing for one put: opened again it gives the same bytes, so that parts can be repeated
 * and have the checksums that were announced.
 */
const sealedBody = (key: string, body: Body, recipient: Recipient): Body => {
  const { memory, size } = body
  const sealing = sealFor(recipient)
  const open = (): Bytes => sealStream(body.open(), size, sealing, key)
  return { size: sealedSize(size), open, ...(memory !== undefined && { memory: sealBytes(memory, sealing) }) }
}

const outerTraits = (inner: StoreTraits, keys: InnerKeys): StoreTraits => {
  const place = inner.place ?? inner.localRoot
  return {
    ...inner,
    // No folder for the library or scratch lies in an encrypted place: what is readable belongs elsewhere.
    localRoot: null,
    ...(place !== null && { place }),
    shelfOf: (digest) =>
      keys.inner(`objects/${digest.slice(0, 2)}/${digest}`).key.slice('objects/'.length, 'objects/xx'.length),
  }
}

/** Reads an encrypted file, or a range of it. */
const openSealed = async (
  file: SealedFile,
  keyring: Keyring,
  signal: AbortSignal | undefined,
  range: Range | undefined,
): Promise<Bytes> => {
  // Absence is told also to whoever cannot read; asking for bytes that nobody will take would hold a connection.
  if (!keyring.canRead && (await file.size()) !== null) throw keyMissing(file.what)
  const bytes =
    range === undefined ? openFile(await file.read(), keyring, file.what) : await openRange(file, keyring, range)
  return heeding(bytes, signal, file.what)
}

const fileOf = (store: Store, innerKey: string, what: string, signal: AbortSignal | undefined): SealedFile => ({
  what,
  read: (range) => store.get(innerKey, signal, range),
  size: async () => (await store.stat(innerKey, signal))?.size ?? null,
})

const outerVariant = (variant: Variant, what: string, keyring: Keyring): Variant => ({
  ...outerStat(variant),
  open: (signal, range) =>
    openSealed(
      { what, read: (part) => variant.open(signal, part), size: () => Promise.resolve(variant.size) },
      keyring,
      signal,
      range,
    ),
})

/** What only some stores can, with keys translated. */
const passedOn = (inner: Store, keys: InnerKeys, keyring: Keyring): Partial<Store> => {
  const { touch, seal, variants, close } = {
    touch: inner.touch?.bind(inner),
    seal: inner.seal?.bind(inner),
    variants: inner.variants?.bind(inner),
    close: inner.close?.bind(inner),
  }
  return {
    ...(touch && { touch: async (key, signal) => touch(keys.inner(key).key, signal) }),
    ...(seal && { seal: async (key, until, signal) => seal(keys.inner(key).key, until, signal) }),
    ...(close && { close }),
    ...(variants && {
      variants: async (key, signal) => {
        const where = keys.inner(key)
        const found = await variants(where.key, signal)
        return where.isPlain ? found : found.map((variant) => outerVariant(variant, key, keyring))
      },
    }),
  }
}

/**
 * A store in which everything is an age file, over a store that holds them: encrypted on the way in, decrypted and
 * authenticated on the way out. `README.txt`, `cloudkeep.json`, `keys/` and `locks/` pass as they are. Keeps the contract
 * of `Store`; besides:
 *
 * - `get` gives out 64 KiB at a time, each after its tag was checked. OBJECT_CORRUPT: changed, cut, or no file of this vault.
 *   KEY_MISSING: there is no identity that could read it.
 * - a range fetches header and the chunks concerned, in two calls where they lie apart.
 * - sizes are those of the plain bytes, known from the length alone; a length that no encrypted file has is
 *   `IMPOSSIBLE_SIZE`.
 * - `list` leaves out what was not written through such a store. A prefix that ends within a digest means the name that the
 *   digest has here, so the folders of `objects/` are those of `traits.shelfOf`, and the keys that come begin with others.
 * - `move` moves encrypted bytes and needs no identity; where the store below cannot move it copies and deletes.
 *
 * Throws CONFIG_INVALID when a key is none.
 */
export const encryptedStore = (inner: Store, keys: StoreKeys): Store => {
  const recipient = parseRecipient(keys.writer.recipient)
  const names = createInnerKeys(createNames(keys.writer.nameKey))
  const keyring = createKeyring(keys)
  const store: Store = {
    traits: outerTraits(inner.traits, names),
    put: async (key, body, signal, mode) => {
      const where = names.inner(key)
      return inner.put(where.key, where.isPlain ? body : sealedBody(key, body, recipient), signal, mode)
    },
    get: async (key, signal, range) => {
      const where = names.inner(key)
      if (where.isPlain) return inner.get(where.key, signal, range)
      return openSealed(fileOf(inner, where.key, key, signal), keyring, signal, range)
    },
    stat: async (key, signal) => {
      const where = names.inner(key)
      const found = await inner.stat(where.key, signal)
      return found === null || where.isPlain ? found : outerStat(found)
    },
    async *list(prefix, signal) {
      for await (const stat of inner.list(names.innerPrefix(prefix), signal)) {
        const key = names.outer(stat.key)
        if (key === null) continue
        if (key === stat.key) yield stat
        else if (!isEnding(key, prefix)) yield { ...outerStat(stat), key }
      }
    },
    delete: async (key, signal) => inner.delete(names.inner(key).key, signal),
    move: async (from, to, signal) => {
      const [source, target] = [names.inner(from), names.inner(to)]
      if (source.isPlain === target.isPlain) return moveKey(inner, source.key, target.key, signal)
      // Into the open or out of it: the bytes have to be written anew.
      const { move: _, ...copying } = store
      return moveKey(copying, from, to, signal)
    },
    ...passedOn(inner, names, keyring),
  }
  return store
}

/** True when a prefix reached into the ending that keys have only in the store below. */
const isEnding = (key: string, prefix: string): boolean => prefix.startsWith(key) && prefix.length > key.length
