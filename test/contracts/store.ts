import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryBody, textBody } from '../../src/vault/body.ts'
import type { Body, Bytes, Store } from '../../src/vault/store.ts'

/** What a store's test gives the suite: a new, empty store each time, and a way to take it down. */
export interface StoreUnderTest {
  readonly store: Store
  close(): Promise<void>
}

export interface StoreContractOptions {
  /** Steps of the clock that `changedAt` is read from, in milliseconds. @default 25 */
  readonly clockStepMs?: number
  /** Tests that this store cannot pass, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

export const collect = async (bytes: Bytes): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

const streamBody = (size: number, pieces: readonly Uint8Array[], seen: { opened: number } = { opened: 0 }): Body => ({
  size,
  async *open() {
    seen.opened += 1
    yield* pieces
  },
})

const bytesOf = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 17 + (at >> 8)) & 255
  return bytes
}

const KEY = 'objects/ab/ab12'

/** What every store must do, whatever it stores in. */
export const storeContract = (
  name: string,
  make: () => Promise<StoreUnderTest>,
  options: StoreContractOptions = {},
): void => {
  const test = (title: string, run: (store: Store) => Promise<void>): void => {
    const reason = options.skip?.[title]
    if (reason !== undefined) it.skip(`${title} (${reason})`)
    else it(title, () => run(current.store))
  }
  let current: StoreUnderTest
  describe(`${name} keeps the store contract`, () => {
    beforeEach(async () => {
      current = await make()
    })
    afterEach(() => current.close())
    const step = options.clockStepMs ?? 25
    writing(test)
    creating(test)
    badBodies(test)
    reading(test)
    listing(test)
    removing(test)
    ageing(test, step)
    moving(test, step)
    sealing(test)
    refusing(test)
    interrupting(test)
    racing(test)
  })
}

type Test = (title: string, run: (store: Store) => Promise<void>) => void

const writing = (test: Test): void => {
  test('gives back the bytes that were put', async (store) => {
    await store.put(KEY, textBody('hello'))
    expect((await collect(await store.get(KEY))).toString()).toBe('hello')
    expect(await store.stat(KEY)).toMatchObject({ size: 5 })
  })
  test('keeps an empty object', async (store) => {
    await store.put(KEY, memoryBody(Buffer.alloc(0)))
    expect(await store.stat(KEY)).toMatchObject({ size: 0 })
    expect(await collect(await store.get(KEY))).toHaveLength(0)
  })
  test('keeps an empty stream', async (store) => {
    await store.put(KEY, streamBody(0, []))
    expect(await store.stat(KEY)).toMatchObject({ size: 0 })
  })
  test('keeps a body of many pieces, some of them empty, and opens it once', async (store) => {
    const bytes = bytesOf(3_300_000)
    const pieces: Uint8Array[] = [Buffer.alloc(0)]
    for (let at = 0; at < bytes.length; at += 70_001) pieces.push(bytes.subarray(at, at + 70_001))
    const seen = { opened: 0 }
    await store.put(KEY, streamBody(bytes.length, pieces, seen))
    expect(seen.opened).toBe(1)
    expect(bytes.equals(await collect(await store.get(KEY)))).toBe(true)
  })
  test('keeps thousands of tiny pieces', async (store) => {
    const bytes = bytesOf(5000)
    await store.put(
      KEY,
      streamBody(
        bytes.length,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    )
    expect(bytes.equals(await collect(await store.get(KEY)))).toBe(true)
  })
  test('keeps a large body given in memory', async (store) => {
    const bytes = bytesOf(5_000_000)
    await store.put(KEY, memoryBody(bytes))
    expect(bytes.equals(await collect(await store.get(KEY)))).toBe(true)
  })
  test('takes a repeated put as the same thing', async (store) => {
    await store.put(KEY, textBody('hello'))
    await store.put(KEY, textBody('hello'))
    expect((await collect(await store.get(KEY))).toString()).toBe('hello')
  })
  test('replaces a key by other bytes, shorter or longer', async (store) => {
    await store.put(KEY, textBody('long long long'))
    await store.put(KEY, textBody('short'))
    expect((await collect(await store.get(KEY))).toString()).toBe('short')
    await store.put(KEY, textBody('even longer than before'))
    expect((await collect(await store.get(KEY))).toString()).toBe('even longer than before')
  })
}

const creating = (test: Test): void => {
  test('creates what is absent and says so', async (store) => {
    expect(await store.put(KEY, textBody('first'), undefined, 'create')).toBe(true)
    expect((await collect(await store.get(KEY))).toString()).toBe('first')
  })
  test('does not create what is there, says so, and leaves it', async (store) => {
    expect(await store.put(KEY, textBody('first'))).toBe(true)
    const large = bytesOf(9_000_000)
    for (const body of [textBody('second'), memoryBody(large), streamBody(large.length, [large])])
      expect(await store.put(KEY, body, undefined, 'create')).toBe(false)
    expect((await collect(await store.get(KEY))).toString()).toBe('first')
    expect(await keysOf(store, '')).toEqual([KEY])
  })
  test('lets one of many who create a key at once have it', async (store) => {
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => store.put(KEY, textBody(`number ${index}`), undefined, 'create')),
    )
    expect(outcomes.filter((isMine) => isMine)).toHaveLength(1)
    const kept = (await collect(await store.get(KEY))).toString()
    expect(kept).toBe(`number ${outcomes.indexOf(true)}`)
  })
  test('can create again what was deleted', async (store) => {
    await store.put(KEY, textBody('first'), undefined, 'create')
    await store.delete(KEY)
    expect(await store.put(KEY, textBody('second'), undefined, 'create')).toBe(true)
    expect((await collect(await store.get(KEY))).toString()).toBe('second')
  })
  test('keeps a body that needs many parts', async (store) => {
    const piece = bytesOf(1_000_003)
    const pieces = Array.from({ length: 40 }, () => piece)
    expect(await store.put(KEY, streamBody(piece.length * 40, pieces), undefined, 'create')).toBe(true)
    expect(await store.stat(KEY)).toMatchObject({ size: piece.length * 40 })
    expect(Buffer.concat(pieces).equals(await collect(await store.get(KEY)))).toBe(true)
  })
}

