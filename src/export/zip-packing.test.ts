import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sampleEntry } from '../../test/samples/manifest.ts'
import { sha256Hex } from '../lib/hash.ts'
import { memoryBody } from '../vault/body.ts'
import { createVault } from '../vault/create.ts'
import type { Store } from '../vault/store.ts'
import { createMemoryStore } from '../vault/stores/memory.ts'
import { objectKey } from '../vault/vault.ts'
import type { Original } from './packing.ts'
import { packZip } from './zip-packing.ts'
import { openZipFile } from './zip-target.ts'

/** Too large to be kept in memory between its proof and its entry. */
const large = randomBytes(6 * 1024 * 1024)
const object = sha256Hex(large)
const original: Original = { entry: sampleEntry(), object, size: large.length, path: 'files/large.bin', mtime: 0 }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-zip-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A store whose object is another one from the second time on that somebody reads it. */
function turning(store: Store, second: (bytes: Buffer) => void): Store {
  let reads = 0
  return {
    ...store,
    async get(key, ...rest) {
      const bytes = await store.get(key, ...rest)
      if (key !== objectKey(object)) return bytes
      reads += 1
      return reads === 1 ? bytes : altered(bytes)
    },
  }
  async function* altered(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of bytes) {
      const copy = Buffer.from(piece)
      second(copy)
      yield copy
    }
  }
}

async function pack(second: (bytes: Buffer) => void): Promise<{ settled: number; error: unknown; left: string[] }> {
  const birth = { now: new Date(0), id: 'v1', tool: 'cloudkeep test' }
  const vault = await createVault(turning(createMemoryStore(), second), birth)
  await vault.putObject(object, memoryBody(large))
  const target = await openZipFile(join(folder, 'all.zip'))
  const { signal } = new AbortController()
  const packing = packZip({ vault, target, now: () => new Date(0), onBytes: () => undefined, signal })
  const outcome = { settled: 0, error: null as unknown }
  const files = (async function* () {
    yield original
  })()
  try {
    await packing.originals(files, () => {
      outcome.settled += 1
    })
    await packing.finish()
  } catch (error) {
    outcome.error = error
    await packing.abandon()
  }
  return { ...outcome, left: await readdir(folder) }
}

it('an object that reads the same twice is in', async () => {
  expect(await pack(() => undefined)).toEqual({ settled: 1, error: null, left: ['all.zip'] })
})

it('an object that turns bad between its proof and its entry is an error by name, and no zip file', async () => {
  const { settled, error, left } = await pack((bytes) => {
    bytes[0] = (bytes[0] ?? 0) ^ 1
  })
  expect(error).toMatchObject({ code: 'OBJECT_CORRUPT', message: expect.stringContaining('files/large.bin') })
  expect(settled).toBe(0)
  expect(left).toEqual([])
})

it('an object that cannot be read a second time is the error of the vault, and no zip file', async () => {
  const { error, left } = await pack(() => {
    throw new Error('the disk went away')
  })
  expect(error).toMatchObject({ message: 'the disk went away' })
  expect(left).toEqual([])
})
