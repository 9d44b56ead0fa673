import { expect, it } from 'vitest'
import type { AssetFacts } from './asset.ts'
import { mergeFacts } from './merge-facts.ts'

const base: AssetFacts = {
  assetId: 'a',
  publicId: 'p',
  resourceType: 'image',
  type: 'upload',
  format: 'jpg',
  cldVersion: 5,
  bytes: 10,
  etag: null,
  width: null,
  height: null,
  duration: null,
  pages: null,
  folder: 'f',
  displayName: null,
  createdAt: null,
  uploadedAt: null,
  updatedAt: null,
  tags: ['list'],
  context: null,
  metadata: null,
  accessMode: null,
  accessControl: null,
  moderation: [],
  coordinates: null,
  regions: null,
  originalFilename: null,
  status: null,
  isAudio: null,
  secureUrl: null,
}
const search: AssetFacts = {
  ...base,
  etag: 'e',
  uploadedAt: 'u',
  status: 'active',
  tags: ['search'],
  folder: 'old',
  bytes: 11,
}

it('keeps what the list says, and takes from a search what the list cannot say', () => {
  expect(mergeFacts(base, search, null)).toEqual({ ...base, etag: 'e', uploadedAt: 'u', status: 'active' })
})

it('takes nothing about the bytes from a record of other bytes', () => {
  const merged = mergeFacts(base, { ...search, cldVersion: 4, accessMode: 'public' }, null)
  expect(merged).toEqual({ ...base, accessMode: 'public' })
})

it('does not let a search, which lags, bring back a context that was removed', () => {
  expect(mergeFacts(base, { ...search, context: { custom: { alt: 'old' } } }, null).context).toBeNull()
})

it('prefers details to a search, and takes coordinates from them', () => {
  const details = { ...base, etag: 'd', coordinates: { custom: [[1, 2, 3, 4]] }, context: { custom: { a: 'b' } } }
  const merged = mergeFacts(base, search, details)
  expect(merged).toMatchObject({
    etag: 'd',
    coordinates: details.coordinates,
    context: details.context,
    uploadedAt: 'u',
  })
})

it('does not take the texts of details that are older than the search', () => {
  const details = { ...base, updatedAt: '2026-01-01T00:00:00Z', context: { custom: { a: 'b' } } }
  const merged = mergeFacts(base, { ...search, updatedAt: '2026-01-02T00:00:00+00:00' }, details)
  expect(merged.context).toBeNull()
})

it('follows details that were read after the bytes had been replaced', () => {
  const details = { ...base, cldVersion: 6, bytes: 99, etag: 'new', tags: ['new'], folder: null }
  expect(mergeFacts(base, search, details)).toMatchObject({
    cldVersion: 6,
    bytes: 99,
    etag: 'new',
    tags: ['new'],
    folder: 'f',
  })
})

it('gives back the list’s facts when there is nothing else', () => {
  expect(mergeFacts(base, null, null)).toEqual(base)
})
