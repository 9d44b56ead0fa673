import { describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { openRig, placeAt } from '../../../../test/servers/gcs/rig.ts'
import { startGcs } from '../../../../test/servers/gcs.ts'
import { textBody } from '../../body.ts'
import { openGcsBucket } from './bucket.ts'

const KEY = 'objects/ab/ab12'
const NAME = `a/vault/${KEY}`
const DAY = 86_400_000
const LOCKED = { versioning: true, objectRetention: true }
const lock = (mode: 'governance' | 'compliance') => ({ lock: { mode, days: 30 } }) as const

const endOf = (one: { readonly retention?: { readonly retainUntilTime: string } } | undefined): number =>
  Date.parse(one?.retention?.retainUntilTime ?? '')

describe('a vault that protects what it writes', () => {
  test('has every object protected from its first moment on, small or in parts', async () => {
    const { server, store } = await openRig(LOCKED, lock('compliance'), { simpleLimit: 10, chunkSize: 256 * 1024 })
    await store.put(KEY, textBody('small'), undefined, 'create')
    await store.put('objects/cd/cd12', textBody('rather large for its limit'), undefined, 'create')
    for (const name of [NAME, 'a/vault/objects/cd/cd12']) {
      const [one] = server.generations(name)
      expect(one?.retention?.mode).toBe('Locked')
      expect(Math.abs(endOf(one) - Date.now() - 30 * DAY)).toBeLessThan(60_000)
      expect(one?.metageneration).toBe(1)
    }
    expect(store.traits).toMatchObject({ lock: { mode: 'compliance', days: 30 }, isFar: true, localRoot: null })
  })
  test('does not delete what is protected, and says VAULT_SEALED', async () => {
    const { server, store } = await openRig(LOCKED, lock('governance'))
    await store.put(KEY, textBody('x'))
    await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'VAULT_SEALED', permanent: true })
    expect(server.generations(NAME)).toHaveLength(1)
  })
  test('does not replace or move what is protected where no versions are kept', async () => {
    const { store } = await openRig({ objectRetention: true }, lock('governance'))
    await store.put(KEY, textBody('x'))
    await expect(store.put(KEY, textBody('y'))).rejects.toMatchObject({ code: 'VAULT_SEALED' })
    await expect(store.move?.(KEY, 'trash/x')).rejects.toMatchObject({ code: 'VAULT_SEALED' })
    expect((await collect(await store.get(KEY))).toString()).toBe('x')
    expect(store.variants).toBeUndefined()
  })
  test('is not opened where the bucket cannot protect', async () => {
    const { server } = await openRig({ versioning: true })
    await expect(openGcsBucket(placeAt(server, lock('governance')))).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      permanent: true,
    })
  })
  test('is opened by a writer that may not read the settings, and takes care of versions then', async () => {
    const server = await startGcs(LOCKED)
    server.rights.delete('storage.buckets.get')
    const { store } = await openGcsBucket(placeAt(server, lock('governance')))
    await store.put(KEY, textBody('first'))
    await store.put(KEY, textBody('second'))
    expect((await collect(await store.get(KEY))).toString()).toBe('first')
    await store.close?.()
    await server.close()
  })
})

describe('sealing', () => {
  test('prolongs, and never shortens', async () => {
    const { server, store } = await openRig({ objectRetention: true })
    await store.put(KEY, textBody('x'))
    const end = Date.now() + 10 * DAY
    await store.seal?.(KEY, end)
    expect(server.generations(NAME)[0]?.retention).toEqual({
      mode: 'Unlocked',
      retainUntilTime: new Date(end).toISOString(),
    })
    await store.seal?.(KEY, end - DAY)
    expect(endOf(server.generations(NAME)[0])).toBe(end)
    await store.seal?.(KEY, end + DAY)
    expect(endOf(server.generations(NAME)[0])).toBe(end + DAY)
  })
  test('makes it firmer where that is wished, without making it shorter', async () => {
    const { server, store } = await openRig(LOCKED)
    await store.put(KEY, textBody('x'))
    const end = Date.now() + 10 * DAY
    await store.seal?.(KEY, end)
    const strict = await openGcsBucket(placeAt(server, lock('compliance')))
    await strict.store.seal?.(KEY, end - DAY)
    expect(server.generations(NAME)[0]?.retention).toEqual({
      mode: 'Locked',
      retainUntilTime: new Date(end).toISOString(),
    })
    await strict.store.close?.()
  })
  test('seals the oldest body, not one that came later', async () => {
    const { server, store } = await openRig(LOCKED)
    await store.put(KEY, textBody('first'))
    await store.put(KEY, textBody('second'))
    await store.seal?.(KEY, Date.now() + DAY)
    expect(server.generations(NAME).map(({ retention }) => retention !== undefined)).toEqual([true, false])
  })
  test('is not offered where the bucket cannot', async () => {
    const { store } = await openRig()
    expect(store.seal).toBeUndefined()
  })
})

