import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createDigestSet } from './digest-set.ts'

const digest = (n: number): string => createHash('sha256').update(String(n)).digest('hex')

test('a digest set tells members, marks and strangers apart while it grows', () => {
  const set = createDigestSet()
  for (let n = 0; n < 20_000; n += 1) expect(set.add(digest(n))).toBe(n)
  for (let n = 0; n < 20_000; n += 1) expect(set.add(digest(n))).toBe(n)
  expect([set.indexOf(digest(0)), set.indexOf(digest(19_999)), set.indexOf(digest(20_000))]).toEqual([0, 19_999, -1])
  expect(set.size).toBe(20_000)
  for (let n = 0; n < 20_000; n += 2) expect(set.mark(digest(n))).toBe(true)
  expect(set.has(digest(20_001))).toBe(false)
  expect(set.mark(digest(20_001))).toBe(false)
  for (let n = 0; n < 20_000; n += 1) {
    expect(set.has(digest(n))).toBe(true)
  }
  const odd = Array.from({ length: 10_000 }, (_, i) => digest(i * 2 + 1))
  expect([...set.unmarked()].sort()).toEqual(odd.sort())
})
