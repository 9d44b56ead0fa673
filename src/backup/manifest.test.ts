import { expect, test } from 'vitest'
import { choosePrefixLength } from './manifest.ts'

test('segments split finer as the account grows and do not flap at the edge', () => {
  expect(choosePrefixLength(0, null)).toBe(0)
  expect(choosePrefixLength(1024, null)).toBe(0)
  expect(choosePrefixLength(1025, null)).toBe(1)
  expect(choosePrefixLength(1_000_000, null)).toBe(3)
  expect(choosePrefixLength(1000, 1)).toBe(1)
  expect(choosePrefixLength(100, 1)).toBe(0)
})
