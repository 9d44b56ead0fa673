import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { collect, storeContract } from '../../../test/contracts/store.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { memoryBody, textBody } from '../body.ts'
import type { Body, Bytes, Store, Variant } from '../store.ts'
import { openFsStore } from '../stores/fs.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { moveKey, trashKey } from '../trash.ts'
import { objectKey } from '../vault.ts'
import { generateIdentity, recipientOf } from './age/x25519.ts'
import { encryptedStore, IMPOSSIBLE_SIZE } from './encrypted-store.ts'

const identity = generateIdentity()
const nameKey = randomBytes(32).toString('hex')
const writer = { recipient: recipientOf(identity), nameKey }
const keys = { writer, identities: [identity] }

storeContract('an encrypted store over memory', async () => ({
  store: encryptedStore(createMemoryStore(), keys),
  close: async () => {},
}))

storeContract('an encrypted store over the local disk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cloudkeep-encrypted-'))
  const store = encryptedStore(await openFsStore(join(root, 'vault')), keys)
  return { store, close: () => rm(root, { recursive: true, force: true }) }
})

const { touch: _touch, move: _move, ...plainest } = createMemoryStore()
storeContract('an encrypted store over one that can do the least', async () => {
  const { touch, move, ...least } = createMemoryStore()
  expect([touch, move]).not.toContain(undefined)
  return { store: encryptedStore(least, keys), close: async () => {} }
})

const keysOf = async (store: Store, prefix = ''): Promise<string[]> => {
  const found: string[] = []
  for await (const { key } of store.list(prefix)) found.push(key)
  return found.sort()
}

/** A memory store that notes which bytes were asked for. */
const watched = (): { inner: Store; asked: string[] } => {
  const inner = createMemoryStore()
  const asked: string[] = []
  const get: Store['get'] = (key, signal, range) => {
    asked.push(range === undefined ? 'all' : `${range.start}-${range.end}`)
    return inner.get(key, signal, range)
  }
  return { inner: { ...inner, get }, asked }
}

const CHUNK = 65536
const SEALED = CHUNK + 16
const PREFIX = 184

