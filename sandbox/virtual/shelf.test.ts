import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { scramble, unscramble } from '../random.ts'
import type { Asset } from '../state.ts'
import { createVirtualShelf } from './shelf.ts'

const take = (assets: Iterable<Asset>, count = Number.POSITIVE_INFINITY): Asset[] => {
  const taken: Asset[] = []
  for (const asset of assets) {
    if (taken.length >= count) break
    taken.push(asset)
  }
  return taken
}
const positionOf = ({ createdAt, assetId }: Asset): { createdAt: number; assetId: string } => ({ createdAt, assetId })
const newAsset = (like: Asset, changes: Partial<Asset>): Asset => ({ ...like, ...changes })

it('scrambles 32-bit numbers so that they can be unscrambled', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => unscramble(scramble(n)) === n))
})

it('computes every asset in order, with names and ids that lead back to it', () => {
  const shelf = createVirtualShelf({ assets: 3000, seed: 7 })
  const assets = take(shelf.scan())
  expect(assets).toHaveLength(3000)
  expect(new Set(assets.map((asset) => asset.assetId)).size).toBe(3000)
  assets.forEach((asset, n) => {
    expect(asset.assetId).toMatch(/^[0-9a-f]{32}$/)
    expect(shelf.byId(asset.assetId)?.publicId).toBe(asset.publicId)
    expect(shelf.byName(asset.resourceType, asset.type, asset.publicId)?.assetId).toBe(asset.assetId)
    expect(asset.createdAt).toBeGreaterThan(assets[n - 1]?.createdAt ?? 0)
  })
  expect(take(shelf.scanDown()).map((asset) => asset.assetId)).toEqual(assets.map((asset) => asset.assetId).reverse())
  expect(shelf.held).toBe(0)
})

it('spreads ids evenly over their prefixes', () => {
  const counts = new Map<string, number>()
  for (const asset of createVirtualShelf({ assets: 25_600, seed: 3 }).scan()) {
    const prefix = asset.assetId.slice(0, 2)
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1)
  }
  expect(counts.size).toBe(256)
  expect(Math.max(...counts.values())).toBeLessThan(160)
  expect(Math.min(...counts.values())).toBeGreaterThan(50)
})

it('gives each asset bytes of its own that fit its MD5 and can be read in parts', () => {
  for (const medianBytes of [100, 1024, 900_000]) {
    const seen = new Set<string>()
    for (const asset of take(createVirtualShelf({ assets: 1000, seed: 1, medianBytes }).scan(), 30)) {
      const { content } = asset
      if (content === null) throw new Error('no content')
      const bytes = content.read(0, content.size - 1)
      expect(bytes).toHaveLength(content.size)
      expect(createHash('md5').update(bytes).digest('hex')).toBe(content.md5)
      const middle = Math.floor(content.size / 2)
      expect(Buffer.concat([content.read(0, middle), content.read(middle + 1, content.size + 99)]).equals(bytes)).toBe(
        true,
      )
      expect(content.read(3, 5).equals(bytes.subarray(3, 6))).toBe(true)
      seen.add(content.md5)
    }
    expect(seen.size).toBe(30)
  }
})

it('has sizes around the median', () => {
  const sizes = take(createVirtualShelf({ assets: 2000, seed: 5, medianBytes: 10_000 }).scan()).map(
    (a) => a.content?.size ?? 0,
  )
  sizes.sort((a, b) => a - b)
  expect(sizes[1000]).toBeGreaterThan(9000)
  expect(sizes[1000]).toBeLessThan(11_000)
  expect(sizes[100]).toBeLessThan(5000)
  expect(sizes[1900]).toBeGreaterThan(20_000)
})

