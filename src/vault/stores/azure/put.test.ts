import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { makeContainer, type TestContainer } from '../../../../test/servers/azure/containers.ts'
import type { VersionedServer } from '../../../../test/servers/azure/versioned.ts'
import { startVersioned } from '../../../../test/servers/azure/versioned.ts'
import { hasAzurite, useAzurite } from '../../../../test/servers/azurite.ts'
import type { BucketOptions } from '../../../model/vault-place.ts'
import { memoryBody, textBody } from '../../body.ts'
import type { Body, Store } from '../../store.ts'
import type { AzureOptions } from './bucket.ts'
import { openAzureBucket } from './bucket.ts'

const KEY = 'objects/ab/ab12'
const SMALL = { single: 1000, block: 400 }
const ONCE = { timing: { tries: 1, firstMs: 1, maxMs: 1 } }
const THRICE = { timing: { tries: 3, firstMs: 1, maxMs: 1 } }

const bytesOf = (length: number, seed = 1): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed) & 255))
const streamed = (bytes: Buffer, announced = bytes.length): Body => ({
  size: announced,
  async *open() {
    for (let at = 0; at < bytes.length; at += 333) yield bytes.subarray(at, at + 333)
  },
})
const read = async (store: Store): Promise<Buffer> => collect(await store.get(KEY))

