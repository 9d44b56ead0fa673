import { expect, test } from 'vitest'
import { createAdaptiveLimit } from './adaptive-limit.ts'
import { createGroup } from './group.ts'
import { backOff } from './retry.ts'
import { createThrottle } from './throttle.ts'

test('the limit doubles while all goes well, and stays within its maximum', () => {
  const limit = createAdaptiveLimit(32)
  for (let n = 0; n < 8 + 16; n += 1) limit.succeeded()
  expect(limit.current).toBe(32)
  for (let n = 0; n < 1000; n += 1) limit.succeeded()
  expect(limit.current).toBe(32)
})

test('a burst of strain takes a third away once, and the limit recovers one at a time', () => {
  let time = 0
  const limit = createAdaptiveLimit(32, () => time)
  for (let n = 0; n < 100; n += 1) limit.succeeded()
  for (let n = 0; n < 20; n += 1) limit.strained()
  expect(limit.current).toBe(21)
  time = 1001
  limit.strained()
  expect(limit.current).toBe(14)
  for (let n = 0; n < 14; n += 1) limit.succeeded()
  expect(limit.current).toBe(15)
})

test('the limit never falls below one', () => {
  let time = 0
  const limit = createAdaptiveLimit(4, () => time)
  for (let n = 0; n < 20; n += 1) {
    time += 2000
    limit.strained()
  }
  expect(limit.current).toBe(1)
})

test('back-off doubles up to its maximum and keeps at least half of it', () => {
  expect(backOff(1, { firstMs: 100, maxMs: 30_000 }, 0)).toBe(50)
  expect(backOff(4, { firstMs: 100, maxMs: 30_000 }, 1)).toBe(800)
  expect(backOff(50, { firstMs: 100, maxMs: 1000 }, 1)).toBe(1000)
})

test('a throttle lets its rate through and not more', async () => {
  const throttle = createThrottle(1_000_000)
  const started = performance.now()
  for (let n = 0; n < 10; n += 1) await throttle(100_000)
  const took = performance.now() - started
  expect(took).toBeGreaterThan(650) // a second's worth, less the burst
})

test('a group handles what came meanwhile as one batch, in order, and tells each item of its own failure', async () => {
  const batches: number[][] = []
  const group = createGroup<number>(async (items) => {
    batches.push([...items])
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (items.includes(5)) throw new Error('five')
  })
  const first = group.add(1)
  await new Promise((resolve) => setTimeout(resolve, 5))
  const second = [2, 3, 4].map((n) => group.add(n))
  await first
  await new Promise((resolve) => setTimeout(resolve, 5))
  const bad = group.add(5)
  const after = bad.catch(() => undefined).then(() => group.add(6))
  await Promise.all(second)
  await expect(bad).rejects.toThrow('five')
  await after
  expect(batches).toEqual([[1], [2, 3, 4], [5], [6]])
})
