import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../lib/hash.ts'
import { textBody } from '../vault/body.ts'
import { createObjects } from '../vault/objects.ts'
import type { Store } from '../vault/store.ts'
import { createMemoryStore } from '../vault/stores/memory.ts'
import { foundInList } from './found-in-list.ts'

const nameOf = (n: number): string => sha256Hex(`object ${n}`)
const never = new AbortController().signal

async function* names(from: number, to: number, step = 1): AsyncGenerator<string, void, void> {
  for (let n = from; n < to; n += step) yield nameOf(n)
}

/** A store with so many objects that counts what a list of it gives out. */
const stocked = async (objects: number, listsInOrder = true) => {
  const inner = createMemoryStore()
  const seen = { listed: 0 }
  const store: Store = {
    ...inner,
    traits: { ...inner.traits, listsInOrder },
    async *list(prefix, signal) {
      for await (const stat of inner.list(prefix, signal)) {
        seen.listed += 1
        yield stat
      }
    },
  }
  const { putObject, listObjects } = createObjects(store)
  for (let n = 0; n < objects; n++) await putObject(nameOf(n), textBody(`object ${n}`))
  return { vault: { store, listObjects }, seen }
}

describe('a list of a vault', () => {
  test('shows every object that is there, and none that is not', async () => {
    const { vault } = await stocked(80)
    const isListed = await foundInList(vault, names(0, 100), never)
    expect(Array.from({ length: 100 }, (_, n) => isListed(nameOf(n)))).toEqual(
      Array.from({ length: 100 }, (_, n) => n < 80),
    )
    expect(isListed(sha256Hex('a stranger'))).toBe(false)
  })

  test('shows nothing that nobody asked for', async () => {
    const { vault } = await stocked(80)
    const isListed = await foundInList(vault, names(0, 60), never)
    expect(isListed(nameOf(70))).toBe(false)
  })

  test('ends when all are found', async () => {
    const { vault, seen } = await stocked(80)
    await foundInList(vault, names(0, 60), never)
    expect(seen.listed).toBe(60)
  })

  test('ends early in a vault that holds much more', async () => {
    const { vault, seen } = await stocked(7000)
    const isListed = await foundInList(vault, names(0, 7000, 140), never)
    expect(seen.listed).toBe(5000)
    const found = Array.from({ length: 50 }, (_, n) => isListed(nameOf(n * 140))).filter(Boolean).length
    expect(found).toBeGreaterThan(0)
    expect(found).toBeLessThan(50)
  })

  test('is not asked for a few, nor where it is dear', async () => {
    const few = await stocked(80)
    expect((await foundInList(few.vault, names(0, 49), never))(nameOf(0))).toBe(false)
    const dear = await stocked(80, false)
    expect((await foundInList(dear.vault, names(0, 80), never))(nameOf(0))).toBe(false)
    expect([few.seen.listed, dear.seen.listed]).toEqual([0, 0])
  })
})
