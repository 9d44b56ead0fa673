import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  afterRun,
  createPortion,
  isReadIn,
  parseReadWish,
  positionOf,
  type ReadingCycle,
  type ReadWish,
} from './reading.ts'

const digest = (n: number): string => createHash('sha256').update(String(n)).digest('hex')

describe('what is to be read', () => {
  test.each([
    ['none', { kind: 'none' }],
    ['all', { kind: 'all' }],
    ['5%', { kind: 'share', share: 0.05 }],
    ['0.5%', { kind: 'share', share: 0.005 }],
    ['100%', { kind: 'share', share: 1 }],
    ['30m', { kind: 'time', ms: 1_800_000 }],
    ['90s', { kind: 'time', ms: 90_000 }],
    ['1.5h', { kind: 'time', ms: 5_400_000 }],
    ['2GB', { kind: 'bytes', bytes: 2_000_000_000 }],
    ['30M', { kind: 'bytes', bytes: 30 * 1024 ** 2 }],
    ['1GiB', { kind: 'bytes', bytes: 1024 ** 3 }],
    ['500B', { kind: 'bytes', bytes: 500 }],
  ])('%s', (text, wish) => expect(parseReadWish(text)).toEqual(wish))

  test.each(['', '5', '0%', '101%', '-5%', '5 %', 'm', '30min', '1e3s', 'ALL', '5g', '0.0001%', 'iB', '5iB', '0.1B'])(
    'refuses %j',
    (text) => expect(() => parseReadWish(text)).toThrow(expect.objectContaining({ code: 'USAGE' })),
  )
})

const START = '2026-11-01T00:00:00.000Z'
const fresh: ReadingCycle = { startedAt: START, passes: [] }
const minutes = (n: number): number => Date.parse(START) + n * 60_000

interface Kept {
  readonly digest: string
  readonly size: number
  readonly since: number
}

/** One run over what is there, as `checkObjects` makes it. */
function run(cycle: ReadingCycle, there: readonly Kept[], wish: ReadWish, at: number) {
  const totalBytes = there.reduce((sum, { size }) => sum + size, 0)
  const portion = createPortion(wish, { cycle, totalBytes, now: () => at })
  const inOrder = [...there].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const read = inOrder
    .filter((object) => portion.takes({ ...object, position: object.digest }))
    .map((object) => object.digest)
  const { reached } = portion
  return {
    read,
    done: reached === null,
    next: afterRun(cycle, { at: new Date(at).toISOString(), reached: reached ?? '' }),
  }
}

const objects = (count: number, since = 0): Kept[] =>
  Array.from({ length: count }, (_, n) => ({ digest: digest(n), size: 10, since: minutes(since) }))

test('a twentieth at a time reads every object exactly once, in twenty runs', () => {
  const there = objects(200)
  const read: string[] = []
  let cycle = fresh
  for (let n = 1; n <= 20; n += 1) {
    const one = run(cycle, there, { kind: 'share', share: 0.05 }, minutes(n))
    expect(one.read).toHaveLength(10)
    expect(one.done).toBe(n === 20)
    read.push(...one.read)
    cycle = one.next
  }
  expect(read.sort()).toEqual(there.map((object) => object.digest).sort())
})

test('an object larger than the wish is read all the same, or nothing behind it ever would', () => {
  const there = objects(3).map((object) => ({ ...object, size: 1000 }))
  let cycle = fresh
  for (let n = 1; n <= 3; n += 1) {
    const one = run(cycle, there, { kind: 'bytes', bytes: 1 }, minutes(n))
    expect(one.read).toHaveLength(1)
    cycle = one.next
  }
})

test('what was added behind the position is read before the cycle ends', () => {
  const old = objects(100)
  const first = run(fresh, old, { kind: 'share', share: 0.5 }, minutes(1))
  const behind = { digest: `00${'0'.repeat(62)}`, size: 10, since: minutes(2) }
  expect(behind.digest < positionOf(first.next)).toBe(true)
  expect(isReadIn(first.next, behind.digest, behind.since)).toBe(false)
  const second = run(first.next, [...old, behind], { kind: 'share', share: 1 }, minutes(3))
  expect(second.done).toBe(true)
  expect(second.read).toContain(behind.digest)
  expect(second.read).toHaveLength(51)
})

test('what nothing names is read when a pass goes by and not waited for', () => {
  const { next } = run(fresh, objects(10), { kind: 'share', share: 0.5 }, minutes(1))
  expect(isReadIn(next, `0${'0'.repeat(63)}`, null)).toBe(true)
  expect(isReadIn(next, 'f'.repeat(64), null)).toBe(false)
})

test('whatever comes and goes meanwhile, a cycle ends only when everything that is there was read in it, each once', () => {
  const change = fc.record({ add: fc.nat(8), remove: fc.nat(4), share: fc.integer({ min: 5, max: 60 }) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 3, maxLength: 40 }), (changes) => {
      let there = objects(20)
      let named = there.length
      let cycle = fresh
      const readAt = new Map<string, number>()
      for (const [n, { add, remove, share }] of changes.entries()) {
        const at = minutes(10 * n + 5)
        const one = run(cycle, there, { kind: 'share', share: share / 100 }, at)
        for (const each of one.read) {
          expect(readAt.has(each)).toBe(false)
          readAt.set(each, at)
        }
        if (one.done) {
          expect(there.filter((object) => !readAt.has(object.digest))).toEqual([])
          readAt.clear()
          cycle = { startedAt: new Date(at).toISOString(), passes: [] }
        } else cycle = one.next
        there = there.slice(remove)
        for (let k = 0; k < add; k += 1) {
          there.push({ digest: digest(named), size: 1 + (named % 30), since: minutes(10 * n + 7) })
          named += 1
        }
      }
    }),
    { numRuns: 200 },
  )
})
