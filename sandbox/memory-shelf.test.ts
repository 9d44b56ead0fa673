import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCloud } from './cloud.ts'
import { makeAsset } from './make-asset.ts'
import { createMemoryShelf } from './memory-shelf.ts'
import type { Asset } from './state.ts'

const assetAt = (n: number, createdAt: number): Asset =>
  makeAsset(createCloud({ name: 'x' }), { publicId: `p${n}`, createdAt, assetId: String(n).padStart(32, '0') })

const byPosition = (a: Asset, b: Asset): number => a.createdAt - b.createdAt || (a.assetId < b.assetId ? -1 : 1)

describe('a shelf in memory', () => {
  it('is in the order of creation whatever was added and removed, and starts anywhere', () => {
    const step = fc.record({ n: fc.nat(30), at: fc.nat(5), add: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(5), (steps, from) => {
        const shelf = createMemoryShelf()
        const model = new Map<string, Asset>()
        for (const { n, at, add } of steps) {
          const asset = assetAt(n, at)
          if (add) shelf.add(asset)
          else shelf.remove(asset.assetId)
          if (add) model.set(asset.assetId, asset)
          else model.delete(asset.assetId)
        }
        const sorted = [...model.values()].sort(byPosition)
        expect(shelf.size).toBe(sorted.length)
        expect([...shelf.scan()]).toEqual(sorted)
        expect([...shelf.scanDown()]).toEqual([...sorted].reverse())
        const position = { createdAt: from, assetId: '5'.padStart(32, '0') }
        const isAfter = (asset: Asset): boolean =>
          asset.createdAt > from || (asset.createdAt === from && asset.assetId > position.assetId)
        expect([...shelf.scan(position)]).toEqual(sorted.filter(isAfter))
        const before = sorted.filter(
          (asset) => !isAfter(asset) && !(asset.createdAt === from && asset.assetId === position.assetId),
        )
        expect([...shelf.scanDown(position)]).toEqual(before.reverse())
      }),
      { numRuns: 60 },
    )
  })

  it('finds by id and by name, and follows a rename', () => {
    const shelf = createMemoryShelf()
    const asset = assetAt(1, 0)
    shelf.add(asset)
    expect(shelf.byName('image', 'upload', 'p1')).toBe(asset)
    asset.publicId = 'q'
    asset.type = 'private'
    shelf.renamed(asset, { resourceType: 'image', type: 'upload', publicId: 'p1' })
    expect(shelf.byName('image', 'upload', 'p1')).toBeUndefined()
    expect(shelf.byName('image', 'private', 'q')).toBe(asset)
    shelf.remove(asset.assetId)
    expect(shelf.byId(asset.assetId)).toBeUndefined()
    expect(shelf.byName('image', 'private', 'q')).toBeUndefined()
  })
})