describe.skipIf(!hasAzurite)('a body on Azurite', () => {
  let container: TestContainer
  beforeEach(async () => {
    container = await makeContainer(await useAzurite())
  }, 120_000)
  afterEach(() => container.remove())

  const blob = () => container.client.getBlockBlobClient(`vaults/one/${KEY}`)

  test('bears its MD5 afterwards, whether it went in one piece or in blocks', async () => {
    const { store } = await container.open({ sizes: SMALL })
    for (const length of [0, 999, 1000, 1001, 1200, 3333]) {
      const bytes = bytesOf(length)
      await store.put(KEY, streamed(bytes))
      expect(bytes.equals(await read(store))).toBe(true)
      const found = await blob().getProperties()
      expect(Buffer.from(found.contentMD5 ?? [])).toEqual(createHash('md5').update(bytes).digest())
    }
  })

  test('is refused by the server when its bytes are not those of the MD5 beside it', async () => {
    const wrong = createHash('md5').update('other').digest()
    const upload = blob().upload('bytes', 5, { blobHTTPHeaders: { blobContentMD5: wrong } })
    await expect(upload).rejects.toMatchObject({ statusCode: 400 })
    const id = Buffer.from('x').toString('base64')
    const stage = blob().stageBlock(id, 'bytes', 5, { transactionalContentMD5: wrong })
    await expect(stage).rejects.toMatchObject({ statusCode: 400 })
  })

  test('leaves nothing when it turns out too short or too long after some blocks', async () => {
    const { store } = await container.open({ sizes: SMALL })
    for (const announced of [2999, 3001])
      await expect(store.put(KEY, streamed(bytesOf(3000), announced))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect(await store.stat(KEY)).toBeNull()
    for await (const { key } of store.list('')) expect(key).toBeUndefined()
  })

  test('of which blocks are there already is completed by the others', async () => {
    const { store } = await container.open({ sizes: SMALL })
    const bytes = bytesOf(1900)
    await expect(store.put(KEY, streamed(bytes, 1901))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    const { uncommittedBlocks = [] } = await blob().getBlockList('uncommitted')
    expect(uncommittedBlocks.map(({ size }) => size)).toEqual([400, 400, 400, 400])
    await store.put(KEY, streamed(bytes))
    expect(bytes.equals(await read(store))).toBe(true)
  })

  test('of two writers of one large key is whole, whoever wins', async () => {
    const { store } = await container.open({ sizes: SMALL })
    const bodies = [bytesOf(5000, 1), bytesOf(4000, 2)] as const
    await Promise.all(bodies.flatMap((bytes) => [store.put(KEY, streamed(bytes)), store.put(KEY, streamed(bytes))]))
    const found = await read(store)
    expect(bodies.some((bytes) => bytes.equals(found))).toBe(true)
  })

  test('in blocks is created once, and the loser is told', async () => {
    const { store } = await container.open({ sizes: SMALL })
    const writers = Array.from({ length: 5 }, (_, seed) =>
      store.put(KEY, streamed(bytesOf(3000, seed)), undefined, 'create'),
    )
    const outcomes = await Promise.all(writers)
    expect(outcomes.filter((isMine) => isMine)).toHaveLength(1)
    expect(bytesOf(3000, outcomes.indexOf(true)).equals(await read(store))).toBe(true)
  })
})

describe('on a line with trouble', () => {
  let server: VersionedServer
  beforeEach(async () => {
    server = await startVersioned()
    server.container = {}
  })
  afterEach(() => server.close())

  const open = async (options: AzureOptions = {}, wishes: BucketOptions = {}): Promise<Store> => {
    const place = {
      vendor: 'az',
      bucket: 'box',
      prefix: '',
      options: { endpoint: server.endpoint, ...wishes },
    } as const
    const variables = { AZURE_STORAGE_ACCOUNT: 'testaccount', AZURE_STORAGE_KEY: 'c2VjcmV0' }
    return (await openAzureBucket(place, { variables, persistence: THRICE, ...options })).store
  }
  const staged = (): number => server.requests.filter(({ url }) => url.searchParams.get('comp') === 'block').length
  /** Trouble for the first request of which this is true. */
  const once = (
    isIt: (method: string, comp: string | null) => boolean,
    trouble: 'lose' | 'drop' | 'hang' | 'cut' | 'stall',
  ): void => {
    let isOver = false
    server.trouble = ({ method, url }) => {
      if (isOver || !isIt(method, url.searchParams.get('comp'))) return null
      isOver = true
      return trouble
    }
  }

  test('a block that was staged is not staged again', async () => {
    const store = await open({ sizes: SMALL })
    let count = 0
    server.trouble = ({ url }) => {
      if (url.searchParams.get('comp') === 'block') count += 1
      return count === 4 ? 'drop' : null
    }
    const bytes = bytesOf(4000)
    await store.put(KEY, streamed(bytes))
    expect(bytes.equals(await read(store))).toBe(true)
    // Ten blocks; the fourth try and what was on its way beside it went twice at most.
    expect(staged()).toBeLessThanOrEqual(13)
    expect(staged()).toBeGreaterThan(10)
  })

  test('every request that carries bytes carries their MD5', async () => {
    const store = await open({ sizes: SMALL })
    await store.put(KEY, textBody('x'))
    const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64')
    expect(server.requests.at(-1)?.headers['x-ms-blob-content-md5']).toBe(md5(Buffer.from('x')))
    const bytes = bytesOf(1100)
    await store.put(KEY, streamed(bytes))
    const blocks = server.requests.filter(({ url }) => url.searchParams.get('comp') === 'block')
    const found = blocks.map(({ headers }) => headers['content-md5'])
    const pieces = [bytes.subarray(0, 400), bytes.subarray(400, 800), bytes.subarray(800)]
    expect(found.sort()).toEqual(pieces.map(md5).sort())
  })

  test('a touch that is refused is no touch, unless the key is protected and cannot go anyway', async () => {
    const store = await open()
    await store.put(KEY, textBody('x'))
    const answerMetadata = (status: number, code: string) => {
      server.trouble = ({ url }) => (url.searchParams.get('comp') === 'metadata' ? { status, code } : null)
    }
    answerMetadata(403, 'AuthorizationPermissionMismatch')
    expect(await store.touch?.(KEY)).toBe(false)
    answerMetadata(409, 'BlobImmutableDueToPolicy')
    expect(await store.touch?.(KEY)).toBe(true)
    answerMetadata(503, 'ServerBusy')
    await expect(store.touch?.(KEY)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  test('a create whose answer got lost is ours, small or in blocks', async () => {
    const store = await open({ sizes: SMALL })
    once((method) => method === 'PUT', 'lose')
    expect(await store.put(KEY, textBody('mine'), undefined, 'create')).toBe(true)
    once((method, comp) => method === 'PUT' && comp === 'blocklist', 'lose')
    expect(await store.put('objects/ab/large', streamed(bytesOf(2000)), undefined, 'create')).toBe(true)
    expect(await store.put('objects/ab/large', streamed(bytesOf(2000)), undefined, 'create')).toBe(false)
  })

  test('a create whose connection broke is not ours when another one was first', async () => {
    const store = await open({ sizes: SMALL })
    await store.put(KEY, textBody('hers'))
    once((method) => method === 'PUT', 'drop')
    expect(await store.put(KEY, textBody('mine'), undefined, 'create')).toBe(false)
    expect((await read(store)).toString()).toBe('hers')
  })

  test('the second of two creators of the same bytes is told that they were there', async () => {
    const store = await open()
    expect(await store.put(KEY, textBody('same'), undefined, 'create')).toBe(true)
    expect(await store.put(KEY, textBody('same'), undefined, 'create')).toBe(false)
  })

  test('reading goes on where the connection broke', async () => {
    const store = await open()
    const bytes = bytesOf(200_000)
    await store.put(KEY, memoryBody(bytes))
    once((method) => method === 'GET', 'cut')
    expect(bytes.equals(await read(store))).toBe(true)
    expect(server.requests.filter(({ method }) => method === 'GET').at(-1)?.headers['x-ms-range']).toMatch(
      /^bytes=[1-9]\d*-$/u,
    )
  })

  test('reading does not go on in other bytes', async () => {
    const store = await open()
    await store.put(KEY, memoryBody(bytesOf(200_000)))
    once((method) => method === 'GET', 'cut')
    const rest = (await store.get(KEY))[Symbol.asyncIterator]()
    expect((await rest.next()).value?.byteLength).toBeGreaterThan(0)
    await store.put(KEY, memoryBody(bytesOf(200_000, 2)))
    const readOn = async (): Promise<void> => {
      while ((await rest.next()).done !== true);
    }
    await expect(readOn()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  test('a connection that breaks before anybody reads ends no process', async () => {
    const store = await open({ persistence: ONCE })
    await store.put(KEY, memoryBody(bytesOf(2_000_000)))
    once((method) => method === 'GET', 'cut')
    const bytes = await store.get(KEY)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await expect(collect(bytes)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
  })

  test('a service that says nothing is given up and asked again', async () => {
    const store = await open({ idleMs: 300 })
    once((method) => method === 'PUT', 'hang')
    await store.put(KEY, textBody('x'))
    server.trouble = () => 'hang'
    await expect(store.stat(KEY)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('nothing moved for 300 ms'),
    })
  })

  test('a body that stands still is given up, and read on from there', async () => {
    const store = await open({ idleMs: 300 })
    const [one, bytes] = [memoryBody(bytesOf(1)), bytesOf(200_000)]
    await store.put('objects/ab/one', one)
    await store.put(KEY, memoryBody(bytes))
    once((method) => method === 'GET', 'stall')
    expect(bytes.equals(await read(store))).toBe(true)
    // Half of one byte is none: the body stands still before its first byte.
    once((method) => method === 'GET', 'stall')
    expect(await collect(await store.get('objects/ab/one'))).toHaveLength(1)
  })

  test('a slow line is not taken for a silent one', async () => {
    const store = await open({ idleMs: 1500, persistence: ONCE, sizes: { single: 20_000_000, block: 20_000_000 } })
    server.pace = 12
    const began = Date.now()
    await store.put(KEY, memoryBody(Buffer.alloc(16_000_000, 1)))
    expect(Date.now() - began).toBeGreaterThan(2000)
  })

  test('a slow reader is not taken for a silent service', async () => {
    await (await open()).put(KEY, memoryBody(bytesOf(6_000_000)))
    const store = await open({ idleMs: 400, persistence: ONCE })
    let size = 0
    for await (const piece of await store.get(KEY)) {
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 900))
      size += piece.byteLength
    }
    expect(size).toBe(6_000_000)
  })

  test('tiers go with objects alone, and an encryption scope with everything', async () => {
    const store = await open({ sizes: SMALL }, { storageClass: 'cool', encryptionKey: 'finance' })
    const headersOf = async (key: string, body: Body) => {
      await store.put(key, body)
      return server.requests.at(-1)?.headers
    }
    for (const body of [textBody('x'), streamed(bytesOf(2000))]) {
      const object = { 'x-ms-access-tier': 'Cool', 'x-ms-encryption-scope': 'finance' }
      expect(await headersOf(KEY, body)).toMatchObject(object)
      const record = await headersOf('cloudkeep.json', body)
      expect(record?.['x-ms-access-tier']).toBeUndefined()
      expect(record?.['x-ms-encryption-scope']).toBe('finance')
    }
    expect(store.move).toBeUndefined()
  })
})
