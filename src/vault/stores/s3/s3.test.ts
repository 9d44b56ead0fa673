import {
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { type FaultPlan, type FaultProxy, scriptedPlan, startFaultProxy } from '../../../../test/fault-proxy.ts'
import { allowWriter, makeBucket, placeIn, s3Client } from '../../../../test/servers/buckets.ts'
import { hasRadosgw, type Radosgw, type RadosgwUser, useRadosgw } from '../../../../test/servers/radosgw.ts'
import type { BucketOptions } from '../../../model/vault-place.ts'
import { memoryBody, textBody } from '../../body.ts'
import type { Bucket } from '../../bucket.ts'
import type { Body } from '../../store.ts'
import { openS3Bucket } from './bucket.ts'
import { partSizeFor } from './put-parts.ts'

const MIB = 1024 * 1024
const KEY = 'objects/ab/ab12'
const FULL_KEY = `vaults/one/${KEY}`
const GOVERNED = { mode: 'governance', days: 2 } as const
const DAY_MS = 86_400_000
const TIMING = { tries: 5, firstMs: 1, maxMs: 5 }

const LARGE = Buffer.alloc(17 * MIB)
for (let at = 0; at < LARGE.length; at += 1) LARGE[at] = (at * 7 + (at >> 10)) & 255

/** A stream, so that it cannot be looked at before it is read; counts how often. */
const streamOf = (bytes: Buffer): Body & { opened: number } => {
  const body = {
    size: bytes.length,
    opened: 0,
    async *open() {
      body.opened += 1
      for (let at = 0; at < bytes.length; at += 300_001) yield bytes.subarray(at, at + 300_001)
    },
  }
  return body
}

test('parts grow where ten thousand would not do', () => {
  expect(partSizeFor(20 * MIB, 16 * MIB)).toBe(16 * MIB)
  expect(partSizeFor(10_000 * 16 * MIB, 16 * MIB)).toBe(16 * MIB)
  expect(partSizeFor(10_000 * 16 * MIB + 1, 16 * MIB)).toBe(17 * MIB)
  const huge = 5 * 1024 ** 4
  expect(Math.ceil(huge / partSizeFor(huge, 16 * MIB))).toBeLessThanOrEqual(10_000)
})

test('a bucket without a known region is refused with a hint', async () => {
  const place = { vendor: 's3', bucket: 'b', prefix: '', options: { profile: 'no-such-profile' } } as const
  await expect(openS3Bucket(place, { timing: TIMING })).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    hint: expect.stringContaining('region'),
  })
})

test.each(['GLACIER', 'DEEP_ARCHIVE'])(
  'the storage class %s, which cannot be read at once, is refused',
  async (storageClass) => {
    const place = placeIn({ endpoint: 'http://127.0.0.1:1' }, 'b', { storageClass })
    await expect(openS3Bucket(place)).rejects.toMatchObject({ code: 'STORE_REFUSED', hint: /GLACIER_IR/u })
  },
)

test('an unknown storage class is refused before anything is asked', async () => {
  const place = placeIn({ endpoint: 'http://127.0.0.1:1' }, 'b', { storageClass: 'CHEAP' })
  await expect(openS3Bucket(place)).rejects.toMatchObject({ code: 'STORE_REFUSED', hint: /STANDARD_IA/u })
})

