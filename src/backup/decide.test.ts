import { expect, test } from 'vitest'
import type { Known } from '../catalog/catalog.ts'
import type { AssetFacts } from '../model/asset.ts'
import { decide, type Seen } from './decide.ts'

const MD5 = '9e107d9d372bb6826bd81d3542a419d6'
const OTHER = 'e4d909c290d0fb1ca068ffaddf22cbd0'

const facts: AssetFacts = {
  assetId: 'a'.repeat(32),
  publicId: 'products/shoe',
  resourceType: 'image',
  type: 'upload',
  format: 'jpg',
  cldVersion: 100,
  bytes: 10,
  etag: null,
  width: 1,
  height: 1,
  duration: null,
  pages: null,
  folder: 'products',
  displayName: 'Shoe',
  createdAt: null,
  uploadedAt: null,
  updatedAt: null,
  tags: [],
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
const known: Known = {
  assetId: facts.assetId,
  version: '1',
  publicId: 'products/shoe',
  resourceType: 'image',
  type: 'upload',
  cldVersion: 100,
  etag: MD5,
  bytes: 10,
  object: 'f'.repeat(64),
  size: 10,
  md5: MD5,
  proof: 'md5',
  folder: 'products',
  displayName: 'Shoe',
  updatedAt: '2026-01-01T00:00:00Z',
  listHash: 'h1',
  path: 'products/Shoe.jpg',
  hasDetails: false,
}
const seen = (change: Partial<Seen> = {}, fact: Partial<AssetFacts> = {}): Seen => ({
  facts: { ...facts, ...fact },
  hash: 'h1',
  etag: null,
  updatedAt: null,
  ...change,
})
const what = (k: Known | undefined, s: Seen, remote = false): string => {
  const { kind, why } = decide(k, s, { remote })
  return `${kind} ${why}`.trim()
}

test('an asset never seen is fetched', () => expect(what(undefined, seen())).toBe('fetch new'))
test('nothing changed is kept', () => expect(what(known, seen())).toBe('keep'))
test('nothing changed is kept when the index agrees', () =>
  expect(what(known, seen({ etag: MD5, updatedAt: known.updatedAt }))).toBe('keep'))
test('another cld_version with no MD5 to compare is fetched', () =>
  expect(what(known, seen({ hash: 'h2' }, { cldVersion: 101 }))).toBe('fetch replaced'))
test('the same length with another MD5 is fetched, even under the same cld_version', () =>
  expect(what(known, seen({ etag: OTHER }))).toBe('fetch replaced'))
test('another length is fetched even when the cld_version is the same', () =>
  expect(what(known, seen({ hash: 'h2' }, { bytes: 11 }))).toBe('fetch replaced'))
test('another length is fetched even when the index still tells the old MD5', () =>
  expect(what(known, seen({ hash: 'h2', etag: MD5 }, { bytes: 11 }))).toBe('fetch replaced'))
test('a rename that changed the cld_version but not MD5 and length costs no download', () =>
  expect(what(known, seen({ hash: 'h2', etag: MD5 }, { cldVersion: 101, publicId: 'b' }))).toBe(
    'rename name-or-folder',
  ))
test('a move to another folder costs no download', () =>
  expect(what(known, seen({ hash: 'h2' }, { folder: 'archive' }))).toBe('rename name-or-folder'))
test('new metadata alone is a relabel', () => expect(what(known, seen({ hash: 'h2' }))).toBe('relabel facts'))
test('a change that only the index tells of is a relabel', () =>
  expect(what(known, seen({ updatedAt: '2026-02-01T00:00:00Z' }))).toBe('relabel updated'))
test('bytes that were never kept are fetched', () =>
  expect(what({ ...known, object: null, size: null, md5: null }, seen())).toBe('fetch no-bytes-yet'))
test('a remote asset is recorded, and fetched only when asked for', () => {
  expect(what(undefined, seen({}, { type: 'fetch' }))).toBe('record remote')
  expect(what(undefined, seen({}, { type: 'fetch' }), true)).toBe('fetch new')
  expect(what({ ...known, type: 'fetch', object: null }, seen({}, { type: 'fetch' }))).toBe('keep')
})
