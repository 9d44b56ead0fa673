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

interface Kept {
  readonly bytes: Uint8Array
  readonly changedAt: number
}

/** A store that forgets: for tests, and for trying things out. Keeps every promise of `Store` but durability. */
export const createMemoryStore = (now: () => number = Date.now): Store => {
  const kept = new Map<string, Kept>()
  return {
    traits: { maxConcurrency: 32, localRoot: null },
    put: async (key, body, signal, mode) => {
      checkKey(key)
      checkSignal(signal, `writing ${key}`)
      const bytes = await collect(key, body, signal)
      if (mode === 'create' && kept.has(key)) return false
      kept.set(key, { bytes, changedAt: now() })
      return true
    },
    get: async (key, signal, range) => {
      const bytes = kept.get(checkKey(key))?.bytes
      checkSignal(signal, `reading ${key}`)
      if (bytes === undefined) throw new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`)
      return piecesOf(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1), key, signal)
    },
    stat: async (key, signal) => {
      const found = kept.get(checkKey(key))
      checkSignal(signal, `looking at ${key}`)
      return found === undefined ? null : { size: found.bytes.byteLength, changedAt: found.changedAt }
    },
    async *list(prefix, signal) {
      checkPrefix(prefix)
      for (const [key, { bytes, changedAt }] of [...kept]) {
        checkSignal(signal, `listing ${prefix}`)
        if (key.startsWith(prefix)) yield { key, size: bytes.byteLength, changedAt }
      }
    },
    delete: async (key, signal) => {
      checkSignal(signal, `deleting ${key}`)
      kept.delete(checkKey(key))
    },
    touch: async (key, signal) => {
      const found = kept.get(checkKey(key))
      checkSignal(signal, `touching ${key}`)
      if (found !== undefined) kept.set(key, { ...found, changedAt: now() })
      return found !== undefined
    },
    move: async (from, to, signal) => {
      const found = kept.get(checkKey(from))
      checkSignal(signal, `moving ${from}`)
      if (found === undefined) throw new AppError('OBJECT_NOT_FOUND', `${from} is not in the vault`)
      kept.set(checkKey(to), { ...found, changedAt: now() })
      if (to !== from) kept.delete(from)
    },
  }
}
