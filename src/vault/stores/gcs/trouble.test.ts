import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { collect } from '../../../../test/contracts/store.ts'
import { openRig, placeAt } from '../../../../test/servers/gcs/rig.ts'
import { memoryBody, textBody } from '../../body.ts'
import type { Body, Store } from '../../store.ts'
import { openGcsBucket } from './bucket.ts'

const KEY = 'objects/ab/ab12'
const NAME = `a/vault/${KEY}`
const MIB = 1024 * 1024
const ONCE = { persistence: { timing: { tries: 1, firstMs: 1, maxMs: 1 } } }
const IN_PARTS = { simpleLimit: MIB, chunkSize: MIB }

const streamed = (bytes: Buffer): Body => ({
  size: bytes.length,
  async *open() {
    for (let at = 0; at < bytes.length; at += 100_001) yield bytes.subarray(at, at + 100_001)
  },
})
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('base64')

describe('a create whose answer got lost', () => {
  test('is known again by the repeat, and says true', async () => {
    const { server, store } = await openRig()
    server.order({ match: /^POST \/upload/, cut: 'after' })
    expect(await store.put(KEY, textBody('hello'), undefined, 'create')).toBe(true)
    expect(server.generations(NAME)).toHaveLength(1)
    expect(server.requests.filter((line) => line.startsWith('POST'))).toHaveLength(2)
  })
  test('is not mistaken for another one that wrote the same bytes', async () => {
    const { server, store } = await openRig()
    await store.put(KEY, textBody('hello'), undefined, 'create')
    server.order({ match: /^POST \/upload/, cut: 'before' })
    expect(await store.put(KEY, textBody('hello'), undefined, 'create')).toBe(false)
  })
  test('is forgotten once it was answered: the same body again is somebody who comes second', async () => {
    const { store } = await openRig()
    const body = textBody('hello')
    expect(await store.put(KEY, body, undefined, 'create')).toBe(true)
    expect(await store.put(KEY, body, undefined, 'create')).toBe(false)
  })
  test('is known again in an upload of many parts', async () => {
    const { server, store } = await openRig({}, {}, IN_PARTS)
    const bytes = randomBytes(3 * MIB + 5)
    server.order({ match: /^PUT .*upload_id/, times: 3, cut: 'after' })
    expect(await store.put(KEY, streamed(bytes), undefined, 'create')).toBe(true)
    expect(server.generations(NAME).map(({ md5Hash }) => md5Hash)).toEqual([md5(bytes)])
  })
})

describe('bytes that the server has otherwise than they were sent', () => {
  test('are refused by the server before they are an object', async () => {
    const { server, store } = await openRig()
    await store.put(KEY, textBody('hello'))
    const [, line] = server.requests
    expect(line).toContain('uploadType=multipart')
    // The checksum is stated beforehand: the stand-in refuses another one, as the service does.
    const wrong = await fetch(`${server.endpoint}/upload/storage/v1/b/vaults/o?uploadType=multipart`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; boundary=x' },
      body: `--x\r\n\r\n${JSON.stringify({ name: 'y', md5Hash: md5(Buffer.from('hello')) })}\r\n--x\r\n\r\nhellO\r\n--x--`,
    })
    expect(wrong.status).toBe(400)
  })
  test('are taken away again when only the answer shows it', async () => {
    const { server, store } = await openRig({}, {}, ONCE)
    server.lie({ md5Hash: md5(Buffer.from('other')) })
    const refused = { code: 'STORE_UNAVAILABLE', permanent: false }
    await expect(store.put(KEY, textBody('hello'), undefined, 'create')).rejects.toMatchObject(refused)
    expect(server.generations(NAME)).toEqual([])
  })
  test('are named when they cannot be taken away', async () => {
    const { server, store } = await openRig({}, {}, ONCE)
    server.lie({ md5Hash: md5(Buffer.from('other')) })
    server.rights.delete('storage.objects.delete')
    await expect(store.put(KEY, textBody('hello'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      hint: expect.stringContaining('could not be taken away'),
    })
  })
  test('are taken away again after an upload of many parts, too', async () => {
    const { server, store } = await openRig({}, {}, { ...ONCE, ...IN_PARTS })
    server.lie({ md5Hash: md5(Buffer.from('other')) })
    await expect(store.put(KEY, streamed(randomBytes(2 * MIB + 1)))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    })
    expect(server.generations(NAME)).toEqual([])
  })
  test('are sent with a checksum in the last part of many', async () => {
    const { server, store } = await openRig({}, {}, IN_PARTS)
    const bytes = randomBytes(2 * MIB + 1)
    await store.put(KEY, streamed(bytes))
    expect(server.headers.map((headers) => headers['x-goog-hash']).filter(Boolean)).toEqual([`md5=${md5(bytes)}`])
  })
})

