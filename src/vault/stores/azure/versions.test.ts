import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect, storeContract } from '../../../../test/contracts/store.ts'
import type { Recorded, VersionedServer } from '../../../../test/servers/azure/versioned.ts'
import { startVersioned } from '../../../../test/servers/azure/versioned.ts'
import type { BucketOptions } from '../../../model/vault-place.ts'
import { memoryBody, textBody } from '../../body.ts'
import type { Bucket } from '../../bucket.ts'
import type { Store } from '../../store.ts'
import type { AzureOptions } from './bucket.ts'
import { openAzureBucket } from './bucket.ts'

// On a server of this repository: see `test/servers/azure/versioned.ts` for what that proves and what not.

const VARIABLES = { AZURE_STORAGE_ACCOUNT: 'testaccount', AZURE_STORAGE_KEY: 'c2VjcmV0' }
const SMALL = { single: 1000, block: 400 }
const DAY = 24 * 60 * 60 * 1000
const KEY = 'objects/ab/ab12'
const NAME = `v/${KEY}`

let server: VersionedServer
beforeEach(async () => {
  server = await startVersioned()
})
afterEach(() => server.close())

const open = (wishes: BucketOptions = {}, options: AzureOptions = {}): Promise<Bucket> =>
  openAzureBucket(
    { vendor: 'az', bucket: 'box', prefix: 'v', options: { endpoint: server.endpoint, ...wishes } },
    { variables: VARIABLES, persistence: { timing: { tries: 2, firstMs: 1, maxMs: 1 } }, ...options },
  )
const text = async (store: Store, key = KEY): Promise<string> => (await collect(await store.get(key))).toString()
const lines = (requests: readonly Recorded[]): string[] =>
  requests.map(({ method, url }) => {
    const comp = url.searchParams.get('comp')
    const what = url.searchParams.has('versionid') ? ' version' : ''
    return `${method}${comp === null ? '' : ` ${comp}`}${what}`
  })

const OLDEST = 'a key means its oldest version'
storeContract(
  'the Azure store with versions',
  async () => {
    const own = await startVersioned()
    const options = { endpoint: own.endpoint }
    const place = { vendor: 'az', bucket: 'box', prefix: 'v', options } as const
    return { store: (await openAzureBucket(place, { variables: VARIABLES })).store, close: () => own.close() }
  },
  {
    clockStepMs: 1100,
    skip: {
      'replaces a key by other bytes, shorter or longer': OLDEST,
      'shows a reader whole bodies only, old or new, while a key is replaced': OLDEST,
    },
  },
)

describe('a container that keeps versions', () => {
  test('is read as it was written first, whatever was written over it later', async () => {
    const { store } = await open()
    await store.put(KEY, textBody('first'))
    await store.put(KEY, textBody('something else'))
    await store.put('objects/ab/ab12x', textBody('another key'))
    expect(await text(store)).toBe('first')
    expect(await store.stat(KEY)).toMatchObject({ size: 5 })
    const listed: [string, number][] = []
    for await (const { key, size } of store.list('')) listed.push([key, size])
    expect(listed).toEqual([
      [KEY, 5],
      ['objects/ab/ab12x', 11],
    ])
  })

  test('gives every body that a key ever got, oldest first', async () => {
    const { store } = await open()
    for (const body of ['one', 'two', 'three', 'four', 'five']) await store.put(KEY, textBody(body))
    const found = (await store.variants?.(KEY)) ?? []
    const bodies = await Promise.all(found.map(async (variant) => (await collect(await variant.open())).toString()))
    expect(bodies).toEqual(['one', 'two', 'three', 'four', 'five'])
    expect(found.map(({ size }) => size)).toEqual([3, 3, 5, 4, 4])
  })

  test('still has what somebody deleted with another tool, and does not create it again', async () => {
    const { store } = await open()
    await store.put(KEY, textBody('first'))
    await fetch(`${server.endpoint}/box/${NAME}`, { method: 'DELETE' })
    expect(server.blobs.get(NAME)?.current).toBeNull()
    expect(await text(store)).toBe('first')
    expect(await store.put(KEY, textBody('second'), undefined, 'create')).toBe(false)
    expect(server.blobs.get(NAME)?.versions).toHaveLength(1)
  })

  test('is rid of all versions by a delete, the oldest last', async () => {
    const { store } = await open()
    for (const body of ['one', 'two', 'three']) await store.put(KEY, textBody(body))
    const ids = server.blobs.get(NAME)?.versions.map(({ id }) => id)
    server.requests.length = 0
    await store.delete(KEY)
    expect(server.blobs.get(NAME)?.versions).toEqual([])
    expect(lines(server.requests)).toEqual(['GET list', 'DELETE', 'GET list', ...Array(3).fill('DELETE version')])
    expect(server.requests.slice(-3).map(({ url }) => url.searchParams.get('versionid'))).toEqual(ids?.reverse())
    expect(await store.stat(KEY)).toBeNull()
  })
})

