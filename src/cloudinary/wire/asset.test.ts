import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../model/json.ts'
import { row } from '../testing.ts'
import { parseAsset, syntheticAssetId } from './asset.ts'

const parse = (more: Record<string, unknown> = {}, origin: 'list' | 'search' | 'details' = 'list') =>
  parseAsset(row(more) as Json, origin)
const facts = (more: Record<string, unknown> = {}, origin: 'list' | 'search' | 'details' = 'list') =>
  parse(more, origin).facts

describe('a record', () => {
  it('of a list, with all that it may carry', () => {
    const parsed = facts({
      asset_folder: 'catalog/shoes',
      display_name: 'Shoe 7',
      width: 1600,
      height: 1200,
      access_mode: 'public',
      access_control: [{ access_type: 'token' }],
      tags: ['shoe'],
      context: { custom: { alt: 'A shoe' } },
      metadata: { sku_id: 'S-7' },
      moderation_kind: 'manual',
      moderation_status: 'approved',
      is_audio: false,
    })
    expect(parsed).toMatchObject({
      assetId: '5f0c0ffee0ddba11cafe0000deadbeef',
      publicId: 'products/shoe_7',
      cldVersion: 1759400000,
      bytes: 184223,
      etag: null,
      folder: 'catalog/shoes',
      displayName: 'Shoe 7',
      context: { custom: { alt: 'A shoe' } },
      metadata: { sku_id: 'S-7' },
      moderation: [{ kind: 'manual', status: 'approved' }],
      uploadedAt: null,
      isAudio: false,
    })
  })

  it('of a search, whose context is flat', () => {
    const parsed = facts(
      {
        context: { alt: 'A shoe', custom: 'also a key' },
        etag: '9E107D9D372BB6826BD81D3542A419D6',
        uploaded_at: '2025-10-02T10:13:20+00:00',
        last_updated: { updated_at: '2025-10-04T09:00:00+00:00' },
        status: 'active',
      },
      'search',
    )
    expect(parsed.context).toEqual({ custom: { alt: 'A shoe', custom: 'also a key' } })
    expect(parsed.etag).toBe('9e107d9d372bb6826bd81d3542a419d6')
    expect(parsed).toMatchObject({ uploadedAt: '2025-10-02T10:13:20+00:00', updatedAt: '2025-10-04T09:00:00+00:00' })
  })

  it('of details, with every moderation', () => {
    const moderation = [
      { kind: 'manual', status: 'approved', updated_at: 'x' },
      { kind: 'aws_rek', status: 'pending' },
    ]
    expect(facts({ moderation }, 'details').moderation).toEqual([
      { kind: 'manual', status: 'approved' },
      { kind: 'aws_rek', status: 'pending' },
    ])
  })

  it('takes unsigned -1 for "unknown", and numbers written as strings for numbers', () => {
    const parsed = facts({ width: 4294967295, height: '1200', pages: 4294967295, duration: '12.5', version: '17594' })
    expect(parsed).toMatchObject({ width: null, height: 1200, pages: null, duration: 12.5, cldVersion: 17594 })
    expect(facts({ bytes: 5_000_000_000 }).bytes).toBe(5_000_000_000)
  })

  it.each([true, 'true', 1, '1'])('is a placeholder when it says %s', (placeholder) => {
    expect(parse({ placeholder, bytes: 0 }).placeholder).toBe(true)
  })

  it('is a placeholder when search calls it deleted, and not otherwise', () => {
    expect(parse({ status: 'deleted' }, 'search').placeholder).toBe(true)
    expect(parse({ placeholder: 'false', status: 'active' }).placeholder).toBe(false)
  })

  it.each(['5f0c', 'not-an-md5', '"9e107d9d372bb6826bd81d3542a419d6"', '9e107d9d372bb6826bd81d3542a419d6-4', 7])(
    'has no MD5 when the etag is %s',
    (etag) => {
      expect(facts({ etag }, 'search').etag).toBeNull()
    },
  )

  it('lies in its asset_folder, its folder, or else the path of its public_id', () => {
    expect(facts({ asset_folder: '', folder: 'x' }).folder).toBe('')
    expect(facts({ folder: 'x/y' }).folder).toBe('x/y')
    expect(facts().folder).toBe('products')
    expect(facts({ public_id: 'shoe' }).folder).toBe('')
  })

  it('says "none" in one way, however the answer spells it', () => {
    const empty = { context: {}, metadata: {}, access_control: [], coordinates: {}, tags: null }
    const nothing = { context: null, metadata: null, access_control: null, coordinates: null, tags: [] }
    expect(facts(empty)).toEqual(facts(nothing))
    expect(facts({ context: { custom: {} } }).context).toBeNull()
  })

  it('without asset_id, or with a dangerous one, gets one made of its name', () => {
    const made = syntheticAssetId({ resourceType: 'image', type: 'upload', publicId: 'products/shoe_7' })
    expect(made).toMatch(/^[0-9a-f]{32}$/)
    expect(facts({ asset_id: undefined }).assetId).toBe(made)
    expect(facts({ asset_id: '../../etc/passwd' }).assetId).toBe(made)
    expect(facts({ asset_id: 'a1' }).assetId).toBe('a1')
  })

  it('keeps its public_id byte for byte', () => {
    const publicId = ' Cafe\u0301/../con\u0000?.jpg '
    expect(facts({ public_id: publicId }).publicId).toBe(publicId)
  })

  it('takes from its partition what a list leaves out', () => {
    const raw = { public_id: 'a', version: 1 }
    const parsed = parseAsset(raw, 'list', { resourceType: 'video', type: 'private' })
    expect(parsed.facts).toMatchObject({ resourceType: 'video', type: 'private' })
    expect(parseAsset(parsed.raw, 'list')).toEqual(parsed)
  })

  it.each([null, 'text', [], {}, { public_id: 7 }, { public_id: '' }, { public_id: 'a', resource_type: 'model' }])(
    'that cannot be an asset is refused: %j',
    (raw) => {
      expect(() => parseAsset(raw as Json, 'list')).toThrow(expect.objectContaining({ code: 'API_UNEXPECTED' }))
    },
  )
})

it('gives an asset or an AppError for whatever JSON comes, and reads its own records again', () => {
  const keys = ['asset_id', 'public_id', 'resource_type', 'type', 'version', 'context', 'tags', 'moderation', 'folder']
  const record = fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), fc.jsonValue())
  fc.assert(
    fc.property(fc.oneof(record, fc.jsonValue()), fc.boolean(), (raw, named) => {
      // As it comes off the wire: what JSON cannot write (-0) is none of our business.
      const sent = named ? { ...(raw as object), public_id: 'p', resource_type: 'raw' } : raw
      const json = JSON.parse(JSON.stringify(sent)) as Json
      try {
        expect(parseAsset(JSON.parse(JSON.stringify(json)) as Json, 'search')).toEqual(parseAsset(json, 'search'))
      } catch (error) {
        if (named) throw error
        expect(error).toMatchObject({ code: 'API_UNEXPECTED' })
      }
    }),
  )
})

it('parses and hashes 100,000 records in less than two seconds of CPU', () => {
  const rows = Array.from({ length: 1000 }, (_, n) =>
    row({
      public_id: `p/${n}`,
      tags: ['b', 'a', 'c'],
      context: { custom: { alt: `${n}`, caption: 'x' } },
      metadata: { sku: 'S' },
    }),
  ) as Json[]
  const before = process.cpuUsage()
  for (let round = 0; round < 100; round++) for (const raw of rows) parseAsset(raw, 'list')
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(4)
})
