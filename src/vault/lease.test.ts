import { afterEach, describe, expect, it } from 'vitest'
import { createKeepingStore } from '../../test/keeping-store.ts'
import { AppError } from '../model/errors.ts'
import { textBody } from './body.ts'
import { type LeaseOptions, takeLease } from './lease.ts'
import type { VaultLock } from './lock.ts'
import type { Store } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'

const START = Date.parse('2026-11-22T06:00:00Z')
const [HERE, THERE] = ['00000000000000aa', '00000000000000bb']
const held: VaultLock[] = []
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release()
})

const options = (id: string, changes: Partial<LeaseOptions> = {}): LeaseOptions => ({
  name: 'run',
  command: 'backup',
  id,
  host: `host-${id}`,
  pid: 7,
  now: () => START,
  ...changes,
})

const take = async (store: Store, id: string, changes: Partial<LeaseOptions> = {}): Promise<VaultLock> => {
  const lock = await takeLease(store, options(id, changes))
  held.push(lock)
  return lock
}

const keysOf = async (store: Store): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys
}

/** A store that lets nothing be removed, as credentials without that right. */
const appendOnly = (store: Store): Store => ({
  ...store,
  delete: async (key) => {
    throw new AppError('STORE_REFUSED', `no right to remove ${key}`)
  },
})

describe.each([
  ['a store in memory', createMemoryStore],
  ['a store where nothing can be removed', () => appendOnly(createMemoryStore())],
  ['a store that keeps what was overwritten', () => createKeepingStore().store],
])('a lease in %s', (_, make) => {
  it('keeps a second run out and names the first', async () => {
    const store = make()
    await take(store, 'a')
    await expect(take(store, 'b')).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
      message: expect.stringMatching(/"backup", process 7 on host-a, since 2026-11-22T06:00:00/),
    })
  })

  it('can be had again as soon as it was released', async () => {
    const store = make()
    await (await take(store, 'a')).release()
    await take(store, 'b')
  })

  it('ends by itself when its holder was killed', async () => {
    const store = make()
    await takeLease(store, options('a', { lastsMs: 60_000 }))
    await expect(take(store, 'b', { now: () => START + 60_000 })).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
    await take(store, 'b', { now: () => START + 100_000 })
  })

  it('is not waited for when its holder was killed on this very machine', async () => {
    const store = make()
    await takeLease(store, options('a', { under: HERE }))
    await takeLease(store, options('b', { under: HERE, now: () => START + 1 }))
    await expect(take(store, 'c', { under: THERE })).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
      message: expect.stringMatching(/host-b/),
    })
    await (await take(store, 'd', { under: HERE, now: () => START + 2 })).release()
    await take(store, 'e', { under: THERE, now: () => START + 3 })
  })

  it('goes to one of many who come at once', async () => {
    const store = make()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_each, n) => take(store, `m${n}`, { now: () => START + n })),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('is another one for a prune', async () => {
    const store = make()
    await take(store, 'a')
    await take(store, 'b', { name: 'prune' })
  })
})

it('is renewed while its holder works', async () => {
  const store = createMemoryStore()
  let time = START
  await take(store, 'a', { now: () => time, lastsMs: 60 })
  await new Promise((resolve) => setTimeout(resolve, 100))
  time += 60_000
  await new Promise((resolve) => setTimeout(resolve, 100))
  await expect(take(store, 'b', { now: () => time })).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
})

it('leaves nothing behind where it can remove what it wrote', async () => {
  const store = createMemoryStore()
  await takeLease(store, options('killed', { now: () => START - 3_600_000 }))
  await takeLease(store, options('killed-here', { under: HERE }))
  await (await take(store, 'a', { under: HERE })).release()
  expect(await keysOf(store)).toEqual([])
})

it('takes no notice of what is no lease', async () => {
  const store = createMemoryStore()
  await store.put(`locks/run/${START + 1_000_000}-x.json`, textBody('{'))
  await store.put('locks/run/whatever', textBody('x'))
  await take(store, 'a')
})

it('says so when it cannot be renewed, and lets the run go on', async () => {
  const memory = createMemoryStore()
  let isDown = false
  const store: Store = {
    ...memory,
    put: (key, body, signal, mode) => {
      if (isDown) throw new AppError('STORE_UNAVAILABLE', 'the network is down', { permanent: false })
      return memory.put(key, body, signal, mode)
    },
  }
  const notes: string[] = []
  await take(store, 'a', { lastsMs: 30, note: (message) => notes.push(message) })
  isDown = true
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(notes[0]).toContain('the network is down')
})

it('is let go of in a while when nobody can be told', async () => {
  const memory = createMemoryStore()
  let isDown = false
  const store: Store = {
    ...memory,
    put: (key, body, signal, mode) =>
      isDown
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        : memory.put(key, body, signal, mode),
  }
  const lock = await takeLease(store, options('a', { partingMs: 50 }))
  isDown = true
  await lock.release()
})
