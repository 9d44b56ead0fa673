import { describe, expect, it } from 'vitest'
import { contentOf, makeAsset } from '../make-asset.ts'
import { startTestApi } from './testing.ts'

describe('details', () => {
  it('find an asset under every encoding of its name', async () => {
    await using api = await startTestApi()
    const names = [
      'a/b',
      'a b',
      'ä/ü 日本',
      '100%',
      'a%2Fb',
      'a+b',
      "it's",
      'q"uote',
      'x.jpg',
      'a//b',
      '?#&=',
      'a\\b',
      '..x',
      'v1',
    ]
    for (const publicId of names) {
      makeAsset(api.cloud, { publicId })
      const slashes = publicId.split('/').map(encodeURIComponent).join('/')
      for (const path of [encodeURIComponent(publicId), slashes, encodeURIComponent(publicId).replaceAll("'", '%27')]) {
        const answer = await api.get(`resources/image/upload/${path}`)
        expect([path, answer.status, answer['public_id']]).toEqual([path, 200, publicId])
      }
    }
  })

  it('say everything that was recorded, and only what the flags ask for', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, {
      publicId: 'shoe',
      bytes: Buffer.from('shoe'),
      createdAt: Date.UTC(2025, 9, 1, 6, 26, 40),
      times: { updated: Date.UTC(2025, 9, 4), tags: Date.UTC(2025, 9, 3) },
      tags: ['t'],
      context: { alt: 'A' },
      metadata: { sku: 'S' },
      pages: 1,
      moderation: [{ kind: 'manual', status: 'approved', updatedAt: Date.UTC(2025, 9, 3, 8) }],
      coordinates: { faces: [[1, 2, 3, 4]], custom: [[5, 6, 7, 8]] },
      regions: { a: [[1, 1]] },
      originalFilename: 'IMG_0007',
      extra: { illustration_score: 0, grayscale: false, phash: 'abcd', media_metadata: { Make: 'X' } },
    })
    const path = 'resources/image/upload/shoe'
    const plain = await api.get(path)
    expect(plain).toMatchObject({
      asset_id: asset.assetId,
      created_at: '2025-10-01T06:26:40Z',
      bytes: 4,
      tags: ['t'],
      context: { custom: { alt: 'A' } },
      metadata: { sku: 'S' },
      access_control: null,
      moderation: [{ kind: 'manual', status: 'approved', updated_at: '2025-10-03T08:00:00Z' }],
      last_updated: { tags_updated_at: '2025-10-03T00:00:00Z', updated_at: '2025-10-04T00:00:00Z' },
      etag: asset.content?.md5,
      original_filename: 'IMG_0007',
      regions: { a: [[1, 1]] },
      illustration_score: 0,
      grayscale: false,
      derived: [],
    })
    for (const field of [
      'versions',
      'coordinates',
      'phash',
      'pages',
      'media_metadata',
      'image_metadata',
      'related_assets',
    ]) {
      expect(plain).not.toHaveProperty(field)
    }
    const flags =
      'versions=true&coordinates=1&phash=true&pages=true&image_metadata=true&media_metadata=true&related=true'
    expect(await api.get(`${path}?${flags}`)).toMatchObject({
      coordinates: { faces: [[1, 2, 3, 4]], custom: [[5, 6, 7, 8]] },
      phash: 'abcd',
      pages: 1,
      media_metadata: { Make: 'X' },
      image_metadata: { Make: 'X' },
      related_assets: [],
      versions: [
        {
          version_id: asset.versionId,
          version: String(asset.version),
          format: 'jpg',
          size: 4,
          time: '2025-10-01T06:26:40Z',
          restorable: true,
        },
      ],
    })
    expect(await api.get(`resources/${asset.assetId}`)).toEqual(plain)
    expect(await api.send('POST', 'resources/get_resource', { public_id: 'shoe', kind: 'upload' })).toEqual(plain)
  })

  it('answer 200 for a placeholder and 404 for what is gone', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'old', bytes: null })
    const answer = await api.get('resources/image/upload/old?versions=true')
    expect(answer).toMatchObject({ status: 200, placeholder: true, bytes: 0, versions: [{ restorable: true }] })
    expect(answer).not.toHaveProperty('etag')
    const none = { status: 404, error: { message: 'Resource not found - a/none' } }
    expect(await api.get('resources/image/upload/a%2Fnone')).toMatchObject(none)
    expect((await api.get(`resources/${'0'.repeat(32)}`)).status).toBe(404)
  })

  it('page through derived and related assets', async () => {
    await using api = await startTestApi()
    const content = contentOf(Buffer.from('small'))
    const asset = makeAsset(api.cloud, { publicId: 'a' })
    for (let i = 0; i < 5; i++) {
      asset.derived.push({ id: `d${i}`, transformation: `w_${i}`, format: 'jpg', bytes: 5, content })
      const other = makeAsset(api.cloud, { publicId: `r${i}` })
      asset.related.add(other.assetId)
      other.related.add(asset.assetId)
    }
    const seen: unknown[] = []
    for (let cursor = ''; ; ) {
      const page = await api.get(`resources/image/upload/a?max_results=2${cursor}`)
      seen.push(...(page['derived'] as { id: string }[]).map((derived) => derived.id))
      if (page.next_cursor === undefined) break
      cursor = `&derived_next_cursor=${page.next_cursor}`
    }
    expect(seen).toEqual(['d0', 'd1', 'd2', 'd3', 'd4'])
    const first = await api.get('resources/image/upload/a?max_results=3&related=true')
    const second = await api.get(
      `resources/image/upload/a?max_results=3&related=true&related_next_cursor=${String(first['related_next_cursor'])}`,
    )
    expect([first['related_assets'], second['related_assets']].map((list) => (list as unknown[]).length)).toEqual([
      3, 2,
    ])
  })
})
