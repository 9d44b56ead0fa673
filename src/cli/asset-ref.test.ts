import { describe, expect, it } from 'vitest'
import type { CatalogReader, VersionRow } from '../catalog/catalog.ts'
import { findAsset, findVersion } from './asset-ref.ts'

const version = (given: Partial<VersionRow> & { assetId: string; publicId: string }): VersionRow => ({
  cloud: 'demo',
  version: '0'.repeat(16),
  resourceType: 'image',
  type: 'upload',
  cldVersion: 1,
  etag: null,
  bytes: 1,
  object: null,
  size: 1,
  md5: null,
  proof: null,
  folder: null,
  displayName: null,
  updatedAt: null,
  listHash: '',
  path: null,
  hasDetails: false,
  format: 'jpg',
  width: null,
  height: null,
  duration: null,
  createdAt: null,
  uploadedAt: null,
  tags: [],
  capturedAt: '2026-10-01T00:00:00Z',
  change: 'new',
  fromSeq: 1,
  untilSeq: null,
  origin: 'snapshot',
  historyKey: null,
  since: null,
  until: null,
  versionId: null,
  purged: null,
  ...given,
})

/** The part of a catalog that finding needs, over a plain list; the real one has its own contract suite. */
const catalogOf = (
  rows: readonly VersionRow[],
): Pick<CatalogReader, 'byAssetId' | 'byPublicId' | 'byPath' | 'versionsOf' | 'snapshots'> => ({
  byAssetId: (_, id) => Promise.resolve(rows.findLast((row) => row.assetId === id) ?? null),
  byPublicId: (_, publicId, kind = {}) => {
    const bore = rows.filter(
      (row) =>
        row.publicId === publicId &&
        (kind.resourceType === undefined || row.resourceType === kind.resourceType) &&
        (kind.type === undefined || row.type === kind.type),
    )
    return Promise.resolve(
      [...new Set(bore.map((row) => row.assetId))].flatMap((id) => rows.findLast((row) => row.assetId === id) ?? []),
    )
  },
  byPath: (_, path) => Promise.resolve(rows.findLast((row) => row.path === path) ?? null),
  versionsOf: (_, id) => Promise.resolve(rows.filter((row) => row.assetId === id)),
  snapshots: () => Promise.resolve([]),
})

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const C = 'c'.repeat(32)
const found = async (rows: readonly VersionRow[], text: string) => {
  const { assetId, ordinal, explicit } = await findAsset(catalogOf(rows), 'demo', text)
  return [assetId, ordinal, explicit]
}

describe('an asset', () => {
  const chair = [
    version({
      assetId: A,
      publicId: 'shop/chair',
      version: '1111aaaa00000000',
      cldVersion: 1700000001,
      path: 'shop/Chair.jpg',
      untilSeq: 2,
    }),
    version({
      assetId: A,
      publicId: 'shop/chair',
      version: '1111bbbb00000000',
      cldVersion: 1700000002,
      path: 'shop/Chair.jpg',
      fromSeq: 2,
    }),
  ]

  it.each([
    A,
    A.toUpperCase(),
    'shop/chair',
    'image/upload/shop/chair',
    'shop/Chair.jpg',
    'library/demo/shop/Chair.jpg',
  ])('is found by %s, in its newest version', async (text) => expect(await found(chair, text)).toEqual([A, 2, false]))

  it.each([
    ['1', 1],
    ['2', 2],
    ['1700000001', 1],
    ['v1700000002', 2],
    ['1111aaaa', 1],
    ['1111bbbb00000000', 2],
  ])('is found in the version @%s', async (word, ordinal) =>
    expect(await found(chair, `shop/chair@${word}`)).toEqual([A, ordinal, true]),
  )

  it('may have an @ in its own name', async () => {
    const rows = [
      version({ assetId: A, publicId: 'me@home' }),
      version({ assetId: B, publicId: 'me@home@2' }),
      version({ assetId: C, publicId: 'me' }),
    ]
    expect(await found(rows, 'me@home')).toEqual([A, 1, false])
    expect(await found(rows, 'me@home@1')).toEqual([A, 1, true])
    expect(await found(rows, 'me@home@2')).toEqual([B, 1, false])
    expect(await found(rows, 'me@home@2@1')).toEqual([B, 1, true])
  })

  it('is the one that bears the name now, not one that bore it once', async () => {
    const rows = [
      version({ assetId: A, publicId: 'logo', untilSeq: 2 }),
      version({ assetId: A, publicId: 'logo-old', fromSeq: 2 }),
      version({ assetId: B, publicId: 'logo', fromSeq: 2 }),
    ]
    expect(await found(rows, 'logo')).toEqual([B, 2, false])
    expect(await found(rows, B)).toEqual([B, 2, false])
    expect(await found(rows.slice(0, 2), 'logo')).toEqual([A, 2, false])
  })

  it('is not guessed: the candidates are named', async () => {
    const rows = [
      version({ assetId: A, publicId: 'twin' }),
      version({ assetId: B, publicId: 'twin', resourceType: 'raw' }),
    ]
    const error = await findAsset(catalogOf(rows), 'demo', 'twin').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ASSET_AMBIGUOUS' })
    expect(String(error)).toContain(`image/upload/twin (${A})`)
    expect(String(error)).toContain(`raw/upload/twin (${B})`)
    expect(await found(rows, 'raw/upload/twin')).toEqual([B, 1, false])
  })

  it('is not guessed either when a path of one is the public_id of another', async () => {
    const rows = [version({ assetId: A, publicId: 'a/b.jpg' }), version({ assetId: B, publicId: 'x', path: 'a/b.jpg' })]
    await expect(found(rows, 'a/b.jpg')).rejects.toMatchObject({ code: 'ASSET_AMBIGUOUS' })
  })

  it('that is not there is said to be not there, without driving the terminal', async () => {
    const error = await findAsset(catalogOf(chair), 'demo', 'x\u001b[2J').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ASSET_NOT_FOUND' })
    expect(String(error)).not.toContain('\u001b')
    await expect(found(chair, 'shop/chair@77')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
    await expect(found(chair, 'shop/chair@')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
    await expect(found(chair, '')).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND' })
  })

  it('has no version that two could be', () => {
    expect(() => findVersion(chair, '1111', [])).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
