import { expect, test } from 'vitest'
import { collect, storeContract } from '../../test/contracts/store.ts'
import { createKeepingStore } from '../../test/keeping-store.ts'
import { memoryBody, textBody } from './body.ts'
import { createMemoryStore } from './stores/memory.ts'
import { throttledStore } from './throttled.ts'

const FAST = 1024 ** 3

storeContract('a store with a limit', async () => ({
  store: throttledStore(createMemoryStore(), FAST),
  close: async () => undefined,
}))

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}
const bytes = Buffer.alloc(300_000, 7)
const stream = {
  size: bytes.length,
  async *open() {
    for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000)
  },
}

test.each([
  ['in memory', memoryBody(bytes)],
  ['in pieces', stream],
])('a body %s goes no faster than the limit, and comes back no faster', async (_, body) => {
  const store = throttledStore(createMemoryStore(), 400_000)
  // A quarter of a second's worth goes at once.
  expect(await timed(() => store.put('objects/ab/x', body))).toBeGreaterThan(450)
  const reading = async (): Promise<void> =>
    expect(bytes.equals(await collect(await store.get('objects/ab/x')))).toBe(true)
  expect(await timed(reading)).toBeGreaterThan(450)
})

test('a lease does not wait behind a body', async () => {
  const store = throttledStore(createMemoryStore(), 50_000)
  const stop = new AbortController()
  const large = store.put('objects/ab/x', stream, stop.signal).catch(() => undefined)
  expect(await timed(() => store.put('locks/run/1-a.json', textBody('{}')))).toBeLessThan(400)
  stop.abort()
  await large
})

test('without a limit there is nothing between', () => {
  const inner = createMemoryStore()
  expect(throttledStore(inner, null)).toBe(inner)
})

test('every body of a store that keeps them comes no faster', async () => {
  const { store } = createKeepingStore()
  await store.put('objects/ab/x', memoryBody(bytes))
  const found = (await throttledStore(store, 400_000).variants?.('objects/ab/x')) ?? []
  expect(found).toHaveLength(1)
  expect(
    await timed(async () => {
      for (const variant of found) await collect(await variant.open())
    }),
  ).toBeGreaterThan(450)
})
