import { AppError } from '../src/model/errors.ts'
import type { Bytes, Store, Variant } from '../src/vault/store.ts'
import { createMemoryStore } from '../src/vault/stores/memory.ts'

export interface KeepingStore {
  readonly store: Store
  /** What somebody does who holds the keys of the bucket: a new body on top, or a mark that hides the key. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>
}

/** A store in memory that keeps every body it ever got, as a bucket does whose objects are locked. */
export const createKeepingStore = (): KeepingStore => {
  const inner = createMemoryStore()
  const bodies = new Map<string, number>()
  const nameOf = (key: string, index: number): string => `${key}.${index}`
  const add = async (key: string, put: (name: string) => Promise<unknown>): Promise<void> => {
    const index = bodies.get(key) ?? 0
    await put(nameOf(key, index))
    bodies.set(key, index + 1)
  }
  const variants = async (key: string): Promise<Variant[]> => {
    const found: Variant[] = []
    for (let index = 0; index < (bodies.get(key) ?? 0); index++) {
      const name = nameOf(key, index)
      const stat = await inner.stat(name)
      if (stat !== null)
        found.push({ ...stat, open: (signal, range): Promise<Bytes> => inner.get(name, signal, range) })
    }
    return found
  }
  const store: Store = {
    traits: { maxConcurrency: 8, localRoot: null, isFar: true, place: 'the locked bucket' },
    variants,
    put: async (key, body, signal, mode) => {
      if (mode === 'create' && bodies.has(key)) return false
      await add(key, (name) => inner.put(name, body, signal))
      return true
    },
    get: async (key, signal, range) => {
      const [first] = await variants(key)
      if (first === undefined) throw new AppError('OBJECT_NOT_FOUND', `${key} is not there`)
      return first.open(signal, range)
    },
    stat: async (key) => (await variants(key))[0] ?? null,
    async *list(prefix) {
      for (const key of bodies.keys()) {
        const [first] = await variants(key)
        if (key.startsWith(prefix) && first !== undefined) yield { key, ...first }
      }
    },
    delete: async (key) => {
      throw new AppError('VAULT_SEALED', `${key} is locked`)
    },
  }
  return {
    store,
    overwrite: (key, bytes) =>
      add(key, (name) => inner.put(name, { size: bytes.byteLength, memory: bytes, open: () => piece(bytes) })),
  }
}

async function* piece(bytes: Uint8Array): Bytes {
  yield bytes
}
