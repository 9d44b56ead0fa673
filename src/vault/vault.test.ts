import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/contracts/store.ts'
import { sampleEntry, sampleSnapshot } from '../../test/samples/manifest.ts'
import { sha256Hex } from '../lib/hash.ts'
import { encodeEntry } from '../model/entry.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { memoryBody, textBody } from './body.ts'
import { createVault } from './create.ts'
import { openVault } from './open.ts'
import type { Store } from './store.ts'
import { openFsStore } from './stores/fs.ts'
import { createMemoryStore } from './stores/memory.ts'
import type { Vault } from './vault.ts'
import { objectKey } from './vault.ts'

const birth = { now: new Date('2026-11-22T06:00:00Z'), id: 'v1', tool: 'cloudkeep test' }
const absent = 'ee'.repeat(32)

const keysOf = async (store: Store): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys.sort()
}

const all = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** Fails after so many puts, as a process does that is killed. */
const dyingStore = (store: Store, puts: number): Store => {
  let left = puts
  return {
    ...store,
    put: async (key, body, signal, mode) => {
      if (left === 0) throw new RangeError('killed')
      left -= 1
      return await store.put(key, body, signal, mode)
    },
  }
}

let store: Store
beforeEach(() => {
  store = createMemoryStore()
})

describe('a vault', () => {
  it('is made in an empty place and opened again', async () => {
    const made = await createVault(store, birth)
    expect(made.identity).toEqual({
      format: 1,
      id: 'v1',
      digest: 'sha256',
      createdAt: '2026-11-22T06:00:00.000Z',
      tool: 'cloudkeep test',
      encryption: null,
    })
    expect((await openVault(store)).identity).toEqual(made.identity)
    expect(await keysOf(store)).toEqual(['README.txt', 'cloudkeep.json'])
  })

  it('is made once: the second making opens the first', async () => {
    await createVault(store, birth)
    expect((await createVault(store, { ...birth, id: 'v2' })).identity.id).toBe('v1')
  })

  it('is not there where there is none', async () => {
    await expect(openVault(store)).rejects.toMatchObject({ code: 'VAULT_NOT_FOUND' })
  })

  it.each([0, 1])('is made whole after a kill at write %i', async (puts) => {
    await expect(createVault(dyingStore(store, puts), birth)).rejects.toThrow('killed')
    await expect(openVault(store)).rejects.toMatchObject({ code: 'VAULT_NOT_FOUND' })
    expect((await createVault(store, birth)).identity.id).toBe('v1')
  })

  it.each(['photos.zip', 'README.txt', 'objects/ab/x'])('is not made where %s lies', async (key) => {
    await store.put(key, textBody('somebody else\n'))
    await expect(createVault(store, birth)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: expect.stringContaining(key),
    })
    expect(await keysOf(store)).toEqual([key])
  })

  it('of a newer format is refused with a sentence', async () => {
    await store.put('cloudkeep.json', textBody('{"format":7}'))
    await expect(openVault(store)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: 'cloudkeep.json cannot be used: its format is 7, and this Cloudkeep reads format 1',
      hint: 'update cloudkeep',
    })
  })

  it.each(['', '{', '[]', '{"format":1}', '\u0000', 'null'])('with the identity %j is refused', async (content) => {
    await store.put('cloudkeep.json', textBody(content))
    await expect(openVault(store)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: expect.stringContaining('cloudkeep.json'),
    })
    await expect(createVault(store, birth)).rejects.toMatchObject({ code: 'VAULT_INVALID' })
  })

  it('does not believe that there is no vault when the store cannot tell', async () => {
    const refusing: Store = { ...store, get: () => Promise.reject(new RangeError('the disk is on fire')) }
    await expect(openVault(refusing)).rejects.toThrow('on fire')
  })
})

describe('objects', () => {
  let vault: Vault
  const bytes = Buffer.from('hello')
  const digest = sha256Hex(bytes)
  beforeEach(async () => {
    vault = await createVault(store, birth)
  })

  it('are written once', async () => {
    expect(await vault.putObject(digest, memoryBody(bytes))).toEqual({ written: true })
    expect(await vault.putObject(digest, memoryBody(bytes))).toEqual({ written: false })
    expect(await vault.statObject(digest)).toMatchObject({ size: 5 })
    expect((await collect(await vault.openObject(digest))).toString()).toBe('hello')
    expect((await collect(await vault.openObject(digest, undefined, { start: 1, end: 2 }))).toString()).toBe('el')
  })

  it('are written again when another length lies under the name', async () => {
    await store.put(objectKey(digest), textBody('hel'))
    expect(await vault.putObject(digest, memoryBody(bytes))).toEqual({ written: true })
    expect((await collect(await vault.openObject(digest))).toString()).toBe('hello')
  })

  it('that are damaged never read to a good end', async () => {
    await store.put(objectKey(digest), textBody('jello'))
    const opened = await vault.openObject(digest)
    await expect(collect(opened)).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
      message: expect.stringContaining(digest),
    })
  })

  it('that are absent say so', async () => {
    expect(await vault.statObject(absent)).toBeNull()
    await expect(vault.openObject(absent)).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
      message: expect.stringContaining(absent),
    })
  })

  it('cannot be named by anything but a digest', async () => {
    for (const name of ['', 'x', '../../cloudkeep.json', absent.toUpperCase()]) {
      await expect(vault.openObject(name)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
      await expect(vault.putObject(name, memoryBody(bytes))).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
    }
  })

  it('are listed without the strays between them', async () => {
    await vault.putObject(digest, memoryBody(bytes))
    await store.put(`objects/zz/${digest}`, textBody('x'))
    await store.put(`objects/00/${digest}`, textBody('x'))
    await store.put('objects/notes.txt', textBody('x'))
    expect(await all(vault.listObjects())).toMatchObject([{ digest, size: 5 }])
  })
})