describe('what lies in the store below', () => {
  test('is an age file for everything but what opens the vault and the locks', async () => {
    const inner = createMemoryStore()
    const store = encryptedStore(inner, keys)
    const digest = sha256Hex('a picture')
    const plain = ['README.txt', 'cloudkeep.json', 'keys/1.age', 'keys/1-passphrase-1.age', 'locks/run']
    const secret = [objectKey(digest), trashKey(digest), `quarantine/${digest}-2026`, 'accounts/acme/snapshots/x.json']
    for (const key of [...plain, ...secret]) await store.put(key, textBody('a picture'))
    expect(await keysOf(store)).toEqual([...plain, ...secret].sort())
    for (const key of await keysOf(inner)) {
      const text = (await collect(await inner.get(key))).toString('latin1')
      expect(key).not.toContain(digest)
      if (plain.includes(key)) expect(text).toBe('a picture')
      else expect([key.endsWith('.age'), text.startsWith('age-encryption.org/v1\n-> X25519 ')]).toEqual([true, true])
    }
    for (const key of plain) expect((await collect(await inner.get(key))).toString()).toBe('a picture')
    expect(await keysOf(inner, 'accounts/')).toEqual(['accounts/acme/snapshots/x.json.age'])
  })

  test('has another header and other bytes each time that the same is put', async () => {
    const inner = createMemoryStore()
    const store = encryptedStore(inner, keys)
    await store.put('a', textBody('the same'))
    await store.put('b', textBody('the same'))
    const [a, b] = [await collect(await inner.get('a.age')), await collect(await inner.get('b.age'))]
    expect(a.length).toBe(b.length)
    expect(a.equals(b)).toBe(false)
  })

  test('is found in the folder that the traits tell', async () => {
    const inner = createMemoryStore()
    const store = encryptedStore(inner, keys)
    const digests = Array.from({ length: 50 }, (_, index) => sha256Hex(`${index}`))
    for (const digest of digests) await store.put(objectKey(digest), textBody('x'))
    for (const digest of digests) {
      const shelf = store.traits.shelfOf?.(digest) ?? ''
      expect(shelf).toMatch(/^[0-9a-f]{2}$/)
      expect(await keysOf(store, `objects/${shelf}/`)).toContain(objectKey(digest))
      expect(await keysOf(store, objectKey(digest))).toEqual([objectKey(digest)])
      expect(await keysOf(store, objectKey(shelf))).toContain(objectKey(digest))
    }
    expect(await keysOf(store, 'objects/')).toEqual(digests.map(objectKey).sort())
  })

  test('has one call for a small body, and the same bytes however often a body is opened', async () => {
    const seen: Body[] = []
    const inner = createMemoryStore()
    const put: Store['put'] = (key, body, signal, mode) => {
      seen.push(body)
      return inner.put(key, body, signal, mode)
    }
    const bytes = randomBytes(300_000)
    const store = encryptedStore({ ...inner, put }, keys)
    await store.put('memory', memoryBody(bytes))
    await store.put('stream', { size: bytes.length, open: () => memoryBody(bytes).open() })
    for (const body of seen) {
      const once = await collect(body.open())
      expect(once.length).toBe(body.size)
      expect((await collect(body.open())).equals(once)).toBe(true)
      if (body.memory !== undefined) expect(Buffer.from(body.memory).equals(once)).toBe(true)
    }
    expect(seen.map(({ memory }) => memory !== undefined)).toEqual([true, false])
  })

  test('is not listed when it was not written through such a store', async () => {
    const inner = createMemoryStore()
    const other = encryptedStore(inner, { ...keys, writer: { ...writer, nameKey: randomBytes(32).toString('hex') } })
    const digest = sha256Hex('x')
    await other.put(objectKey(digest), textBody('x'))
    for (const key of ['notes.txt', objectKey(digest), `objects/ab/${'ab'.repeat(48)}.age`, `${objectKey(digest)}.age`])
      await inner.put(key, textBody('x'))
    const store = encryptedStore(inner, keys)
    expect(await keysOf(store)).toEqual([])
    await store.put(objectKey(digest), textBody('x'))
    const [mine = ''] = (await keysOf(inner, 'objects/')).filter(
      (key) =>
        store.traits.shelfOf?.(digest) === key.slice(8, 10) && /\/[0-9a-f]{96}/.test(key) && !key.includes('abab'),
    )
    await inner.put(mine.replace(/^objects\/../, 'objects/zz'), textBody('x'))
    expect(await keysOf(store)).toEqual([objectKey(digest)])
  })

  test('has a size that no body has when its length is that of no age file', async () => {
    const inner = createMemoryStore()
    const store = encryptedStore(inner, keys)
    for (const size of [0, 100, PREFIX, PREFIX + 15, PREFIX + SEALED + 1, PREFIX + SEALED + 16]) {
      await inner.put('a.age', memoryBody(Buffer.alloc(size)))
      expect(await store.stat('a')).toMatchObject({ size: IMPOSSIBLE_SIZE })
      for await (const stat of store.list('')) expect(stat.size).toBe(IMPOSSIBLE_SIZE)
    }
    for (const [size, plain] of [
      [PREFIX + 16, 0],
      [PREFIX + 17, 1],
      [PREFIX + SEALED, CHUNK],
      [PREFIX + SEALED + 17, CHUNK + 1],
    ] as const) {
      await inner.put('a.age', memoryBody(Buffer.alloc(size)))
      expect(await store.stat('a')).toMatchObject({ size: plain })
    }
  })
})

describe('a range', () => {
  const bytes = randomBytes(5 * CHUNK + 100)
  test('gives the same bytes as the whole, wherever it begins and ends', async () => {
    const { inner } = watched()
    const store = encryptedStore(inner, keys)
    for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, bytes.length]) {
      const part = bytes.subarray(0, size)
      await store.put('a', memoryBody(part))
      const edges = [
        0,
        1,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK - 1,
        2 * CHUNK,
        3 * CHUNK + 7,
        size - 1,
        size,
        size + 9,
      ]
      for (const start of edges.filter((edge) => edge >= 0))
        for (const end of [...edges, Number.MAX_SAFE_INTEGER].filter((edge) => edge >= start)) {
          const got = await collect(await store.get('a', undefined, { start, end }))
          expect([size, start, end, got.equals(part.subarray(start, end + 1))]).toEqual([size, start, end, true])
        }
    }
  })

  test('fetches the header and the chunks concerned, and one byte more', async () => {
    const { inner, asked } = watched()
    const store = encryptedStore(inner, keys)
    await store.put('a', memoryBody(bytes))
    await collect(await store.get('a', undefined, { start: 3 * CHUNK + 5, end: 3 * CHUNK + 6 }))
    await collect(await store.get('a', undefined, { start: 5, end: 6 }))
    expect(asked).toEqual(['0-183', `${PREFIX + 3 * SEALED}-${PREFIX + 4 * SEALED}`, `0-${PREFIX + SEALED}`])
  })

  test('tells a file that was cut between two chunks', async () => {
    const inner = createMemoryStore()
    const store = encryptedStore(inner, keys)
    await store.put('a', memoryBody(bytes))
    const file = await collect(await inner.get('a.age'))
    await inner.put('a.age', memoryBody(file.subarray(0, PREFIX + 3 * SEALED)))
    for (const start of [0, 2 * CHUNK, 2 * CHUNK + 5, 3 * CHUNK, 4 * CHUNK + 9]) {
      const reading = async (): Promise<Buffer> =>
        collect(await store.get('a', undefined, { start, end: bytes.length }))
      await expect(reading()).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    }
  })
})

