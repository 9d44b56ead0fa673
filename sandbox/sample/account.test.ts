import { expect, it } from 'vitest'
import { createCloud } from '../cloud.ts'
import { probe } from '../media/probe.ts'
import type { Asset, Cloud } from '../state.ts'
import { fillSampleAccount } from './account.ts'

const NOW = Date.UTC(2026, 10, 1)
const sample = (folderMode: 'dynamic' | 'fixed' = 'dynamic'): Cloud => {
  const cloud = createCloud({ name: 'demo', settings: { folderMode } })
  fillSampleAccount(cloud, NOW)
  return cloud
}
const all = (cloud: Cloud): Asset[] => [...cloud.shelf.scan()]
const shared = sample()

it('is filled at once, and is the same each time', () => {
  const started = performance.now()
  const another = all(sample())
  expect(performance.now() - started).toBeLessThan(1000)
  all(shared).forEach((asset, n) => {
    expect([another[n]?.assetId, another[n]?.publicId]).toEqual([asset.assetId, asset.publicId])
    expect(another[n]?.versions.map((version) => version.versionId)).toEqual(
      asset.versions.map((version) => version.versionId),
    )
    if (n % 20 === 0) expect(another[n]?.content?.md5).toBe(asset.content?.md5)
  })
})

it('has everything that an account can have', () => {
  const cloud = shared
  const assets = all(cloud)
  expect(assets.length).toBeGreaterThan(180)
  expect(assets.length).toBeLessThan(250)
  const has = (test: (asset: Asset) => boolean, atLeast = 1): void =>
    expect(assets.filter(test).length).toBeGreaterThanOrEqual(atLeast)
  for (const type of ['upload', 'private', 'authenticated', 'fetch']) has((asset) => asset.type === type, 3)
  for (const status of ['pending', 'approved', 'rejected'])
    has((asset) => asset.moderation.some((entry) => entry.status === status))
  for (const format of ['jpg', 'png', 'svg', 'gif', 'pdf', 'wav', 'mp4', 'mov', 'avi'])
    has((asset) => asset.format === format)
  has((asset) => asset.versions.length > 1, 12)
  has((asset) => asset.content === null && asset.versions.length > 0, 5)
  has((asset) => asset.related.size > 0, 6)
  has((asset) => asset.coordinates !== null, 2)
  has((asset) => asset.regions !== null)
  has((asset) => asset.accessControl !== null)
  has((asset) => asset.resourceType === 'raw' && asset.content?.size === 0)
  has((asset) => /\.[A-Z]+$/.test(asset.publicId))
  expect(new Set(assets.map((asset) => new Date(asset.createdAt).getUTCFullYear())).size).toBeGreaterThan(5)
  expect(assets.every((asset) => asset.createdAt < NOW && asset.uploadedAt <= NOW && asset.times.updated <= NOW)).toBe(
    true,
  )
  expect(cloud.folders.has('archive/2020/Q1')).toBe(true)
  expect(cloud.fields.map((field) => field['type'])).toEqual(['string', 'integer', 'integer', 'date', 'enum', 'set'])
})

it('says of its pictures, sounds and films what their bytes say', () => {
  const looked = all(shared).filter((asset, n) => asset.resourceType === 'video' || n % 4 === 0)
  for (const asset of looked) {
    if (asset.content === null || asset.resourceType === 'raw' || asset.format === 'svg') continue
    const found = probe(asset.content)
    expect({ id: asset.publicId, format: found?.format, width: found?.width, height: found?.height }).toEqual({
      id: asset.publicId,
      format: asset.format,
      width: asset.width,
      height: asset.height,
    })
    if (asset.duration !== null && found?.duration != null) expect(found.duration).toBeCloseTo(asset.duration, 1)
  }
})

it('has the same names in fixed folder mode, with the folder in the public_id', () => {
  const assets = all(sample('fixed'))
  expect(assets.some((asset) => asset.publicId.startsWith('journal/2022/Puglia/'))).toBe(true)
  const names = assets.map((asset) => `${asset.resourceType}/${asset.type}/${asset.publicId}`)
  expect(new Set(names).size).toBe(names.length)
})