describe.skipIf(!hasRadosgw)('a bucket', () => {
  let server: Radosgw
  beforeAll(async () => {
    server = await useRadosgw()
  }, 120_000)

  const closing: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  const client = () => {
    const made = s3Client(server, server.owner)
    closing.push(() => made.destroy())
    return made
  }
  const proxied = async (plan: FaultPlan): Promise<FaultProxy> => {
    const proxy = await startFaultProxy({ target: server.endpoint, plan })
    closing.push(proxy.close)
    return proxy
  }
  const open = async (
    name: string,
    given: { user?: RadosgwUser; endpoint?: string; options?: BucketOptions; timing?: typeof TIMING } = {},
  ): Promise<Bucket> => {
    const place = placeIn({ endpoint: given.endpoint ?? server.endpoint }, name, given.options)
    const bucket = await openS3Bucket(place, {
      ...{ credentials: given.user ?? server.owner, partSize: 5 * MIB, timing: given.timing ?? TIMING },
      timeouts: { idleMs: 5000 },
    })
    closing.push(async () => bucket.store.close?.())
    return bucket
  }
  const uploadsIn = async (Bucket: string) =>
    (await client().send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []

  describe('when answers get lost', () => {
    const puts = ({ method, path }: { method: string; path: string }) => method === 'PUT' && path.includes('ab12')

    test('knows its own body again after a create whose answer did not come', async () => {
      const proxy = await proxied(scriptedPlan(puts, 'reset-after', 'reset-after'))
      const { store } = await open(await makeBucket(server), { endpoint: proxy.url })
      expect(await store.put(KEY, textBody('mine'), undefined, 'create')).toBe(true)
      expect(proxy.met.filter(puts)).toHaveLength(3)
    })
    test('does not take the same bytes of somebody else for its own', async () => {
      const proxy = await proxied(scriptedPlan(puts, 'reset-before'))
      const name = await makeBucket(server)
      const other = await open(name)
      await other.store.put(KEY, textBody('same'), undefined, 'create')
      const { store } = await open(name, { endpoint: proxy.url })
      expect(await store.put(KEY, textBody('same'), undefined, 'create')).toBe(false)
    })
    test('sends a damaged part again, alone, and reads the body once', async () => {
      const second = ({ path }: { path: string }) => path.includes('partNumber=2')
      const proxy = await proxied(scriptedPlan(second, 'corrupt-request', 'cut-request'))
      const { store } = await open(await makeBucket(server), { endpoint: proxy.url })
      const body = streamOf(LARGE)
      expect(await store.put(KEY, body, undefined, 'create')).toBe(true)
      expect(body.opened).toBe(1)
      const parts = proxy.met.filter(({ path }) => path.includes('partNumber='))
      expect(parts.map(({ path }) => /partNumber=(\d)/u.exec(path)?.[1]).sort()).toEqual(['1', '2', '2', '2', '3', '4'])
      expect(LARGE.equals(await collect(await store.get(KEY)))).toBe(true)
    })
    test('has ended an upload although nobody said so', async () => {
      const ends = ({ method, path }: { method: string; path: string }) =>
        method === 'POST' && path.includes('uploadId=')
      const proxy = await proxied(scriptedPlan(ends, 'reset-after'))
      const { store } = await open(await makeBucket(server), { endpoint: proxy.url })
      expect(await store.put(KEY, streamOf(LARGE), undefined, 'create')).toBe(true)
      expect(await store.stat(KEY)).toMatchObject({ size: LARGE.length })
    })
    test('gives up after the last try and says how often it tried', async () => {
      const proxy = await proxied(({ method }) => (method === 'HEAD' ? { status: 503 } : null))
      const { store } = await open(await makeBucket(server), { endpoint: proxy.url })
      await expect(store.stat(KEY)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        permanent: false,
        message: expect.stringContaining('(tried 5 times)'),
      })
    })
    test('never puts two bodies together when a key is replaced during a broken reading', async () => {
      const name = await makeBucket(server)
      const direct = await open(name)
      const old = Buffer.alloc(2 * MIB, 1)
      await direct.store.put(KEY, memoryBody(old))
      const reads = ({ method }: { method: string }) => method === 'GET'
      const cut = scriptedPlan(reads, null, 'cut-answer')
      const proxy = await proxied(cut)
      const { store } = await open(name, { endpoint: proxy.url })
      const reading = (await store.get(KEY))[Symbol.asyncIterator]()
      await reading.next()
      await direct.store.put(KEY, memoryBody(Buffer.alloc(2 * MIB, 2)))
      const rest = async (): Promise<void> => {
        while ((await reading.next()).done !== true);
      }
      await expect(rest()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    })
  })

  describe('with uploads that were never finished', () => {
    const leave = async (Bucket: string, parts: readonly Buffer[], Key = FULL_KEY): Promise<string | undefined> => {
      const { UploadId } = await client().send(new CreateMultipartUploadCommand({ Bucket, Key }))
      for (const [index, Body] of parts.entries())
        await client().send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: index + 1, Body }))
      return UploadId
    }
    const sentParts = (proxy: FaultProxy) =>
      proxy.met.flatMap(({ method, path }) =>
        method === 'PUT' ? [/partNumber=(\d+)/u.exec(path)?.[1] ?? ''].filter((number) => number !== '') : [],
      )

    test('sends only the parts that are not there', async () => {
      const name = await makeBucket(server)
      await leave(name, [LARGE.subarray(0, 5 * MIB), LARGE.subarray(5 * MIB, 10 * MIB)])
      const proxy = await proxied(() => null)
      const { store } = await open(name, { endpoint: proxy.url })
      expect(await store.put(KEY, streamOf(LARGE), undefined, 'create')).toBe(true)
      expect(sentParts(proxy).sort()).toEqual(['3', '4'])
      expect(LARGE.equals(await collect(await store.get(KEY)))).toBe(true)
      expect(await uploadsIn(name)).toEqual([])
    })
    test('leaves a younger upload of another body alone, and of another key', async () => {
      const name = await makeBucket(server)
      await leave(name, [Buffer.alloc(5 * MIB, 9)])
      await leave(name, [LARGE.subarray(0, 5 * MIB)], `${FULL_KEY}x`)
      const { store } = await open(name)
      expect(await store.put(KEY, streamOf(LARGE))).toBe(true)
      expect(LARGE.equals(await collect(await store.get(KEY)))).toBe(true)
      expect(await uploadsIn(name)).toHaveLength(2)
    })
    test('goes on after an outage from where it was, and after an abort there is nothing', async () => {
      const name = await makeBucket(server)
      const third = ({ path }: { path: string }) => path.includes('partNumber=3')
      const proxy = await proxied(scriptedPlan(third, ...Array.from({ length: 5 }, () => 'reset-before' as const)))
      const { store } = await open(name, { endpoint: proxy.url })
      await expect(store.put(KEY, streamOf(LARGE))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
      expect(await store.stat(KEY)).toBeNull()
      const before = sentParts(proxy).length
      expect(await store.put(KEY, streamOf(LARGE))).toBe(true)
      expect(sentParts(proxy).slice(before)).toContain('3')
      expect(sentParts(proxy).slice(before)).not.toContain('1')

      const abort = new AbortController()
      const body: Body = {
        size: LARGE.length,
        async *open() {
          yield LARGE.subarray(0, 11 * MIB)
          abort.abort()
          yield LARGE.subarray(11 * MIB)
        },
      }
      await expect(store.put('objects/cd/cd', body, abort.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
      await expect(store.put('objects/cd/ce', { ...body, size: LARGE.length + 1 })).rejects.toMatchObject({
        code: 'OBJECT_CORRUPT',
      })
      expect(await uploadsIn(name)).toEqual([])
    })
    test('removes those that were begun before a time, under its own prefix', async () => {
      const name = await makeBucket(server)
      await leave(name, [], FULL_KEY)
      await leave(name, [], 'somebody/else')
      const bucket = await open(name)
      expect(await bucket.removeLeftovers(new Date(Date.now() - 60_000))).toBe(0)
      expect(await bucket.removeLeftovers(new Date(Date.now() + 60_000))).toBe(1)
      expect((await uploadsIn(name)).map(({ Key }) => Key)).toEqual(['somebody/else'])
    })
  })

  describe('as a place', () => {
    test('that does not exist is refused, also when it vanishes later', async () => {
      await expect(open('no-such-bucket-here')).rejects.toMatchObject({ code: 'STORE_REFUSED', permanent: true })
      const name = await makeBucket(server)
      const { store } = await open(name)
      expect(await store.stat(KEY)).toBeNull()
      await client().send(new DeleteBucketCommand({ Bucket: name }))
      const refused = { code: 'STORE_REFUSED', permanent: true, message: /bucket does not exist/u }
      await expect(store.stat(KEY)).rejects.toMatchObject(refused)
      await expect(store.get(KEY)).rejects.toMatchObject(refused)
      await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject(refused)
      await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused)
      await expect(store.move?.(KEY, 'trash/x')).rejects.toMatchObject(refused)
    })
    test('refuses wrong keys with a hint', async () => {
      const name = await makeBucket(server)
      const wrong = { ...server.owner, secretAccessKey: 'guessed' }
      await expect(open(name, { user: wrong })).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        hint: 'check AWS_SECRET_ACCESS_KEY or the profile',
      })
      await expect(open(name, { user: { ...wrong, accessKeyId: 'NOBODY' } })).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        hint: 'check AWS_ACCESS_KEY_ID or the profile',
      })
    })
    test('takes a consent at its root, which is no part of the vault', async () => {
      const name = await makeBucket(server)
      const bucket = await open(name)
      expect(await bucket.hasConsent('demo')).toBe(false)
      await bucket.giveConsent('demo-two')
      expect(await bucket.hasConsent('demo')).toBe(false)
      await bucket.giveConsent('demo')
      await bucket.giveConsent('demo')
      expect(await bucket.hasConsent('demo')).toBe(true)
      await client().send(new HeadObjectCommand({ Bucket: name, Key: '.wellknown/cloudinary/demo' }))
      const rooted = await openS3Bucket({ ...placeIn(server, name), prefix: '' }, { credentials: server.owner })
      const keys: string[] = []
      for await (const { key } of rooted.store.list('')) keys.push(key)
      expect(keys).toEqual([])
      await rooted.store.close?.()
    })
    test('says which right is missing', async () => {
      const name = await makeBucket(server)
      const { store } = await open(name, { user: server.writer })
      await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        permanent: true,
        hint: `allow them s3:PutObject in s3://${name}/vaults/one`,
      })
      await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ hint: /s3:ListBucket/u })
    })
    test('needs no right to remove for writing and reading, and says that there is none', async () => {
      const name = await makeBucket(server)
      await allowWriter(server, name, ['s3:GetObject', 's3:PutObject', 's3:ListBucket', 's3:GetBucketVersioning'])
      const bucket = await open(name, { user: server.writer })
      const { store } = bucket
      expect(await store.put(KEY, textBody('hello'), undefined, 'create')).toBe(true)
      expect(await store.put('objects/ab/large', streamOf(LARGE), undefined, 'create')).toBe(true)
      expect((await collect(await store.get(KEY))).toString()).toBe('hello')
      expect(await store.stat('objects/none')).toBeNull()
      expect(await store.touch?.(KEY)).toBe(true)
      await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'STORE_REFUSED', hint: /s3:DeleteObject/u })
      expect(await bucket.protection([KEY])).toMatchObject({ canRemove: false, keepsVersions: false })
      expect(await (await open(name)).protection([KEY])).toMatchObject({
        canRemove: true,
        keepsVersions: false,
        objects: { kind: 'none', looked: 1, protected: 0 },
      })
    })
    test('keeps the storage class of objects, and the standard one for the rest', async () => {
      const name = await makeBucket(server)
      const proxy = await proxied(() => null)
      const { store } = await open(name, {
        endpoint: proxy.url,
        options: { storageClass: 'STANDARD_IA', encryption: 'AES256' },
      })
      // This server knows neither; what is asked for is what counts here.
      await Promise.allSettled([store.put(KEY, textBody('x')), store.put('accounts/a.json', textBody('x'))])
      const asked = proxy.met.filter(({ method }) => method === 'PUT')
      expect(
        asked.map(({ path, headers }) => [
          path.split('?')[0]?.split('/').at(-1),
          headers['x-amz-storage-class'],
          headers['x-amz-server-side-encryption'],
        ]),
      ).toEqual(
        expect.arrayContaining([
          ['ab12', 'STANDARD_IA', 'AES256'],
          ['a.json', undefined, 'AES256'],
        ]),
      )
    })
  })

  describe('with object lock', () => {
    const put = (Bucket: string, text: string) =>
      client().send(new PutObjectCommand({ Bucket, Key: FULL_KEY, Body: text }))
    const hide = (Bucket: string) => client().send(new DeleteObjectCommand({ Bucket, Key: FULL_KEY }))
    const oldestId = async (Bucket: string) =>
      (await client().send(new ListObjectVersionsCommand({ Bucket, Prefix: FULL_KEY }))).Versions?.at(-1)?.VersionId

    test('is refused as a wish where the bucket has none', async () => {
      await expect(open(await makeBucket(server), { options: { lock: GOVERNED } })).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        hint: /object lock/u,
      })
    })
    test('reads what was written first, whatever somebody puts on top or hides', async () => {
      const name = await makeBucket(server, { lock: true })
      const { store } = await open(name)
      expect(store.touch).toBeUndefined()
      expect(store.move).toBeUndefined()
      await store.put(KEY, textBody('first'), undefined, 'create')
      await put(name, 'forged, and longer')
      expect((await collect(await store.get(KEY))).toString()).toBe('first')
      expect(await store.stat(KEY)).toMatchObject({ size: 5 })
      await hide(name)
      expect((await collect(await store.get(KEY))).toString()).toBe('first')
      expect(await store.put(KEY, textBody('again'), undefined, 'create')).toBe(false)
      const listed: unknown[] = []
      for await (const { key, size } of store.list('')) listed.push([key, size])
      expect(listed).toEqual([[KEY, 5]])
      const variants = (await store.variants?.(KEY)) ?? []
      expect(variants.map(({ size }) => size)).toEqual([5, 18])
      expect((await collect(await variants[1]!.open())).toString()).toBe('forged, and longer')
      await store.delete(KEY)
      expect(await store.variants?.(KEY)).toEqual([])
      expect(await store.put(KEY, textBody('after'), undefined, 'create')).toBe(true)
    })
    test('protects what it writes from the first moment, prolongs it, and never shortens it', async () => {
      const name = await makeBucket(server, { lock: true })
      const bucket = await open(name, { options: { lock: GOVERNED } })
      const { store } = bucket
      expect(store.traits.lock).toEqual(GOVERNED)
      await store.put(KEY, textBody('mine'), undefined, 'create')
      await store.put('objects/ab/large', streamOf(LARGE), undefined, 'create')
      const until = async (key = KEY) => {
        const { objects } = await bucket.protection([key])
        expect(objects).toMatchObject({ kind: 'object-lock', mode: 'governance', looked: 1, protected: 1 })
        return Date.parse(objects?.earliest ?? '')
      }
      expect(Math.abs((await until()) - (Date.now() + 2 * DAY_MS))).toBeLessThan(60_000)
      expect(Math.abs((await until('objects/ab/large')) - (Date.now() + 2 * DAY_MS))).toBeLessThan(60_000)
      const later = Math.floor((Date.now() + 9 * DAY_MS) / 1000) * 1000
      // Somebody else's body on top is not what is sealed.
      await put(name, 'on top')
      await store.seal?.(KEY, later)
      expect(await until()).toBe(later)
      await store.seal?.(KEY, Date.now() + DAY_MS)
      expect(await until()).toBe(later)
      await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'VAULT_SEALED', permanent: true })
      expect((await collect(await store.get(KEY))).toString()).toBe('mine')
      expect(await oldestId(name)).toBeDefined()
    })
    test('says what a writer without the right to remove cannot do', async () => {
      const name = await makeBucket(server, { lock: true })
      await allowWriter(server, name, [
        ...['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:PutObjectRetention', 's3:GetObjectRetention'],
        ...['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketVersioning'],
        's3:GetBucketObjectLockConfiguration',
      ])
      const bucket = await open(name, { user: server.writer, options: { lock: GOVERNED } })
      await bucket.store.put(KEY, textBody('mine'), undefined, 'create')
      expect((await collect(await bucket.store.get(KEY))).toString()).toBe('mine')
      expect(await bucket.protection([KEY])).toMatchObject({
        canRemove: false,
        keepsVersions: true,
        objects: { kind: 'object-lock', protected: 1 },
      })
    })
    test('leaves no mark when it tries whether anything can be removed', async () => {
      const name = await makeBucket(server, { lock: true })
      const bucket = await open(name)
      expect(await bucket.protection([])).toMatchObject({ canRemove: true, keepsVersions: true })
      const left = await client().send(new ListObjectVersionsCommand({ Bucket: name }))
      expect([...(left.Versions ?? []), ...(left.DeleteMarkers ?? [])]).toEqual([])
    })
  })
})
