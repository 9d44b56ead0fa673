import { beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/contracts/store.ts'
import { createKeepingStore, type KeepingStore } from '../../test/keeping-store.ts'
import { sampleEntry, sampleSnapshot } from '../../test/samples/manifest.ts'
import { sha256Hex } from '../lib/hash.ts'
import { encodeEntry } from '../model/entry.ts'
import { AppError } from '../model/errors.ts'
import { memoryBody, textBody } from './body.ts'
import { createVault } from './create.ts'
import { openVault } from './open.ts'
import type { Store } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'
import { objectKey } from './vault.ts'

const birth = { now: new Date('2026-11-22T06:00:00Z'), id: 'v1', tool: 'cloudkeep test' }
const text = 'a photograph'
const digest = sha256Hex(text)

/** Counts what it is asked, by method. */
const counting = (store: Store): { store: Store; calls: string[] } => {
  const calls: string[] = []
  return {
    calls,
    store: {
      ...store,
      put: (key, body, signal, mode) => {
        calls.push(`put ${mode ?? 'replace'}`)
        return store.put(key, body, signal, mode)
      },
      get: (key, signal, range) => {
        calls.push('get')
        return store.get(key, signal, range)
      },
      stat: (key, signal) => {
        calls.push('stat')
        return store.stat(key, signal)
      },
    },
  }
}

const far = (): Store => {
  const memory = createMemoryStore()
  return { ...memory, traits: { ...memory.traits, isFar: true } }
}

describe('a vault that is far away', () => {
  it('takes a new small object in one call, and looks before it sends a large one', async () => {
    const { store, calls } = counting(far())
    const vault = await createVault(store, birth)
    calls.length = 0
    await vault.putObject(digest, textBody(text))
    expect(calls).toEqual(['put create'])
    calls.length = 0
    const large = Buffer.alloc(2_000_000, 7)
    await vault.putObject(sha256Hex(large), memoryBody(large))
    expect(calls).toEqual(['stat', 'put create'])
  })

  it('does not send twice what is there', async () => {
    const { store, calls } = counting(far())
    const vault = await createVault(store, birth)
    expect(await vault.putObject(digest, textBody(text))).toEqual({ written: true })
    calls.length = 0
    expect(await vault.putObject(digest, textBody(text))).toEqual({ written: false })
    expect(calls).toEqual(['put create', 'stat'])
  })

  it('writes again what was cut short under its name', async () => {
    const store = far()
    const vault = await createVault(store, birth)
    await store.put(objectKey(digest), textBody('cut'))
    expect(await vault.putObject(digest, textBody(text))).toEqual({ written: true })
    expect((await collect(await vault.openObject(digest))).toString()).toBe(text)
  })
})

describe('what this machine remembers of a vault', () => {
  it('is not asked for again: lists, heads and records', async () => {
    const { store, calls } = counting(far())
    const near = createMemoryStore()
    await createVault(store, birth)
    const vault = await openVault(store, { near })
    const { snapshot, lines } = await oneSnapshot(vault)
    const { key } = await vault.writeSnapshot(snapshot)
    const record = await vault.writeRecord({ kind: 'proofs' }, { id: 'p1', at: snapshot.takenAt, value: { a: 1 } })
    calls.length = 0
    expect((await vault.readSnapshot(key)).snapshot.id).toBe(snapshot.id)
    expect(await vault.readRecord(record)).toEqual({ a: 1 })
    const read: string[] = []
    for await (const line of vault.readLines(lines)) read.push(line)
    expect(read).toHaveLength(1)
    expect(calls).toEqual([])
  })

  it('is fetched when it is missing, and remembered then', async () => {
    const store = far()
    const made = await createVault(store, birth)
    const { snapshot, lines } = await oneSnapshot(made)
    const { key } = await made.writeSnapshot(snapshot)
    const near = createMemoryStore()
    const vault = await openVault(store, { near })
    await vault.readSnapshot(key)
    for await (const _ of vault.readLines(lines));
    expect(await near.stat(key)).not.toBeNull()
    expect(await near.stat(objectKey(lines))).not.toBeNull()
  })

  it('is not believed when it is damaged', async () => {
    const store = far()
    const near = createMemoryStore()
    await createVault(store, birth)
    const vault = await openVault(store, { near })
    const { lines } = await oneSnapshot(vault)
    await near.put(objectKey(lines), textBody('damaged'))
    const read: string[] = []
    for await (const line of vault.readLines(lines)) read.push(line)
    expect(read).toHaveLength(1)
  })

  it('suffices where this machine may write and not read', async () => {
    const inner = far()
    const near = createMemoryStore()
    await createVault(inner, birth)
    const blind: Store = {
      ...inner,
      get: async (key) => {
        if (key === 'cloudkeep.json') return inner.get(key)
        throw new AppError('KEY_MISSING', 'there is no key to read it with')
      },
    }
    const vault = await openVault(blind, { near })
    const { snapshot } = await oneSnapshot(vault)
    const { key } = await vault.writeSnapshot(snapshot)
    await vault.writeSnapshot(snapshot)
    expect((await vault.readSnapshot(key)).snapshot.id).toBe(snapshot.id)
    await near.delete(key)
    await expect(vault.readSnapshot(key)).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })
})

async function oneSnapshot(vault: Awaited<ReturnType<typeof openVault>>) {
  const entry = sampleEntry({ object: digest, size: text.length })
  await vault.putObject(digest, textBody(text))
  const { object, size, lines } = await vault.putLines([encodeEntry(entry)])
  const segments = [{ prefix: '', object, size, entries: lines, contentBytes: text.length }]
  return { snapshot: sampleSnapshot({ segments }), lines: object }
}

describe('a vault whose bucket keeps what is overwritten', () => {
  let keeping: KeepingStore
  beforeEach(async () => {
    keeping = createKeepingStore()
    await createVault(keeping.store, birth)
  })

  it('reads what was written first', async () => {
    const vault = await openVault(keeping.store)
    await vault.putObject(digest, textBody(text))
    await keeping.overwrite(objectKey(digest), Buffer.from('a p_otograph'))
    await keeping.overwrite('cloudkeep.json', Buffer.from('{}'))
    expect((await collect(await (await openVault(keeping.store)).openObject(digest))).toString()).toBe(text)
  })

  it('keeps an object although somebody was there before with other bytes of the same length', async () => {
    const vault = await openVault(keeping.store)
    await keeping.overwrite(objectKey(digest), Buffer.from('a p_otograph'))
    expect(await vault.putObject(digest, textBody(text))).toEqual({ written: true })
    expect((await collect(await vault.openObject(digest))).toString()).toBe(text)
    expect((await collect(await vault.openObject(digest, undefined, { start: 2, end: 6 }))).toString()).toBe('photo')
  })

  it('does not believe that something was purged whose bytes are there', async () => {
    const vault = await openVault(keeping.store)
    await vault.putObject(digest, textBody(text))
    const gone = { object: 'ee'.repeat(32) }
    const value = { versions: [{ object: digest }, gone, { object: null }] }
    const place = { kind: 'purges', cloud: 'shop' } as const
    const key = await vault.writeRecord(place, { id: 'p', at: '2026-11-22T07:00:00.000Z', value })
    expect(await vault.readRecord(key)).toEqual({ versions: [gone, { object: null }] })
  })

  it('does not keep twice what is there and good', async () => {
    const vault = await openVault(keeping.store)
    await vault.putObject(digest, textBody(text))
    expect(await vault.putObject(digest, textBody(text))).toEqual({ written: false })
  })

  it('says that an object is damaged when none of its bodies is right', async () => {
    const vault = await openVault(keeping.store)
    await keeping.overwrite(objectKey(digest), Buffer.from('wrong'))
    await keeping.overwrite(objectKey(digest), Buffer.from('wrong too'))
    await expect(collect(await vault.openObject(digest))).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  })
})