it('continues a scan after any position, in both directions', () => {
  const shelf = createVirtualShelf({ assets: 200, seed: 2 })
  const sample = take(shelf.scan(), 1)[0]
  if (sample === undefined) throw new Error('empty')
  shelf.add(newAsset(sample, { assetId: 'f'.repeat(32), publicId: 'late', createdAt: Date.UTC(2030, 0) }))
  shelf.add(newAsset(sample, { assetId: '0'.repeat(32), publicId: 'same time', createdAt: sample.createdAt }))
  shelf.add(newAsset(sample, { assetId: 'e'.repeat(32), publicId: 'early', createdAt: 5 }))
  const all = take(shelf.scan())
  expect(all).toHaveLength(203)
  expect(shelf.size).toBe(203)
  all.forEach((asset, n) => {
    expect(take(shelf.scan(positionOf(asset)), 2).map((a) => a.assetId)).toEqual(
      all.slice(n + 1, n + 3).map((a) => a.assetId),
    )
    const earlier = all.slice(Math.max(0, n - 2), n).map((a) => a.assetId)
    expect(take(shelf.scanDown(positionOf(asset)), 2).map((a) => a.assetId)).toEqual(earlier.reverse())
  })
  expect(take(shelf.scan({ createdAt: 6, assetId: '' }), 1)[0]?.publicId).not.toBe('early')
})

it('keeps what somebody changed, however deep, and nothing else', () => {
  const shelf = createVirtualShelf({ assets: 5000, seed: 9 })
  const [one, two, three, four] = take(shelf.scan(), 4)
  if (!one || !two || !three || !four) throw new Error('empty')
  one.displayName = 'changed'
  two.tags.push('pushed')
  three.context['alt'] = 'changed'
  four.related.add('x')
  expect(JSON.stringify({ ...take(shelf.scan(), 5)[4] })).toContain('catalog/')
  expect(shelf.held).toBe(4)
  expect(shelf.byId(one.assetId)?.displayName).toBe('changed')
  expect(take(shelf.scan(), 2)[1]?.tags).toContain('pushed')
  expect(shelf.byName(three.resourceType, three.type, three.publicId)?.context).toEqual({ alt: 'changed' })
  expect(shelf.byId(four.assetId)?.related.has('x')).toBe(true)
})

it('follows renames and removals', () => {
  const shelf = createVirtualShelf({ assets: 100, seed: 4 })
  const [asset, other] = take(shelf.scan(), 2)
  if (!asset || !other) throw new Error('empty')
  const before = { resourceType: asset.resourceType, type: asset.type, publicId: asset.publicId }
  asset.publicId = 'elsewhere'
  shelf.renamed(asset, before)
  expect(shelf.byName(before.resourceType, before.type, before.publicId)).toBeUndefined()
  expect(shelf.byName(before.resourceType, before.type, 'elsewhere')?.assetId).toBe(asset.assetId)
  shelf.remove(other.assetId)
  shelf.remove(other.assetId)
  expect(shelf.byId(other.assetId)).toBeUndefined()
  expect(shelf.byName(other.resourceType, other.type, other.publicId)).toBeUndefined()
  expect(take(shelf.scan())).toHaveLength(99)
  expect(shelf.size).toBe(99)
})

it('scans for one type only, changed and added assets included', () => {
  const shelf = createVirtualShelf({ assets: 1000, seed: 4 })
  const image = take(shelf.scan()).find((asset) => asset.resourceType === 'image' && asset.type === 'upload')
  if (!image) throw new Error('empty')
  const before = take(shelf.scan(undefined, { resourceType: 'image', type: 'private' })).length
  expect(before).toBe(take(shelf.scan()).filter((a) => a.resourceType === 'image' && a.type === 'private').length)
  image.type = 'private'
  shelf.add(newAsset(image, { assetId: 'ab'.repeat(16), publicId: 'another' }))
  expect(take(shelf.scan(undefined, { resourceType: 'image', type: 'private' }))).toHaveLength(before + 2)
  expect(take(shelf.scanDown(undefined, { type: 'nothing' }))).toEqual([])
  expect([...shelf.changed()].map((asset) => asset.publicId)).toEqual([image.publicId, 'another'])
})

it('walks fifty million assets from the middle as quickly as ten', () => {
  const shelf = createVirtualShelf({ assets: 50_000_000, seed: 1 })
  const started = performance.now()
  const middle = take(shelf.scan({ createdAt: Date.UTC(2021, 6, 1), assetId: '' }), 10)
  expect(middle.map((asset) => shelf.byId(asset.assetId)?.publicId)).toEqual(middle.map((asset) => asset.publicId))
  expect(performance.now() - started).toBeLessThan(500)
})