const sealing = (test: Test): void => {
  test('cannot seal what is absent', async (store) => {
    if (store.seal === undefined) return
    await expect(store.seal(KEY, Date.now() + 60_000)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
  })
  test('knows no body of what never was', async (store) => {
    if (store.variants === undefined) return
    expect(await store.variants(KEY)).toEqual([])
  })
}

const badBodies = (test: Test): void => {
  test('refuses a short body and keeps nothing of it', async (store) => {
    await expect(store.put(KEY, streamBody(10, [bytesOf(9)]))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect(await store.stat(KEY)).toBeNull()
  })
  test('refuses a long body and keeps nothing of it', async (store) => {
    await expect(store.put(KEY, streamBody(10, [bytesOf(9), bytesOf(2)]))).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(await store.stat(KEY)).toBeNull()
  })
  test('refuses a body in memory that is not as long as it says', async (store) => {
    await expect(store.put(KEY, { ...memoryBody(bytesOf(9)), size: 10 })).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(await store.stat(KEY)).toBeNull()
  })
  test('keeps the old bytes when a replacing body turns out wrong', async (store) => {
    await store.put(KEY, textBody('good'))
    await expect(store.put(KEY, streamBody(10, [bytesOf(3)]))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect((await collect(await store.get(KEY))).toString()).toBe('good')
  })
  test('passes on the failure of a body and keeps nothing of it', async (store) => {
    const broken: Body = {
      size: 10,
      async *open() {
        yield bytesOf(5)
        throw new RangeError('the source broke')
      },
    }
    await expect(store.put(KEY, broken)).rejects.toThrow('the source broke')
    expect(await store.stat(KEY)).toBeNull()
    expect(await keysOf(store, '')).toEqual([])
  })
}

const reading = (test: Test): void => {
  test('says OBJECT_NOT_FOUND before the first byte of an absent key', async (store) => {
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND', permanent: true })
  })
  test('does not take a beginning of a key, or a longer key, for the key', async (store) => {
    await store.put(KEY, textBody('hello'))
    await expect(store.get('objects/ab')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    await expect(store.get(`${KEY}/x`)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    expect(await store.stat('objects/ab')).toBeNull()
    expect(await store.stat(`${KEY}/x`)).toBeNull()
  })
  test('gives the bytes of a range, both ends included', async (store) => {
    const bytes = bytesOf(1_000_000)
    await store.put(KEY, memoryBody(bytes))
    for (const [start, end] of [
      [0, 0],
      [0, 999_999],
      [10, 20],
      [300_000, 900_000],
      [999_999, 999_999],
    ] as const) {
      expect(
        bytes.subarray(start, end + 1).equals(await collect(await store.get(KEY, undefined, { start, end }))),
      ).toBe(true)
    }
  })
  test('gives what there is of a range that reaches past the end', async (store) => {
    await store.put(KEY, textBody('hello'))
    expect((await collect(await store.get(KEY, undefined, { start: 3, end: 100 }))).toString()).toBe('lo')
    expect(await collect(await store.get(KEY, undefined, { start: 5, end: 9 }))).toHaveLength(0)
    expect(await collect(await store.get(KEY, undefined, { start: 500, end: 900 }))).toHaveLength(0)
  })
  test('lets a reader stop early', async (store) => {
    await store.put(KEY, memoryBody(bytesOf(2_000_000)))
    for await (const piece of await store.get(KEY)) {
      expect(piece.byteLength).toBeGreaterThan(0)
      break
    }
    expect(await store.stat(KEY)).toMatchObject({ size: 2_000_000 })
  })
  test('says null for an absent key', async (store) => {
    expect(await store.stat(KEY)).toBeNull()
    expect(await store.stat('nothing-here.json')).toBeNull()
  })
}

const keysOf = async (store: Store, prefix: string): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys.sort()
}

const listing = (test: Test): void => {
  test('lists keys with their sizes', async (store) => {
    await store.put('cloudkeep.json', textBody('{}'))
    await store.put('objects/ab/ab1', textBody('one'))
    await store.put('objects/ac/ac1', textBody('three'))
    const found: { key: string; size: number }[] = []
    for await (const { key, size } of store.list('')) found.push({ key, size })
    expect(found.sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { key: 'cloudkeep.json', size: 2 },
      { key: 'objects/ab/ab1', size: 3 },
      { key: 'objects/ac/ac1', size: 5 },
    ])
  })
  test('takes a prefix as the beginning of a key, folder or not', async (store) => {
    for (const key of ['objects/ab/ab1', 'objects/ab/ab2', 'objects/abc/x', 'objects2/x'])
      await store.put(key, textBody(key))
    expect(await keysOf(store, 'objects/ab/')).toEqual(['objects/ab/ab1', 'objects/ab/ab2'])
    expect(await keysOf(store, 'objects/ab')).toEqual(['objects/ab/ab1', 'objects/ab/ab2', 'objects/abc/x'])
    expect(await keysOf(store, 'objects')).toEqual(['objects/ab/ab1', 'objects/ab/ab2', 'objects/abc/x', 'objects2/x'])
    expect(await keysOf(store, 'objects/ab/ab2')).toEqual(['objects/ab/ab2'])
  })
  test('lists nothing for a prefix that matches nothing', async (store) => {
    await store.put(KEY, textBody('x'))
    expect(await keysOf(store, 'accounts/')).toEqual([])
    expect(await keysOf(store, 'objects/ab/ab12/')).toEqual([])
  })
  test('lists every one of many keys once', async (store) => {
    const keys = Array.from({ length: 300 }, (_, index) => `objects/a${index % 7}/${index}`)
    await Promise.all(keys.map((key) => store.put(key, textBody(key))))
    expect(await keysOf(store, 'objects/')).toEqual([...keys].sort())
  })
}

const removing = (test: Test): void => {
  test('deletes', async (store) => {
    await store.put(KEY, textBody('x'))
    await store.delete(KEY)
    expect(await store.stat(KEY)).toBeNull()
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
  })
  test('deletes what is absent without a word', async (store) => {
    await store.delete(KEY)
    await store.put(KEY, textBody('x'))
    await store.delete(KEY)
    await store.delete(KEY)
  })
  test('can put again what was deleted', async (store) => {
    await store.put(KEY, textBody('x'))
    await store.delete(KEY)
    await store.put(KEY, textBody('yy'))
    expect(await store.stat(KEY)).toMatchObject({ size: 2 })
  })
}

const ageOf = async (store: Store, key: string): Promise<number> =>
  (await store.stat(key))?.changedAt ?? Number.NEGATIVE_INFINITY
/** Clocks of stores tick in steps. */
const tick = (step: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, step))

const ageing = (test: Test, step: number): void => {
  test('says when a key got its bytes, the same in a look and in a list', async (store) => {
    const before = Date.now() - step
    await store.put(KEY, textBody('x'))
    const at = await ageOf(store, KEY)
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now() + step)
    for await (const { key, changedAt } of store.list('')) expect([key, changedAt]).toEqual([KEY, at])
  })
  test('makes a key young by touching it, and leaves its bytes', async (store) => {
    if (store.touch === undefined) return
    await store.put(KEY, textBody('x'))
    const before = await ageOf(store, KEY)
    await tick(step)
    expect(await store.touch(KEY)).toBe(true)
    expect(await ageOf(store, KEY)).toBeGreaterThan(before)
    expect((await collect(await store.get(KEY))).toString()).toBe('x')
  })
  test('cannot touch what is absent, and makes nothing of it', async (store) => {
    if (store.touch === undefined) return
    expect(await store.touch(KEY)).toBe(false)
    expect(await store.stat(KEY)).toBeNull()
  })
}

const moving = (test: Test, step: number): void => {
  test('moves bytes to another key and makes them young', async (store) => {
    if (store.move === undefined) return
    await store.put(KEY, textBody('hello'))
    const before = await ageOf(store, KEY)
    await tick(step)
    await store.move(KEY, 'trash/x')
    expect(await store.stat(KEY)).toBeNull()
    expect((await collect(await store.get('trash/x'))).toString()).toBe('hello')
    expect(await ageOf(store, 'trash/x')).toBeGreaterThan(before)
    await store.move('trash/x', KEY)
    expect(await keysOf(store, '')).toEqual([KEY])
  })
  test('replaces what has the key that is moved to', async (store) => {
    if (store.move === undefined) return
    await store.put(KEY, textBody('new'))
    await store.put('trash/x', textBody('old and longer'))
    await store.move(KEY, 'trash/x')
    expect((await collect(await store.get('trash/x'))).toString()).toBe('new')
    expect(await keysOf(store, '')).toEqual(['trash/x'])
  })
  test('says OBJECT_NOT_FOUND for a move of what is absent, and keeps what has the other key', async (store) => {
    if (store.move === undefined) return
    await store.put('trash/x', textBody('stays'))
    await expect(store.move(KEY, 'trash/x')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    expect((await collect(await store.get('trash/x'))).toString()).toBe('stays')
  })
  test('can put again what was moved away, also when the other folder was never there', async (store) => {
    if (store.move === undefined) return
    await store.put(KEY, textBody('x'))
    await store.move(KEY, 'somewhere/else/x')
    await store.put(KEY, textBody('y'))
    expect(await keysOf(store, '')).toEqual([KEY, 'somewhere/else/x'])
  })
  test('leaves one of two keys whole when many move the same bytes', async (store) => {
    const move = store.move?.bind(store)
    if (move === undefined) return
    await store.put(KEY, textBody('x'))
    await Promise.allSettled([move(KEY, 'trash/x'), move(KEY, 'trash/x'), move('trash/x', KEY), move(KEY, 'trash/x')])
    expect(await keysOf(store, '')).toHaveLength(1)
  })
}

const BAD_KEYS = [
  '',
  '/',
  '/etc/passwd',
  '../x',
  'a/../b',
  'a/./b',
  'a//b',
  'a/',
  '.cache/x',
  'a b',
  'a\\b',
  'C:/x',
  'a\0b',
  'ä',
  `x${'y'.repeat(600)}`,
]

const refusing = (test: Test): void => {
  test('refuses keys that could lead somewhere else', async (store) => {
    for (const key of BAD_KEYS) {
      const refused = { code: 'STORE_REFUSED', permanent: true }
      await expect(store.put(key, textBody('x'))).rejects.toMatchObject(refused)
      await expect(store.get(key)).rejects.toMatchObject(refused)
      await expect(store.stat(key)).rejects.toMatchObject(refused)
      await expect(store.delete(key)).rejects.toMatchObject(refused)
    }
    await expect((async () => keysOf(store, '../'))()).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
}

const interrupting = (test: Test): void => {
  test('does nothing when the signal was aborted before', async (store) => {
    const signal = AbortSignal.abort()
    await store.put(KEY, textBody('x'))
    const expected = { code: 'INTERRUPTED' }
    await expect(store.put('other', textBody('x'), signal)).rejects.toMatchObject(expected)
    await expect(store.get(KEY, signal)).rejects.toMatchObject(expected)
    await expect(store.stat(KEY, signal)).rejects.toMatchObject(expected)
    await expect(store.delete(KEY, signal)).rejects.toMatchObject(expected)
    await expect(store.list('', signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(expected)
    expect(await keysOf(store, '')).toEqual([KEY])
  })
  test('keeps nothing of a put that is aborted half way', async (store) => {
    const abort = new AbortController()
    const body: Body = {
      size: 3_000_000,
      async *open() {
        yield bytesOf(1_500_000)
        abort.abort()
        yield bytesOf(1_500_000)
      },
    }
    await expect(store.put(KEY, body, abort.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await store.stat(KEY)).toBeNull()
    expect(await keysOf(store, '')).toEqual([])
  })
  test('stops a get that is aborted half way', async (store) => {
    const abort = new AbortController()
    await store.put(KEY, memoryBody(bytesOf(3_000_000)))
    const bytes = await store.get(KEY, abort.signal)
    const reading = async (): Promise<void> => {
      for await (const _ of bytes) abort.abort()
    }
    await expect(reading()).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
}

const racing = (test: Test): void => {
  test('lets many writers put the same key at once', async (store) => {
    const bytes = bytesOf(200_000)
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.put(KEY, index % 2 === 0 ? memoryBody(bytes) : streamBody(bytes.length, [bytes])),
      ),
    )
    expect(bytes.equals(await collect(await store.get(KEY)))).toBe(true)
    expect(await keysOf(store, '')).toEqual([KEY])
  })
  test('shows a reader whole bodies only, old or new, while a key is replaced', async (store) => {
    const bodies = [bytesOf(300_000, 1), bytesOf(400_000, 2)] as const
    await store.put(KEY, memoryBody(bodies[0]))
    const write = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) await store.put(KEY, memoryBody(bodies[round % 2 === 0 ? 1 : 0]))
    }
    const read = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const seen = await collect(await store.get(KEY))
        expect(bodies.some((body) => body.equals(seen))).toBe(true)
      }
    }
    await Promise.all([write(), read(), read()])
  })
  test('lets a put and a delete of one key meet', async (store) => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store.put(KEY, textBody('x')) : store.delete(KEY))),
    )
    const found = await store.stat(KEY)
    expect(found === null || found.size === 1).toBe(true)
  })
}