describe('a lock', () => {
  test('goes with the bytes of a small body, in whole seconds and not shorter than wished', async () => {
    const now = Date.parse('2031-05-06T07:08:09.001Z')
    const { store } = await open({ lock: { mode: 'compliance', days: 3 } }, { now: () => now })
    await store.put(KEY, textBody('x'))
    expect(server.requests.at(-1)?.headers).toMatchObject({
      'x-ms-immutability-policy-until-date': 'Fri, 09 May 2031 07:08:10 GMT',
      'x-ms-immutability-policy-mode': 'Locked',
    })
  })

  test('goes with the last request of a body in blocks', async () => {
    const { store } = await open({ lock: { mode: 'governance', days: 3 } }, { sizes: SMALL })
    await store.put(KEY, memoryBody(Buffer.alloc(1500, 1)))
    expect(lines(server.requests).slice(-2)).toEqual(['PUT block', 'PUT blocklist'])
    expect(server.requests.at(-1)?.headers['x-ms-immutability-policy-mode']).toBe('Unlocked')
    expect(server.requests.at(-2)?.headers['x-ms-immutability-policy-mode']).toBeUndefined()
  })

  test('keeps a key from being deleted, and nothing is hidden by the attempt', async () => {
    const { store } = await open({ lock: { mode: 'governance', days: 1 } })
    await store.put(KEY, textBody('x'))
    await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'VAULT_SEALED', permanent: true })
    expect(server.blobs.get(NAME)?.current).not.toBeNull()
  })

  test('that only the service knows of is heard from the service', async () => {
    const { store } = await open()
    await store.put(KEY, textBody('x'))
    server.trouble = ({ method, url }) =>
      method === 'DELETE' && url.searchParams.has('versionid')
        ? { status: 409, code: 'BlobImmutableDueToPolicy' }
        : null
    await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'VAULT_SEALED', permanent: true })
    expect(await text(store)).toBe('x')
  })

  test('is prolonged by a seal and never shortened', async () => {
    const { store } = await open({ lock: { mode: 'governance', days: 10 } })
    await store.put(KEY, textBody('first'))
    await store.put(KEY, textBody('second'))
    const versions = server.blobs.get(NAME)?.versions ?? []
    const began = versions[0]?.until?.getTime() ?? 0
    server.requests.length = 0
    await store.seal?.(KEY, Date.now() + DAY)
    expect(lines(server.requests)).toEqual(['GET list'])
    const until = Date.now() + 20 * DAY
    await store.seal?.(KEY, until)
    expect(lines(server.requests)).toEqual(['GET list', 'GET list', 'PUT immutabilityPolicies version'])
    expect(versions[0]?.until?.getTime()).toBeGreaterThanOrEqual(until)
    expect(versions[1]?.until?.getTime()).toBeLessThan(began + DAY)
  })

  test('that is locked stays locked, and one that is not becomes it where that is wished', async () => {
    const firm = await open({ lock: { mode: 'compliance', days: 1 } })
    const loose = await open({ lock: { mode: 'governance', days: 1 } })
    await loose.store.put(KEY, textBody('x'))
    const [version] = server.blobs.get(NAME)?.versions ?? []
    const before = version?.until
    await firm.store.seal?.(KEY, Date.now())
    expect(server.requests.at(-1)?.headers['x-ms-immutability-policy-mode']).toBe('Locked')
    expect(version?.until).toEqual(before)
    await loose.store.seal?.(KEY, Date.now() + 9 * DAY)
    expect(server.requests.at(-1)?.headers['x-ms-immutability-policy-mode']).toBe('Locked')
  })

  test('cannot be wished of a container that is not made for it', async () => {
    server.container = {}
    const wish = open({ lock: { mode: 'governance', days: 1 } })
    await expect(wish).rejects.toMatchObject({ code: 'STORE_REFUSED', hint: expect.stringContaining('--enable-vlw') })
  })

  test('that these credentials may not set names the missing right', async () => {
    const { store } = await open()
    await store.put(KEY, textBody('x'))
    server.trouble = ({ url }) =>
      url.searchParams.get('comp') === 'immutabilityPolicies'
        ? { status: 403, code: 'AuthorizationPermissionMismatch' }
        : null
    await expect(store.seal?.(KEY, Date.now() + DAY)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      hint: expect.stringContaining('immutability policies'),
    })
  })
})

describe('what protects a container with versions', () => {
  const protectionOf = async (bucket: Bucket) => bucket.protection([KEY, 'objects/ab/ab13', 'objects/ab/absent'])

  test('is looked up on blobs', async () => {
    const locked = await open({ lock: { mode: 'compliance', days: 5 } })
    await locked.store.put(KEY, textBody('x'))
    await (await open()).store.put('objects/ab/ab13', textBody('y'))
    const found = await protectionOf(locked)
    expect(found).toMatchObject({ canRemove: true, keepsVersions: true })
    expect(found.objects).toMatchObject({ kind: 'immutable-blob', mode: 'compliance', looked: 2, protected: 1 })
    expect(found.objects?.earliest).toBe(found.objects?.latest)
  })

  test('may be a legal hold of blobs, or of the whole container', async () => {
    const bucket = await open()
    await bucket.store.put(KEY, textBody('x'))
    server.hold(NAME)
    expect((await protectionOf(bucket)).objects).toMatchObject({ kind: 'legal-hold', mode: null, protected: 1 })
    await bucket.store.put('objects/ab/ab13', textBody('y'))
    server.container['x-ms-has-legal-hold'] = 'true'
    expect((await protectionOf(bucket)).objects).toMatchObject({ kind: 'legal-hold', looked: 2, protected: 2 })
  })

  test('is not known where the container has a policy that does not show on blobs', async () => {
    server.container = { 'x-ms-has-immutability-policy': 'true' }
    const bucket = await open()
    await bucket.store.put(KEY, textBody('x'))
    const found = await protectionOf(bucket)
    expect(found.objects).toBeNull()
    expect(found.notes.join()).toContain('time-based policy')
  })

  test('is told as far as these credentials may look', async () => {
    const bucket = await open()
    await bucket.store.put(KEY, textBody('x'))
    server.trouble = () => ({ status: 403, code: 'AuthorizationPermissionMismatch' })
    const found = await protectionOf(bucket)
    expect(found).toMatchObject({ canRemove: false, keepsVersions: null, objects: null })
    expect(found.notes).toHaveLength(2)
  })
})
