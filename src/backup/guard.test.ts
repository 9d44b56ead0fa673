import { expect, test } from 'vitest'
import { isImplausible } from './guard.ts'

test.each([
  { vanished: 50, replaced: 0, base: 60, stops: false, why: 'up to 50 changes never stop a run' },
  { vanished: 51, replaced: 0, base: 60, stops: true, why: 'most of a small account' },
  { vanished: 100, replaced: 0, base: 1000, stops: false, why: 'exactly a tenth' },
  { vanished: 101, replaced: 0, base: 1000, stops: true, why: 'more than a tenth' },
  { vanished: 60, replaced: 60, base: 1000, stops: true, why: 'vanished and replaced count together' },
])('$why: $vanished gone and $replaced replaced of $base', ({ stops, ...verdict }) => {
  expect(isImplausible(verdict)).toBe(stops)
})
