import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StepKind, StepState } from '../catalog/catalog.ts'
import { totalsOf } from './totals.ts'

const KINDS: readonly StepKind[] = ['fetch', 'relabel', 'rename', 'record', 'keep', 'exclude']
const STATES: readonly StepState[] = ['queued', 'hashed', 'done', 'failed', 'vanished']

test('whatever happened, every scanned asset is accounted for exactly once', () => {
  const row = fc.record({
    kind: fc.constantFrom(...KINDS),
    state: fc.constantFrom(...STATES),
    why: fc.constantFrom('new', 'facts', 'details'),
    count: fc.nat(1000),
    bytes: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const { scanned, fetched, unchanged, relabelled, renamed, recorded, failed, excluded } = totalsOf(rows, 7)
      expect(fetched + unchanged + relabelled + renamed + recorded + failed + excluded).toBe(scanned)
    }),
  )
})
