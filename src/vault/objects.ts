import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHashTap, tapped } from '../lib/hash.ts'
import { decodeEntry } from '../model/entry-codec.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { isDigest } from '../model/shape.ts'
import { naming } from './content.ts'
import { packLines, unpackLines } from './gzip-lines.ts'
import { bringNear } from './near.ts'
import type { Body, Bytes, Store } from './store.ts'
import { tempName } from './temp-file.ts'
import { findVariant, proveVariant } from './variants.ts'
import type { Vault } from './vault.ts'
import { objectKey } from './vault.ts'

export type Objects = Pick<
  Vault,
  | 'putObject'
  | 'putLines'
  | 'statObject'
  | 'openObject'
  | 'openUnchecked'
  | 'positionOf'
  | 'readLines'
  | 'readSegment'
  | 'listObjects'
>

export interface ObjectsOptions {
  /** Folder for compressed lines too large for memory. @default `.cache/tmp` of a local vault, else the system's */
  readonly scratch?: string
  /** Bytes of compressed lines kept in memory. @default 4 MiB */
  readonly memory?: number
  /**
   * A store on this machine that remembers lists and records of a vault that is far away, or that this machine can
   * write and not read. What it holds is believed only as far as a digest proves it. @default none
   */
  readonly near?: Store
}

/** Up to here sending a body for nothing costs less than asking first, where every question is a round trip. */
const SMALL = 1024 * 1024

const KEY = /^objects\/([0-9a-f]{2})\/([0-9a-f]{64})$/

const keyOf = (digest: string): string => {
  if (isDigest(digest)) return objectKey(digest)
  throw new AppError('OBJECT_NOT_FOUND', `${JSON.stringify(digest)} is not the name of an object`, {
    hint: 'objects are named by a SHA-256 in 64 lower-case hex digits',
  })
}

/** Lets bytes through and throws instead of ending when they are not what their name says. */
async function* checked(bytes: Bytes, digest: string): AsyncGenerator<Uint8Array, void, void> {
  const tap = createHashTap({ md5: false })
  yield* tapped(bytes, tap)
  const { sha256, size } = tap.finish()
  if (sha256 !== digest) {
    throw new AppError('OBJECT_CORRUPT', `object ${digest} is damaged: its ${size} bytes have the SHA-256 ${sha256}`)
  }
}

export const createObjects = (store: Store, options: ObjectsOptions = {}): Objects => {
  const { localRoot } = store.traits
  const scratch = options.scratch ?? (localRoot === null ? tmpdir() : join(localRoot, '.cache', 'tmp'))

  const putObject = async (digest: string, body: Body, signal?: AbortSignal): Promise<{ written: boolean }> => {
    const key = keyOf(digest)
    const isCheap = store.traits.isFar === true && body.size <= SMALL
    if (isCheap && (await store.put(key, body, signal, 'create'))) return { written: true }
    const found = await store.stat(key, signal)
    if (found === null) return { written: await store.put(key, body, signal, 'create') }
    // Another length under this name is a write that some other tool cut short: written again, in one step.
    if (found.size === body.size && (await canRelyOn(digest, signal))) return { written: false }
    await store.put(key, body, signal)
    return { written: true }
  }

  /** An object that is there is as good as one just written, when nobody will take it away and nobody put it there to deceive. */
  const canRelyOn = async (digest: string, signal?: AbortSignal): Promise<boolean> => {
    // A prune takes away what is old and unnamed: whoever relies on an object makes it young, or writes it again.
    if (store.variants === undefined) {
      return await (store.touch?.(keyOf(digest), signal) ?? Promise.resolve(false)).catch((error: unknown) => {
        // What nobody can take away need not be young.
        if (isAppError(error, 'VAULT_SEALED')) return true
        throw error
      })
    }
    // Where nothing can be taken back, somebody may have put other bytes here before; writing again adds, and harms nothing.
    const good = await proveVariant(store, digest, signal).catch((error: unknown) => {
      if (isAppError(error, 'KEY_MISSING')) return null
      throw error
    })
    return good !== null
  }

  const openRaw = async (
    digest: string,
    signal?: AbortSignal,
    range?: { start: number; end: number },
  ): Promise<Bytes> => {
    const good = store.variants === undefined ? null : await findVariant(store, digest, signal)
    return good === null ? store.get(keyOf(digest), signal, range) : good.open(signal, range)
  }

  async function* readLines(digest: string, signal?: AbortSignal): AsyncGenerator<string, void, void> {
    const near = options.near === undefined ? null : await bringNear(digest, { store, near: options.near, signal })
    yield* unpackLines(near ?? (await openRaw(digest, signal)), digest, signal)
  }

  return {
    putObject,
    readLines,
    putLines: async (lines, signal) => {
      const packed = await packLines(lines, {
        scratch: () => join(scratch, tempName()),
        signal,
        ...(options.memory !== undefined && { memory: options.memory }),
      })
      try {
        // Not by its file, which the other store still has to take.
        const { size, memory, open } = packed.body
        const copy: Body = memory === undefined ? { size, open } : { size, open, memory }
        await options.near?.put(keyOf(packed.digest), copy, signal)
        await putObject(packed.digest, packed.body, signal)
      } finally {
        await packed.discard()
      }
      return { object: packed.digest, size: packed.size, lines: packed.lines }
    },
    statObject: async (digest, signal) => store.stat(keyOf(digest), signal),
    openObject: async (digest, signal, range) => {
      const bytes = await openRaw(digest, signal, range)
      return range === undefined ? checked(bytes, digest) : bytes
    },
    openUnchecked: openRaw,
    positionOf: (digest) => (store.traits.shelfOf?.(digest) ?? digest.slice(0, 2)) + digest.slice(2),
    async *readSegment(digest, signal) {
      let before = ''
      let number = 0
      for await (const line of readLines(digest, signal)) {
        number += 1
        const where = `line ${number} of segment ${digest}`
        const entry = naming(where, () => decodeEntry(line))
        if (entry.assetId <= before)
          throw new AppError('VAULT_INVALID', `${where} is out of order: ${entry.assetId} after ${before}`)
        before = entry.assetId
        yield entry
      }
    },
    async *listObjects(signal, prefix = '') {
      const start = prefix.length < 2 ? `objects/${prefix}` : objectKey(prefix)
      for await (const { key, ...stat } of store.list(start, signal)) {
        const [, folder, digest] = KEY.exec(key) ?? []
        if (digest !== undefined && folder === digest.slice(0, 2)) yield { digest, ...stat }
      }
    },
  }
}