describe('lines', () => {
  let vault: Vault
  beforeEach(async () => {
    vault = await createVault(store, birth)
  })

  it('come back as they were given', async () => {
    const lines = ['one', '', 'drei und ü', '{"a":"\\n"}', '\u2028', 'x'.repeat(300_000)]
    const put = await vault.putLines(lines)
    expect(put.lines).toBe(6)
    expect(await all(vault.readLines(put.object))).toEqual(lines)
    const raw = await collect(await vault.openObject(put.object))
    expect(raw).toHaveLength(put.size)
    expect(sha256Hex(raw)).toBe(put.object)
    expect(gunzipSync(raw).toString()).toBe(`${lines.join('\n')}\n`)
  })

  it('may be none', async () => {
    const put = await vault.putLines([])
    expect(put.lines).toBe(0)
    expect(await all(vault.readLines(put.object))).toEqual([])
  })

  it('that are equal are the same object, with no time and no system in it', async () => {
    const first = await vault.putLines(['a', 'b'])
    const second = await vault.putLines(['a', 'b'])
    expect(second).toEqual(first)
    const raw = await collect(await vault.openObject(first.object))
    expect(raw.subarray(4, 8)).toEqual(Buffer.alloc(4))
    expect(raw[9]).toBe(255)
  })

  it('with a line end inside are refused', async () => {
    await expect(vault.putLines(['a\nb'])).rejects.toThrow(RangeError)
  })

  it('that are many go through a scratch file that is gone afterwards', async () => {
    const root = await mkdtemp(join(tmpdir(), 'cloudkeep-lines-'))
    try {
      const onDisk = await createVault(await openFsStore(root), { ...birth, memory: 10_000 })
      const lines = Array.from({ length: 20_000 }, (_, index) => `${index} ${sha256Hex(String(index))}`)
      const put = await onDisk.putLines(lines)
      expect(put.size).toBeGreaterThan(100_000)
      expect(await all(onDisk.readLines(put.object))).toEqual(lines)
      expect((await onDisk.putLines(lines)).object).toBe(put.object)
      expect(await readdir(join(root, '.cache', 'tmp'))).toEqual([])
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  })

  it('whose source fails leave nothing', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield 'a'
      throw new RangeError('the source broke')
    }
    await expect(vault.putLines(failing())).rejects.toThrow('the source broke')
    expect(await all(vault.listObjects())).toEqual([])
  })

  it.each([
    ['cut short', (raw: Buffer) => raw.subarray(0, raw.length - 9)],
    ['with one bit turned', (raw: Buffer) => Buffer.from(raw.map((byte, at) => (at === 20 ? byte ^ 4 : byte)))],
    ['followed by more', (raw: Buffer) => Buffer.concat([raw, Buffer.from('more')])],
    ['empty', () => Buffer.alloc(0)],
    ['replaced by other lines', () => gzipSync('evil\n')],
    ['not text', () => gzipSync(Buffer.from([255, 254, 10]))],
  ])('%s are OBJECT_CORRUPT and name the object', async (_, damage) => {
    const put = await vault.putLines(Array.from({ length: 2000 }, (_, index) => `line ${index}`))
    const raw = await collect(await vault.openObject(put.object))
    await store.put(objectKey(put.object), memoryBody(damage(raw)))
    await expect(all(vault.readLines(put.object))).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
      message: expect.stringContaining(put.object),
    })
  })

  it('can be left before their end', async () => {
    const put = await vault.putLines(['a', 'b', 'c'])
    for await (const line of vault.readLines(put.object)) {
      expect(line).toBe('a')
      break
    }
  })

  it('stop when the signal is aborted', async () => {
    const abort = new AbortController()
    async function* endless(): AsyncGenerator<string> {
      for (let index = 0; ; index++) {
        if (index === 100_000) abort.abort()
        yield `line ${index}`
      }
    }
    await expect(vault.putLines(endless(), abort.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  it('stop being read when the signal is aborted', async () => {
    const { object } = await vault.putLines(Array.from({ length: 50_000 }, (_, index) => sha256Hex(String(index))))
    const abort = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const _ of vault.readLines(object, abort.signal)) abort.abort()
    }
    await expect(reading()).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expect(all(vault.readLines(object, AbortSignal.abort()))).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  it('of a segment come back as entries', async () => {
    const entries = ['a1', 'b2', 'c3'].map((assetId) => sampleEntry({ assetId }))
    const { object } = await vault.putLines(entries.map(encodeEntry))
    expect(await all(vault.readSegment(object))).toEqual(entries)
  })

  it('of a segment that are out of order or not entries name the line and the segment', async () => {
    const twice = await vault.putLines([sampleEntry({ assetId: 'b' }), sampleEntry({ assetId: 'a' })].map(encodeEntry))
    await expect(all(vault.readSegment(twice.object))).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: `line 2 of segment ${twice.object} is out of order: a after b`,
    })
    const broken = await vault.putLines([encodeEntry(sampleEntry()), '{}'])
    await expect(all(vault.readSegment(broken.object))).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: expect.stringContaining(`line 2 of segment ${broken.object}`),
    })
  })
})

