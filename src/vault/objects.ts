import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHashTap, tapped } from '../lib/hash.ts'
import { decodeEntry } from '../model/entry-codec.ts'
import { AppError } from '../model/errors.ts'
import { isDigest } from '../model/shape.ts'
import { naming } from './content.ts'
import { packLines, unpackLines } from './gzip-lines.ts'
import type { Body, Bytes, Store } from './store.ts'
import { tempName } from './temp-file.ts'
import type { Vault } from './vault.ts'
import { objectKey } from './vault.ts'

export type Objects = Pick<
  Vault,
  'putObject' | 'putLines' | 'statObject' | 'openObject' | 'readLines' | 'readSegment' | 'listObjects'
>

export interface ObjectsOptions {
  /** Folder for compressed lines too large for memory. @default `.cache/tmp` of a local vault, else the system's */
  readonly scratch?: string
  /** Bytes of compressed lines kept in memory. @default 4 MiB */
  readonly memory?: number
}

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
    const found = await store.stat(key, signal)
    // Another length under this name is a write that some other tool cut short: written again, in one step.
    // A prune takes away what is old and unnamed: whoever relies on an object makes it young, or writes it again.
    if (found?.size === body.size && (await store.touch?.(key, signal)) === true) return { written: false }
    await store.put(key, body, signal)
    return { written: true }
  }

  async function* readLines(digest: string, signal?: AbortSignal): AsyncGenerator<string, void, void> {
    yield* unpackLines(await store.get(keyOf(digest), signal), digest, signal)
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
        await putObject(packed.digest, packed.body, signal)
      } finally {
        await packed.discard()
      }
      return { object: packed.digest, size: packed.size, lines: packed.lines }
    },
    statObject: async (digest, signal) => store.stat(keyOf(digest), signal),
    openObject: async (digest, signal, range) => {
      const bytes = await store.get(keyOf(digest), signal, range)
      return range === undefined ? checked(bytes, digest) : bytes
    },
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