describe('whoever has no identity', () => {
  const blind = (inner: Store): Store => encryptedStore(inner, { writer, identities: [] })

  test('writes, looks, lists, moves and deletes', async () => {
    const inner = createMemoryStore()
    const store = blind(inner)
    const digest = sha256Hex('x')
    await store.put(objectKey(digest), textBody('hello'))
    expect(await store.stat(objectKey(digest))).toMatchObject({ size: 5 })
    expect(await keysOf(store)).toEqual([objectKey(digest)])
    await moveKey(store, objectKey(digest), trashKey(digest))
    expect(await keysOf(store)).toEqual([trashKey(digest)])
    expect((await collect(await encryptedStore(inner, keys).get(trashKey(digest)))).toString()).toBe('hello')
    await store.delete(trashKey(digest))
    expect(await keysOf(inner)).toEqual([])
  })

  test('moves also where the store below can only copy', async () => {
    const store = blind(plainest)
    await store.put('a', textBody('hello'))
    await moveKey(store, 'a', 'b')
    expect((await collect(await encryptedStore(plainest, keys).get('b'))).toString()).toBe('hello')
    await store.delete('b')
  })

  test('reads nothing, is told which key is missing, and is told of absence all the same', async () => {
    const store = blind(createMemoryStore())
    await store.put('a', textBody('hello'))
    const missing = { code: 'KEY_MISSING', permanent: true, hint: expect.stringContaining('CLOUDKEEP_IDENTITY_FILE') }
    await expect(store.get('a')).rejects.toMatchObject(missing)
    await expect(store.get('a', undefined, { start: 0, end: 0 })).rejects.toMatchObject(missing)
    await expect(store.get('b')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    await store.put('README.txt', textBody('public'))
    expect((await collect(await store.get('README.txt'))).toString()).toBe('public')
  })
})

describe('a file for somebody else', () => {
  const read = async (store: Store): Promise<Buffer> => collect(await store.get('a'))

  test('is damage when every key of the vault is at hand, and a missing key when not', async () => {
    const inner = createMemoryStore()
    const stranger = generateIdentity()
    await encryptedStore(inner, { writer: { recipient: recipientOf(stranger), nameKey }, identities: [] }).put(
      'a',
      textBody('x'),
    )
    await expect(read(encryptedStore(inner, keys))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    await expect(read(encryptedStore(inner, { ...keys, unopened: [2] }))).rejects.toMatchObject({ code: 'KEY_MISSING' })
    expect((await read(encryptedStore(inner, { ...keys, identities: [identity, stranger] }))).toString()).toBe('x')
  })
})

test('what a store can do to single keys is done to the right ones', async () => {
  const base = createMemoryStore()
  const sealed: string[] = []
  const first = encryptedStore(base, keys)
  await first.put('a', textBody('hello'))
  const file = await collect(await base.get('a.age'))
  const variants = async (key: string): Promise<readonly Variant[]> => {
    expect(key).toBe('a.age')
    const open: Variant['open'] = async (_, range) =>
      memoryBody(range === undefined ? file : file.subarray(range.start, range.end + 1)).open() as Bytes
    return [{ size: file.length, open }]
  }
  const seal = async (key: string): Promise<void> => {
    sealed.push(key)
  }
  const store = encryptedStore({ ...base, variants, seal }, keys)
  await store.seal?.('a', 1)
  expect(sealed).toEqual(['a.age'])
  const [variant] = (await store.variants?.('a')) ?? []
  expect(variant?.size).toBe(5)
  expect((await collect(await variant!.open())).toString()).toBe('hello')
  expect((await collect(await variant!.open(undefined, { start: 1, end: 2 }))).toString()).toBe('el')
})

it('moves from the open into the closed and back by writing anew', async () => {
  const inner = createMemoryStore()
  const store = encryptedStore(inner, keys)
  await store.put('cloudkeep.json', textBody('{}'))
  await moveKey(store, 'cloudkeep.json', 'quarantine/cloudkeep.json-2026')
  expect(await keysOf(inner)).toEqual(['quarantine/cloudkeep.json-2026.age'])
  expect((await collect(await store.get('quarantine/cloudkeep.json-2026'))).toString()).toBe('{}')
  await moveKey(store, 'quarantine/cloudkeep.json-2026', 'cloudkeep.json')
  expect((await collect(await inner.get('cloudkeep.json'))).toString()).toBe('{}')
})