describe('snapshots', () => {
  let vault: Vault
  beforeEach(async () => {
    vault = await createVault(store, birth)
  })

  const withSegment = async (changes: Partial<Snapshot> = {}): Promise<Snapshot> => {
    const { object, size } = await vault.putLines([encodeEntry(sampleEntry())])
    return sampleSnapshot({
      segments: [{ prefix: '', object, size, entries: 1, contentBytes: 0 }],
      assets: 1,
      ...changes,
    })
  }

  it('are written, listed oldest first and read again', async () => {
    const first = await withSegment()
    const second = { ...first, id: '00', takenAt: '2026-11-23T06:31:02.123Z', parent: first.id }
    const other = { ...first, cloud: 'umbrella' }
    for (const snapshot of [second, first, other]) await vault.writeSnapshot(snapshot)
    expect(await vault.clouds()).toEqual(['acme', 'umbrella'])
    const keys = await vault.snapshotKeys('acme')
    expect(keys).toEqual([
      'accounts/acme/snapshots/2026-11-22T06-31-02.123Z-a1b2c3d4e5f60718.json',
      'accounts/acme/snapshots/2026-11-23T06-31-02.123Z-00.json',
    ])
    expect(await Promise.all(keys.map((key) => vault.readSnapshot(key)))).toEqual([
      { key: keys[0], snapshot: first },
      { key: keys[1], snapshot: second },
    ])
    expect(await vault.snapshotKeys('nobody')).toEqual([])
    expect(await vault.snapshotKeys('../acme')).toEqual([])
  })

  it('are not written before everything they name is there', async () => {
    const whole = await withSegment()
    for (const lacking of [{ folders: absent }, { configuration: absent }, { failures: absent }]) {
      await expect(vault.writeSnapshot({ ...whole, ...lacking })).rejects.toMatchObject({
        code: 'OBJECT_NOT_FOUND',
        message: expect.stringContaining(absent),
      })
    }
    const [segment] = whole.segments
    if (segment === undefined) return
    await expect(vault.writeSnapshot({ ...whole, segments: [{ ...segment, object: absent }] })).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
    })
    await expect(vault.writeSnapshot({ ...whole, segments: [{ ...segment, size: 1 }] })).rejects.toMatchObject({
      code: 'OBJECT_CORRUPT',
    })
    expect(await vault.snapshotKeys('acme')).toEqual([])
  })

  it('may be written twice but never replaced', async () => {
    const snapshot = await withSegment()
    const stored = await vault.writeSnapshot(snapshot)
    expect(await vault.writeSnapshot(snapshot)).toEqual(stored)
    await expect(vault.writeSnapshot({ ...snapshot, complete: false })).rejects.toMatchObject({ code: 'VAULT_INVALID' })
    expect((await vault.readSnapshot(stored.key)).snapshot).toEqual(snapshot)
  })

  it('that could not be read again are not written', async () => {
    const snapshot = await withSegment({ cloud: '../evil' })
    await expect(vault.writeSnapshot(snapshot)).rejects.toMatchObject({ code: 'VAULT_INVALID' })
    expect(await vault.clouds()).toEqual([])
    expect((await keysOf(store)).filter((key) => key.includes('snapshots'))).toEqual([])
  })

  it('that are absent, moved or damaged are refused by name', async () => {
    const { key } = await vault.writeSnapshot(await withSegment())
    await expect(vault.readSnapshot(key.replace('Z-', 'Z-0'))).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    await expect(vault.readSnapshot('cloudkeep.json')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    const moved = key.replace('acme', 'umbrella')
    await store.put(moved, memoryBody(await collect(await store.get(key))))
    await expect(vault.readSnapshot(moved)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: expect.stringContaining(moved),
    })
    await store.put(key, textBody('{"format":1'))
    await expect(vault.readSnapshot(key)).rejects.toMatchObject({
      code: 'VAULT_INVALID',
      message: `snapshot ${key} cannot be used: it is not JSON`,
    })
  })
})