describe('an upload of many parts', () => {
  test('sends again only what has not arrived', async () => {
    const { server, store } = await openRig({}, {}, IN_PARTS)
    const bytes = randomBytes(4 * MIB)
    server.keepOfNextChunk(256 * 1024)
    server.order({ match: /^PUT .*upload_id/, cut: 'after' })
    await store.put(KEY, streamed(bytes))
    expect(server.generations(NAME)[0]?.bytes.equals(bytes)).toBe(true)
    const ranges = server.headers.map((headers) => headers['content-range']).filter(Boolean)
    expect(ranges.slice(0, 3)).toEqual([`bytes 0-1048575/4194304`, `bytes */4194304`, `bytes 262144-1048575/4194304`])
  })
  test('begins anew when the service forgot it', async () => {
    const { server, store } = await openRig({}, {}, IN_PARTS)
    const bytes = randomBytes(2 * MIB)
    server.order({ match: /^PUT .*upload_id/, status: 410, reason: 'gone' })
    await store.put(KEY, streamed(bytes))
    expect(server.generations(NAME)[0]?.bytes.equals(bytes)).toBe(true)
    expect(server.requests.filter((line) => /^POST .*uploadType=resumable/u.test(line))).toHaveLength(2)
  })
  test('is given up when the body is wrong, and nothing is left of it', async () => {
    const { server, store } = await openRig({}, {}, IN_PARTS)
    const body = { ...streamed(randomBytes(3 * MIB)), size: 3 * MIB + 1 }
    await expect(store.put(KEY, body)).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    expect(server.uploads.open).toBe(0)
    expect(server.generations(NAME)).toEqual([])
  })
  test('gives up when a part does not get through, with a number of tries', async () => {
    const { server, store } = await openRig({}, {}, { ...IN_PARTS, ...ONCE })
    server.order({ match: /^PUT/, times: 100, status: 503 })
    await expect(store.put(KEY, streamed(randomBytes(2 * MIB)))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(server.uploads.open).toBe(0)
  })
})

describe('reading', () => {
  test('goes on where the connection broke', async () => {
    const { server, store } = await openRig()
    const bytes = randomBytes(900_000)
    await store.put(KEY, memoryBody(bytes))
    server.order({ match: /alt=media/, times: 2, cutBodyAt: 300_000 })
    expect(bytes.equals(await collect(await store.get(KEY)))).toBe(true)
  })
  test('never joins the bytes of two bodies', async () => {
    const { server, store } = await openRig()
    await store.put(KEY, memoryBody(randomBytes(900_000)))
    server.order({ match: /alt=media/, cutBodyAt: 300_000 })
    const bytes = await store.get(KEY)
    await store.put(KEY, memoryBody(randomBytes(900_000)))
    await expect(collect(bytes)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
  })
  test('does not wait forever for a server that says nothing', async () => {
    const { server, store } = await openRig({}, {}, { ...ONCE, timeouts: { idleMs: 200 } })
    server.order({ match: /alt=media/, isSilent: true })
    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
  })
})

describe('an answer with nothing in it', () => {
  test.each([
    ['a list', /\/o\?/, (store: Store) => collect0(store.list(''))],
    ['a look', /^GET .*ab12/, (store: Store) => store.stat(KEY)],
    ['an upload', /^POST \/upload/, (store: Store) => store.put(KEY, textBody('hello'))],
  ] as const)('is no answer to %s', async (_, match, work) => {
    const { server, store } = await openRig({}, {}, ONCE)
    server.order({ match, times: 9, isEmpty: true })
    await expect(work(store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
  })
})

describe('interrupted', () => {
  test.each([
    ['a small upload', {}, textBody('hello')],
    ['one part of many', IN_PARTS, streamed(randomBytes(2 * MIB))],
  ] as const)('%s ends at once', async (_, options, body) => {
    const { server, store } = await openRig({}, {}, { ...options, timeouts: { idleMs: 30_000 } })
    server.order({ match: /^(POST|PUT)/, times: 9, isSilent: true })
    const abort = new AbortController()
    const put = store.put(KEY, body, abort.signal)
    setTimeout(() => abort.abort(), 200)
    await expect(put).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
  test.each([
    ['before its first byte', { isSilent: true }],
    ['in the middle', { cutBodyAt: 100_000 }],
  ] as const)('a download ends at once %s', async (_, fault) => {
    const { server, store } = await openRig({}, {}, { timeouts: { idleMs: 30_000 } })
    await store.put(KEY, memoryBody(randomBytes(900_000)))
    server.order({ match: /alt=media/, times: 9, ...fault })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 200)
    const reading = store.get(KEY, abort.signal).then(collect)
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('a server that says nothing more', () => {
  test('to an upload is not waited for', async () => {
    const { server, store } = await openRig({}, {}, { ...ONCE, timeouts: { idleMs: 200 } })
    server.order({ match: /^POST \/upload/, isSilent: true })
    await expect(store.put(KEY, memoryBody(randomBytes(900_000)))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
  test('to a part of an upload is asked where it stands', async () => {
    const { server, store } = await openRig({}, {}, { ...IN_PARTS, timeouts: { idleMs: 300 } })
    const bytes = randomBytes(2 * MIB)
    server.order({ match: /^PUT/, isSilent: true })
    await store.put(KEY, streamed(bytes))
    expect(server.generations(NAME)[0]?.bytes.equals(bytes)).toBe(true)
  })
  test('is not the reader that takes its time', async () => {
    const { store } = await openRig({}, {}, { ...ONCE, timeouts: { idleMs: 1000 } })
    const bytes = randomBytes(3 * MIB)
    await store.put(KEY, memoryBody(bytes))
    let got = 0
    for await (const piece of await store.get(KEY)) {
      if (got === 0) await new Promise((resolve) => setTimeout(resolve, 2500))
      got += piece.byteLength
    }
    expect(got).toBe(bytes.length)
  })
})

describe('a bucket that is not there', () => {
  test('is no vault without objects', async () => {
    const { server } = await openRig()
    const place = { ...placeAt(server), bucket: 'elsewhere' }
    await expect(openGcsBucket(place)).rejects.toMatchObject({ code: 'STORE_REFUSED', permanent: true })
  })
  test('is not an absent object, also when it vanishes later', async () => {
    const { server, bucket, store } = await openRig()
    server.vanish()
    const refused = { code: 'STORE_REFUSED', permanent: true }
    await expect(store.stat(KEY)).rejects.toMatchObject(refused)
    await expect(store.get(KEY)).rejects.toMatchObject(refused)
    await expect(store.delete(KEY)).rejects.toMatchObject(refused)
    await expect(store.touch?.(KEY)).rejects.toMatchObject(refused)
    await expect(store.move?.(KEY, 'trash/x')).rejects.toMatchObject(refused)
    await expect(store.put(KEY, textBody('x'))).rejects.toMatchObject(refused)
    await expect(bucket.hasConsent('demo')).rejects.toMatchObject(refused)
  })
})

test('a move whose answer got lost is done once, and says so', async () => {
  const { server, store } = await openRig()
  await store.put(KEY, textBody('hello'))
  server.order({ match: /moveTo/, cut: 'after' })
  await store.move?.(KEY, 'trash/x')
  expect(server.generations(NAME)).toEqual([])
  expect(server.generations('a/vault/trash/x')).toHaveLength(1)
})

test('a move of nothing onto something is no move, also when the first answer got lost', async () => {
  const { server, store } = await openRig()
  await store.put('trash/x', textBody('stays'))
  server.order({ match: /moveTo/, cut: 'after' })
  await expect(store.move?.(KEY, 'trash/x')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
})

describe('a service that does not know how to move', () => {
  test.each([400, 404, 405, 412, 501])('and answers %i copies and deletes', async (moveRefusal) => {
    const encryptionKey = 'projects/p/locations/eu/keyRings/r/cryptoKeys/k'
    const { server, store } = await openRig({ moveRefusal }, { encryptionKey })
    await store.put(KEY, textBody('hello'))
    await store.put('trash/x', textBody('old'))
    await store.move?.(KEY, 'trash/x')
    expect(server.generations(NAME)).toEqual([])
    expect((await collect(await store.get('trash/x'))).toString()).toBe('hello')
    expect(server.generations('a/vault/trash/x')).toMatchObject([{ kmsKeyName: encryptionKey }])
    await expect(store.move?.(KEY, 'trash/x')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    expect((await collect(await store.get('trash/x'))).toString()).toBe('hello')
  })
  test('copies again when only the delete failed, and loses nothing', async () => {
    const { server, store } = await openRig({ moveRefusal: 405 })
    await store.put(KEY, textBody('hello'))
    server.order({ match: /^DELETE/, cut: 'after' })
    await store.move?.(KEY, 'trash/x')
    expect(server.generations(NAME)).toEqual([])
    expect((await collect(await store.get('trash/x'))).toString()).toBe('hello')
  })
  test('does not delete what somebody wrote while it was copied', async () => {
    const { server, store } = await openRig({ moveRefusal: 405 })
    await store.put(KEY, textBody('hello'))
    const { generation } = server.generations(NAME)[0] ?? { generation: '' }
    await store.move?.(KEY, 'trash/x')
    expect(server.requests.filter((line) => line.startsWith('DELETE'))).toEqual([
      expect.stringContaining(`generation=${generation}`),
    ])
  })
})

describe('credentials without a right', () => {
  test('hear which one', async () => {
    const { server, store } = await openRig()
    await store.put(KEY, textBody('x'))
    for (const [right, work] of [
      ['storage.objects.create', () => store.put('objects/cd/cd12', textBody('y'))],
      ['storage.objects.get', () => store.stat(KEY)],
      ['storage.objects.delete', () => store.delete(KEY)],
      ['storage.objects.list', () => collect0(store.list(''))],
    ] as const) {
      server.rights.delete(right)
      await expect(work()).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        permanent: true,
        hint: expect.stringContaining(right),
      })
      server.rights.add(right)
    }
  })
  test('that may only add can still create, read and list', async () => {
    const { server, store } = await openRig()
    for (const right of ['storage.objects.delete', 'storage.objects.update', 'storage.buckets.get'])
      server.rights.delete(right)
    expect(await store.put(KEY, textBody('hello'), undefined, 'create')).toBe(true)
    expect(await store.put(KEY, textBody('hello'), undefined, 'create')).toBe(false)
    expect((await collect(await store.get(KEY))).toString()).toBe('hello')
    expect(await collect0(store.list(''))).toEqual([KEY])
    expect(await store.touch?.(KEY)).toBe(false)
    await expect(store.put(KEY, textBody('other'))).rejects.toMatchObject({ code: 'STORE_REFUSED' })
  })
})

const collect0 = async (list: AsyncIterable<{ key: string }>): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of list) keys.push(key)
  return keys
}

test('objects get the storage class and everything the key, and the other files the standard class', async () => {
  const encryptionKey = 'projects/p/locations/eu/keyRings/r/cryptoKeys/k'
  const { server, store } = await openRig({}, { storageClass: 'COLDLINE', encryptionKey }, IN_PARTS)
  await store.put(KEY, textBody('x'))
  await store.put('objects/cd/cd12', streamed(randomBytes(2 * MIB)))
  await store.put('cloudkeep.json', textBody('{}'))
  const made = (name: string) => server.generations(`a/vault/${name}`)[0]
  expect(made(KEY)).toMatchObject({ storageClass: 'COLDLINE', kmsKeyName: encryptionKey })
  expect(made('objects/cd/cd12')).toMatchObject({ storageClass: 'COLDLINE', kmsKeyName: encryptionKey })
  expect(made('cloudkeep.json')).toMatchObject({ storageClass: 'STANDARD', kmsKeyName: encryptionKey })
})

test('a storage class that does not exist is refused before anything is written', async () => {
  const { server } = await openRig()
  const place = placeAt(server, { storageClass: 'FROZEN' })
  await expect(openGcsBucket(place)).rejects.toMatchObject({
    code: 'STORE_REFUSED',
    hint: expect.stringContaining('NEARLINE'),
  })
})

test('who pays is named in every request', async () => {
  const { server, store } = await openRig({}, { project: 'payer' })
  await store.put(KEY, textBody('x'))
  await collect(await store.get(KEY))
  expect(server.requests.filter((line) => !line.includes('userProject=payer'))).toEqual([])
})

test('names outside the vault are not listed', async () => {
  const { server, bucket } = await openRig()
  const whole = await openGcsBucket({ ...placeAt(server), prefix: '' })
  await bucket.giveConsent('demo')
  await bucket.store.put('cloudkeep.json', textBody('{}'))
  expect(await collect0(bucket.store.list(''))).toEqual(['cloudkeep.json'])
  expect(await collect0(whole.store.list(''))).toEqual(['a/vault/cloudkeep.json'])
  await whole.store.close?.()
})