describe('a bucket that keeps all bodies', () => {
  test('speaks of the oldest, whatever came later', async () => {
    const { store } = await openRig({ ...LOCKED, largestPage: 2 })
    await store.put(KEY, textBody('truth'))
    for (const lie of ['lie', 'another lie', 'more lies']) await store.put(KEY, textBody(lie))
    await store.put('objects/cd/cd12', textBody('beside'))
    expect((await collect(await store.get(KEY))).toString()).toBe('truth')
    expect(await store.stat(KEY)).toMatchObject({ size: 5 })
    const listed: unknown[] = []
    for await (const { key, size } of store.list('')) listed.push([key, size])
    expect(listed).toEqual([
      [KEY, 5],
      ['objects/cd/cd12', 6],
    ])
    const variants = (await store.variants?.(KEY)) ?? []
    const texts = await Promise.all(variants.map(async (one) => (await collect(await one.open())).toString()))
    expect(texts).toEqual(['truth', 'lie', 'another lie', 'more lies'])
    expect(
      (await collect(await (await store.variants?.(KEY))![1]!.open(undefined, { start: 1, end: 9 }))).toString(),
    ).toBe('ie')
  })
  test('still has what somebody hid by deleting it', async () => {
    const { server, store } = await openRig(LOCKED)
    await store.put(KEY, textBody('truth'))
    const path = `/storage/v1/b/vaults/o/${encodeURIComponent(NAME)}`
    expect((await fetch(server.endpoint + path, { method: 'DELETE' })).status).toBe(204)
    expect((await collect(await store.get(KEY))).toString()).toBe('truth')
    expect(await store.stat(KEY)).toMatchObject({ size: 5 })
    expect(await store.put(KEY, textBody('lie'), undefined, 'create')).toBe(false)
    expect(server.generations(NAME)).toHaveLength(1)
  })
  test('loses every body of a key that is deleted', async () => {
    const { server, store } = await openRig(LOCKED)
    await store.put(KEY, textBody('one'))
    await store.put(KEY, textBody('two'))
    await store.delete(KEY)
    expect(server.generations(NAME)).toEqual([])
  })
  test('makes the oldest young by touching, and does not move', async () => {
    const { server, store } = await openRig(LOCKED)
    await store.put(KEY, textBody('one'))
    await store.put(KEY, textBody('two'))
    expect(await store.touch?.(KEY)).toBe(true)
    expect(server.generations(NAME).map(({ metageneration }) => metageneration)).toEqual([2, 1])
    expect(store.move).toBeUndefined()
  })
})

describe('what protects a vault', () => {
  test('is found by looking at objects', async () => {
    const { bucket, store } = await openRig(LOCKED, lock('compliance'))
    await store.put(KEY, textBody('x'))
    const found = await bucket.protection([KEY, 'objects/ff/absent'])
    expect(found).toMatchObject({
      canRemove: true,
      keepsVersions: true,
      objects: { kind: 'object-retention', mode: 'compliance', looked: 1, protected: 1 },
    })
    expect(Date.parse(found.objects?.earliest ?? '')).toBeGreaterThan(Date.now() + 29 * DAY)
    expect(found.notes.join()).toContain('soft delete keeps what is removed for 7 days')
  })
  test('is the weakest of several', async () => {
    const { bucket, store } = await openRig({ objectRetention: true })
    for (const key of [KEY, 'objects/cd/cd12']) await store.put(key, textBody('x'))
    await store.seal?.(KEY, Date.now() + DAY)
    expect((await bucket.protection([KEY, 'objects/cd/cd12'])).objects).toMatchObject({
      kind: 'object-retention',
      mode: 'governance',
      looked: 2,
      protected: 1,
    })
  })
  test.each([
    [true, 'compliance'],
    [false, 'governance'],
  ] as const)('can be a policy of the bucket (locked: %s)', async (isLocked, mode) => {
    const { bucket, store } = await openRig({ retentionPolicy: { seconds: 1000, isLocked } })
    await store.put(KEY, textBody('x'))
    expect((await bucket.protection([KEY])).objects).toMatchObject({ kind: 'bucket-retention', mode, protected: 1 })
    await expect(store.delete(KEY)).rejects.toMatchObject({ code: 'VAULT_SEALED' })
  })
  test('is nothing in a plain bucket', async () => {
    const { bucket, store } = await openRig({ softDeleteSeconds: 0 })
    await store.put(KEY, textBody('x'))
    expect(await bucket.protection([KEY])).toEqual({
      canRemove: true,
      keepsVersions: false,
      objects: { kind: 'none', mode: null, looked: 1, protected: 0, earliest: null, latest: null },
      notes: [],
    })
  })
  test('is unknown to whoever may not look, and says which right is missing', async () => {
    const { server, bucket, store } = await openRig()
    await store.put(KEY, textBody('x'))
    for (const right of ['storage.buckets.get', 'storage.objects.get', 'storage.objects.delete'])
      server.rights.delete(right)
    const found = await bucket.protection([KEY])
    expect(found).toMatchObject({ canRemove: false, keepsVersions: null, objects: null })
    expect(found.notes.join()).toContain('storage.buckets.get')
    expect(found.notes.join()).toContain('storage.objects.get')
  })
  test('is looked at without removing anything', async () => {
    const { server, bucket, store } = await openRig()
    await store.put(KEY, textBody('x'))
    await bucket.protection([KEY])
    expect(server.generations(NAME)).toHaveLength(1)
  })
})

describe('consent', () => {
  test('lies at the root of the bucket, empty, and is given once', async () => {
    const { server, bucket } = await openRig(LOCKED, lock('compliance'))
    expect(await bucket.hasConsent('demo')).toBe(false)
    await bucket.giveConsent('demo')
    await bucket.giveConsent('demo')
    expect(await bucket.hasConsent('demo')).toBe(true)
    expect(await bucket.hasConsent('other')).toBe(false)
    const made = server.generations('.wellknown/cloudinary/demo')
    expect(made.map(({ bytes, retention }) => [bytes.length, retention])).toEqual([[0, undefined]])
  })
  test('cannot be looked for without the right', async () => {
    const { server, bucket } = await openRig()
    server.rights.delete('storage.objects.get')
    await expect(bucket.hasConsent('demo')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
  test('is not asked for with a name that leads elsewhere', async () => {
    const { bucket } = await openRig()
    await expect(bucket.hasConsent('../x')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

test('nothing is left over that somebody would have to remove', async () => {
  const { bucket } = await openRig()
  expect(await bucket.removeLeftovers(new Date())).toBe(0)
})
