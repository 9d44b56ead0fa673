import { expect, it } from 'vitest'
import { applyRandomHistory, type Change, keepChanging } from './changes.ts'
import { createCloud } from './cloud.ts'
import { makeAsset } from './make-asset.ts'
import type { Cloud } from './state.ts'
import { createVirtualShelf } from './virtual/shelf.ts'

const account = (folderMode: 'dynamic' | 'fixed' = 'dynamic'): Cloud => {
  const cloud = createCloud({ name: 'acme', settings: { folderMode, autoBackup: false } })
  for (let n = 0; n < 50; n++) {
    makeAsset(cloud, {
      assetId: n.toString(16).padStart(32, '0'),
      publicId: `asset-${n}`,
      createdAt: 1_700_000_000_000 + n * 1000,
    })
  }
  return cloud
}
const outline = (changes: readonly Change[]): string[] => changes.map((change) => `${change.kind} ${change.publicId}`)
const counts = (changes: readonly Change[]): Record<string, number> => {
  const found: Record<string, number> = {}
  for (const { kind } of changes) found[kind] = (found[kind] ?? 0) + 1
  return found
}

it('does the same to the same account for the same seed', () => {
  const options = { steps: 100, now: () => 1_800_000_000_000 }
  const first = applyRandomHistory(account(), 4, options)
  expect(applyRandomHistory(account(), 4, options)).toEqual(first)
  expect(outline(applyRandomHistory(account(), 5, options))).not.toEqual(outline(first))
  expect(Object.keys(counts(first)).sort()).toEqual(['delete', 'overwrite', 'relabel', 'rename', 'upload'])
})

it.each(['dynamic', 'fixed'] as const)('leaves an account whose names and ids agree in %s mode', (folderMode) => {
  const cloud = account(folderMode)
  const changes = applyRandomHistory(cloud, 9, { steps: 400 })
  const { upload = 0, delete: deleted = 0 } = counts(changes)
  expect(cloud.shelf.size).toBe(50 + upload - deleted)
  for (const asset of cloud.shelf.scan()) {
    expect(cloud.shelf.byId(asset.assetId)).toBe(asset)
    expect(cloud.shelf.byName(asset.resourceType, asset.type, asset.publicId)).toBe(asset)
  }
})

it('raises the version with each overwrite, within one second too, and keeps the older ones where backup is on', () => {
  const cloud = createCloud({ name: 'acme', settings: { autoBackup: true } })
  const asset = makeAsset(cloud, { publicId: 'one', createdAt: 1_700_000_000_000 })
  const first = asset.version
  applyRandomHistory(cloud, 1, { steps: 5, kinds: ['overwrite'], now: () => 1_700_000_000_500 })
  expect(asset.version).toBe(first + 5)
  expect(asset.versions).toHaveLength(6)
})

it('changes computed accounts, holding only what it changed', () => {
  const shelf = createVirtualShelf({ assets: 100_000, seed: 1 })
  const cloud = createCloud({ name: 'big', shelf, settings: { autoBackup: false } })
  const changes = applyRandomHistory(cloud, 2, { steps: 300 })
  const { upload = 0, delete: deleted = 0 } = counts(changes)
  expect(shelf.size).toBe(100_000 + upload - deleted)
  expect(shelf.held).toBeLessThan(301)
})

it('goes on changing until it is stopped', async () => {
  const cloud = account()
  const changing = keepChanging(cloud, { everyMs: 1, seed: 1 })
  await new Promise((resolve) => setTimeout(resolve, 60))
  await changing.stop()
  const done = changing.changes.length
  expect(done).toBeGreaterThan(3)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(changing.changes).toHaveLength(done)
})
