import { expect, it } from 'vitest'
import { CLOUD } from '../../../test/samples/history.ts'
import { digestOf, takeSnapshot } from '../../../test/samples/shelf.ts'
import type { Protection } from '../../model/protection.ts'
import { createVault } from '../../vault/create.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import { lookAtProtection } from './look.ts'

const { signal } = new AbortController()
const FOUND: Protection = { canRemove: false, keepsVersions: true, objects: null, notes: ['seen'] }

const newVault = (): Promise<Vault> =>
  createVault(createMemoryStore(), { now: new Date('2026-11-22T06:00:00Z'), id: 'v', tool: 'test' })

const states = (count: number, words: string) =>
  Array.from({ length: count }, (_, i) => ({
    assetId: String(i).padStart(2, '0').padEnd(32, '0'),
    bytes: `${words} ${i}`,
  }))

it('protection is looked at on heads, lists and objects of the newest snapshot, the same each time', async () => {
  const vault = await newVault()
  const first = await takeSnapshot(vault, { id: 'a', takenAt: '2026-11-20T06:00:00Z' }, states(1, 'old'))
  const last = await takeSnapshot(vault, { id: 'b', takenAt: '2026-11-21T06:00:00Z' }, states(40, 'new'))
  let asked: readonly string[] = []
  const look = async () =>
    await lookAtProtection(
      vault,
      async (keys) => {
        asked = keys
        return FOUND
      },
      signal,
    )
  const { looked, protection } = await look()
  expect(looked.map(({ key }) => key)).toEqual(asked)
  expect(protection).toEqual(FOUND)
  const keysOf = (is: string): string[] => looked.filter((each) => each.is === is).map(({ key }) => key)
  expect(keysOf('newest head')).toEqual([last.key])
  expect(keysOf('oldest head')).toEqual([first.key])
  expect(keysOf('list')).toEqual(last.snapshot.segments.map(({ object }) => objectKey(object)))
  const named = new Set(states(40, 'new').map(({ bytes }) => objectKey(digestOf(bytes))))
  expect(keysOf('object')).toHaveLength(6)
  expect(keysOf('object').every((key) => named.has(key))).toBe(true)
  // Spread: from the lower and from the upper half of all digests.
  expect(new Set(keysOf('object').map((key) => Number.parseInt(key.slice(8, 9), 16) >> 3)).size).toBe(2)
  expect((await look()).looked).toEqual(looked)
})

it('protection of an empty vault is looked at on nothing, and a damaged list is told', async () => {
  const vault = await newVault()
  expect((await lookAtProtection(vault, async () => FOUND, signal)).looked).toEqual([])
  const { snapshot, key } = await takeSnapshot(vault, { id: 'a', takenAt: '2026-11-20T06:00:00Z' }, states(3, 'x'))
  const [list] = snapshot.segments
  await vault.store.delete(objectKey(list?.object ?? ''))
  const { looked, protection } = await lookAtProtection(vault, async () => FOUND, signal)
  expect(looked.map((each) => each.is)).toEqual(['newest head', 'list'])
  expect(looked[0]).toEqual({ key, is: 'newest head', cloud: CLOUD })
  expect(protection.notes).toEqual(['seen', expect.stringContaining('cannot be read here')])
})
