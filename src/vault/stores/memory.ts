import { AppError } from '../../model/errors.ts'
import { checkSignal } from '../interrupt.ts'
import { checkKey, checkPrefix } from '../key.ts'
import type { Body, Store } from '../store.ts'

const READ_SIZE = 256 * 1024

const collect = async (key: string, body: Body, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  let total = 0
  for await (const chunk of body.open()) {
    checkSignal(signal, `writing ${key}`)
    total += chunk.byteLength
    // Copied at once: a source may use its buffer again for the next piece.
    pieces.push(Uint8Array.from(chunk))
  }
  if (total !== body.size)
    throw new AppError('OBJECT_CORRUPT', `the body for ${key} has ${total} bytes, not ${body.size} as announced`)
  return Buffer.concat(pieces)
}

async function* piecesOf(
  bytes: Uint8Array,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += READ_SIZE) {
    checkSignal(signal, `reading ${key}`)
    yield bytes.slice(at, at + READ_SIZE)
  }
}

/** A store that forgets: for tests, and for trying things out. Keeps every promise of `Store` but durability. */
export const createMemoryStore = (): Store => {
  const kept = new Map<string, Uint8Array>()
  return {
    traits: { maxConcurrency: 32, localRoot: null },
    put: async (key, body, signal) => {
      checkKey(key)
      checkSignal(signal, `writing ${key}`)
      kept.set(key, await collect(key, body, signal))
    },
    get: async (key, signal, range) => {
      const bytes = kept.get(checkKey(key))
      checkSignal(signal, `reading ${key}`)
      if (bytes === undefined) throw new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`)
      return piecesOf(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1), key, signal)
    },
    stat: async (key, signal) => {
      const bytes = kept.get(checkKey(key))
      checkSignal(signal, `looking at ${key}`)
      return bytes === undefined ? null : { size: bytes.byteLength }
    },
    async *list(prefix, signal) {
      checkPrefix(prefix)
      for (const [key, bytes] of [...kept]) {
        checkSignal(signal, `listing ${prefix}`)
        if (key.startsWith(prefix)) yield { key, size: bytes.byteLength }
      }
    },
    delete: async (key, signal) => {
      checkSignal(signal, `deleting ${key}`)
      kept.delete(checkKey(key))
    },
  }
}
