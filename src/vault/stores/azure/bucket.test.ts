import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { makeContainer, type TestContainer } from '../../../../test/servers/azure/containers.ts'
import type { Azurite } from '../../../../test/servers/azurite.ts'
import { hasAzurite, useAzurite } from '../../../../test/servers/azurite.ts'
import { textBody } from '../../body.ts'
import { openAzureBucket } from './bucket.ts'
import { tierFrom } from './store.ts'

const KEY = 'objects/ab/ab12'

describe.skipIf(!hasAzurite)('a container on Azurite', () => {
  let server: Azurite
  let container: TestContainer
  beforeEach(async () => {
    server = await useAzurite()
    container = await makeContainer(server)
  }, 120_000)
  afterEach(() => container.remove())

  /** Credentials that may do so much: letters of a service SAS. */
  const openWith = (letters: string) => {
    const sas = generateBlobSASQueryParameters(
      {
        containerName: container.place.bucket,
        permissions: ContainerSASPermissions.parse(letters),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      new StorageSharedKeyCredential(server.account, server.key),
    )
    const variables = { AZURE_STORAGE_ACCOUNT: server.account, AZURE_STORAGE_SAS_TOKEN: `?${sas}` }
    return openAzureBucket(container.place, { variables })
  }

  test('is opened by a connection string too, and holds nothing outside the prefix', async () => {
    const string = `DefaultEndpointsProtocol=http;AccountName=${server.account};AccountKey=${server.key};BlobEndpoint=${server.endpoint};`
    const place = { ...container.place, options: {} }
    const { store } = await openAzureBucket(place, { variables: { AZURE_STORAGE_CONNECTION_STRING: string } })
    await store.put(KEY, textBody('x'))
    await container.client.getBlockBlobClient('vaults/one-and-a-half').upload('x', 1)
    await container.client.getBlockBlobClient(`vaults/two/${KEY}`).upload('x', 1)
    for await (const { key } of store.list('')) expect(key).toBe(KEY)
    expect(await container.client.getBlobClient(`vaults/one/${KEY}`).exists()).toBe(true)
    expect(store.traits).toMatchObject({ place: `az://${container.place.bucket}/vaults/one`, isFar: true, lock: null })
  })

  test('that is absent is refused, and so is one that vanishes later', async () => {
    const place = { ...container.place, bucket: 'not-there' }
    const refusal = { code: 'STORE_REFUSED', permanent: true, message: expect.stringContaining('does not exist') }
    await expect(openAzureBucket(place, { variables: container.variables })).rejects.toMatchObject(refusal)
    const { store } = await container.open()
    await container.client.delete()
    await expect(store.stat(KEY)).rejects.toMatchObject(refusal)
    await expect(store.get(KEY)).rejects.toMatchObject(refusal)
    await expect(store.delete(KEY)).rejects.toMatchObject(refusal)
    await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject(refusal)
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject(refusal)
  })

  test('refuses a wrong key without being asked again and again', async () => {
    const variables = { ...container.variables, AZURE_STORAGE_KEY: 'd3Jvbmc=' }
    const opening = openAzureBucket(container.place, { variables })
    await expect(opening.then(({ store }) => store.stat(KEY))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  test('needs no right to delete for a backup', async () => {
    const { store, protection } = await openWith('rcwl')
    expect(await store.put(KEY, textBody('x'), undefined, 'create')).toBe(true)
    expect(await store.put(KEY, textBody('y'), undefined, 'create')).toBe(false)
    expect((await collect(await store.get(KEY))).toString()).toBe('x')
    expect(await store.touch?.(KEY)).toBe(true)
    await expect(store.delete(KEY)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      permanent: true,
      hint: expect.stringContaining('to delete blobs'),
    })
    const found = await protection([KEY])
    expect(found.canRemove).toBe(false)
  })

  test('names the right that is missing', async () => {
    const { store } = await openWith('l')
    await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject({
      hint: expect.stringContaining('to create and write'),
    })
    await expect(store.stat(KEY)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      hint: expect.stringContaining('to read'),
    })
  })

  test('moves with a SAS token as well as with a key', async () => {
    const { store } = await openWith('rcwld')
    await store.put(KEY, textBody('x'))
    await store.move?.(KEY, 'trash/x')
    expect((await collect(await store.get('trash/x'))).toString()).toBe('x')
    expect(await store.stat(KEY)).toBeNull()
  })

  test('never makes a key older than it is', async () => {
    const { store } = await container.open()
    for (let round = 0; round < 4; round++) {
      const before = Date.now()
      await store.put(KEY, textBody('x'))
      expect((await store.stat(KEY))?.changedAt).toBeGreaterThanOrEqual(before)
      await new Promise((resolve) => setTimeout(resolve, 130))
    }
  })

  test('loses nothing of what many move to and fro at once', async () => {
    const { store } = await container.open()
    const move = async (from: string, to: string): Promise<void> => store.move?.(from, to)
    for (let round = 0; round < 12; round++) {
      const key = `objects/ab/${round}`
      const trash = `trash/${round}`
      await store.put(key, textBody('x'))
      const there = [0, 1, 2].map(() => move(key, trash))
      const back = [0, 1, 2].map(() => move(trash, key).catch(() => move(trash, key)))
      await Promise.allSettled([...there, ...back])
      const found = await Promise.all([key, trash].map((either) => store.stat(either)))
      expect(found.filter((stat) => stat !== null)).toHaveLength(1)
    }
  })

  test('puts objects into the wished tier and the rest not', async () => {
    const { store } = await container.open({}, { storageClass: 'cool' })
    await store.put(KEY, textBody('x'))
    await store.put('cloudkeep.json', textBody('x'))
    const tierOf = async (key: string) =>
      (await container.client.getBlobClient(`vaults/one/${key}`).getProperties()).accessTier
    expect(await tierOf(KEY)).toBe('Cool')
    expect(await tierOf('cloudkeep.json')).toBe('Hot')
    await store.move?.(KEY, 'trash/x')
    await store.move?.('trash/x', KEY)
    expect(await tierOf(KEY)).toBe('Cool')
  })

  test('says of a blob in the archive that reading takes hours', async () => {
    const { store } = await container.open()
    await store.put(KEY, textBody('x'))
    await container.client.getBlobClient(`vaults/one/${KEY}`).setAccessTier('Archive')
    expect(await store.stat(KEY)).toMatchObject({ size: 1 })
    await expect(store.get(KEY)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      permanent: true,
      message: expect.stringContaining('archive'),
    })
  })

  test('gives consent at its root, once or twice, which is no part of any vault', async () => {
    const bucket = await container.open()
    const atRoot = await openAzureBucket({ ...container.place, prefix: '' }, { variables: container.variables })
    expect(await bucket.hasConsent('demo')).toBe(false)
    await bucket.giveConsent('demo')
    await bucket.giveConsent('demo')
    expect(await bucket.hasConsent('demo')).toBe(true)
    expect(await bucket.hasConsent('other')).toBe(false)
    expect((await container.client.getBlobClient('.wellknown/cloudinary/demo').getProperties()).contentLength).toBe(0)
    for await (const { key } of atRoot.store.list('')) expect(key).toBeUndefined()
    await expect(bucket.hasConsent('../x')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    await expect((await openWith('l')).hasConsent('demo')).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })

  test('protects nothing by itself, and says so', async () => {
    const bucket = await container.open()
    await bucket.store.put(KEY, textBody('x'))
    expect(await bucket.protection([KEY])).toEqual({
      canRemove: true,
      keepsVersions: false,
      objects: { kind: 'none', mode: null, looked: 1, protected: 0, earliest: null, latest: null },
      notes: [],
    })
    await expect(container.open({}, { lock: { mode: 'governance', days: 1 } })).rejects.toMatchObject({
      code: 'STORE_REFUSED',
    })
    expect(bucket.store.seal).toBeUndefined()
    expect(await bucket.removeLeftovers(new Date())).toBe(0)
  })
})

test('tiers are Hot, Cool and Cold, and the archive is refused with the reason', () => {
  expect(['hot', 'COOL', 'Cold', undefined].map(tierFrom)).toEqual(['Hot', 'Cool', 'Cold', null])
  expect(() => tierFrom('Archive')).toThrow(/rehydrated for hours/u)
  expect(() => tierFrom('GLACIER')).toThrow(/not an access tier/u)
})

test('a place with the option of another vendor is refused', async () => {
  const place = { vendor: 'az', bucket: 'box', prefix: '', options: { region: 'us-east-1' } } as const
  await expect(openAzureBucket(place)).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    message: expect.stringContaining('region'),
  })
})

test('nobody signs in over a connection that is not encrypted', async () => {
  const place = {
    vendor: 'az',
    bucket: 'box',
    prefix: '',
    options: { account: 'a', endpoint: 'http://127.0.0.1:1' },
  } as const
  await expect(openAzureBucket(place)).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    message: expect.stringContaining('https'),
  })
})
