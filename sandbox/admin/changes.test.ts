import { describe, expect, it } from 'vitest'
import { makeAsset } from '../make-asset.ts'
import { startTestApi, type TestApi } from './testing.ts'

const eventTypes = (api: TestApi): string[] => api.cloud.events.map((event) => event.type)

describe('update', () => {
  it('replaces tags and context, merges metadata, and stamps what changed', async () => {
    await using api = await startTestApi()
    await api.send('POST', 'metadata_fields', { type: 'string', label: 'SKU', external_id: 'sku' })
    await api.send('POST', 'metadata_fields', { type: 'integer', label: 'Price', external_id: 'price' })
    const asset = makeAsset(api.cloud, { publicId: 'a/b', tags: ['x'], context: { k: 'v' }, metadata: { sku: 'S' } })
    const version = asset.version
    api.now += 60_000
    const answer = await api.form(
      'POST',
      'resources/image/upload/a%2Fb',
      new URLSearchParams({
        tags: 'one,two',
        context: 'alt=A \\| B|caption=c\\=d',
        metadata: 'price=20',
        display_name: 'New name',
        asset_folder: 'catalog/new',
        face_coordinates: '1,2,3,4|5,6,7,8',
        access_control: '[{"access_type":"token"}]',
        regions: '{"r":[[1,2],[3,4]]}',
      }).toString(),
    )
    expect(answer).toMatchObject({
      status: 200,
      tags: ['one', 'two'],
      context: { custom: { alt: 'A | B', caption: 'c=d' } },
      metadata: { sku: 'S', price: 20 },
      display_name: 'New name',
      asset_folder: 'catalog/new',
      access_control: [{ access_type: 'token' }],
      regions: {
        r: [
          [1, 2],
          [3, 4],
        ],
      },
      version,
      last_updated: { tags_updated_at: '2026-10-02T09:31:00Z', updated_at: '2026-10-02T09:31:00Z' },
    })
    expect(asset.coordinates).toEqual({
      faces: [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    })
    expect(api.cloud.folders.has('catalog/new')).toBe(true)
    expect(eventTypes(api)).toEqual([
      'resource_tags_changed',
      'resource_context_changed',
      'resource_metadata_changed',
      'access_control_changed',
      'resource_display_name_changed',
      'move',
    ])
  })

  it('reaches an asset by its id and by the body', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'a', tags: ['x'], context: { k: 'v' } })
    expect((await api.send('PUT', `resources/${asset.assetId}`, { tags: [] })).status).toBe(200)
    expect(asset.tags).toEqual([])
    const body = { public_id: 'a', resource_type: 'image', kind: 'upload', context: { k: 'w', n: 1 } }
    expect((await api.send('POST', 'resources/update', body)).status).toBe(200)
    expect(asset.context).toEqual({ k: 'w', n: '1' })
  })

  it('changes nothing when one of the values is not acceptable', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'a', tags: ['x'] })
    for (const bad of [
      { metadata: { nothing: 1 } },
      { display_name: 'a/b' },
      { asset_folder: 'a//b' },
      { access_control: 'no' },
    ]) {
      expect((await api.send('POST', 'resources/image/upload/a', { tags: ['y'], ...bad })).status).toBe(400)
    }
    expect(asset.tags).toEqual(['x'])
    expect((await api.send('POST', 'resources/image/upload/none', {})).status).toBe(404)
  })

  it('approves and rejects what is in moderation', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'm', moderation: [{ kind: 'manual', status: 'pending', updatedAt: 0 }] })
    makeAsset(api.cloud, { publicId: 'plain' })
    const answer = await api.send('POST', 'resources/image/upload/m', { moderation_status: 'rejected' })
    expect(answer).toMatchObject({ moderation: [{ kind: 'manual', status: 'rejected' }] })
    expect((await api.send('POST', 'resources/image/upload/plain', { moderation_status: 'approved' })).status).toBe(400)
  })

  it('sets access_mode and publishes in bulk', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'p', type: 'private', tags: ['t'] })
    makeAsset(api.cloud, { publicId: 'taken', type: 'private', tags: ['t'] })
    makeAsset(api.cloud, { publicId: 'taken' })
    await api.form('POST', 'resources/image/private/update_access_mode', 'access_mode=authenticated&public_ids[]=p')
    expect(asset.accessMode).toBe('authenticated')
    const answer = await api.form('POST', 'resources/image/publish_resources', 'tag=t&type=private')
    expect(answer).toMatchObject({ published: [{ public_id: 'p' }], failed: [{ public_id: 'taken' }] })
    expect((await api.get('resources/image/upload/p'))['asset_id']).toBe(asset.assetId)
    expect((await api.get('resources/image/private/p')).status).toBe(404)
  })
})

describe('delete', () => {
  it('keeps a placeholder where there is a backup, and nothing where there is none', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'kept' })
    makeAsset(api.cloud, { publicId: 'lost', backup: false })
    const answer = await api.form(
      'DELETE',
      'resources/image/upload',
      'public_ids[]=kept&public_ids[]=lost&public_ids[]=none',
    )
    expect(answer).toMatchObject({
      status: 200,
      deleted: { kept: 'deleted', lost: 'deleted', none: 'not_found' },
      deleted_counts: { kept: { original: 1, derived: 0 }, none: { original: 0, derived: 0 } },
      partial: false,
    })
    expect(await api.get('resources/image/upload/kept')).toMatchObject({ status: 200, placeholder: true })
    expect((await api.get('resources/image/upload/lost')).status).toBe(404)
    expect(eventTypes(api)).toEqual(['delete'])
    const again = await api.form('DELETE', 'resources/image/upload', 'public_ids[]=kept')
    expect(again).toMatchObject({ deleted: { kept: 'not_found' } })
  })

  it('goes by asset_id, prefix, tag, and over all in parts of a thousand', async () => {
    await using api = await startTestApi({ autoBackup: false })
    const byId = makeAsset(api.cloud, { publicId: 'id' })
    makeAsset(api.cloud, { publicId: 'pre/1' })
    makeAsset(api.cloud, { publicId: 'tagged', tags: ['t'] })
    for (let i = 0; i < 1001; i++) makeAsset(api.cloud, { publicId: `n${i}`, resourceType: 'raw' })
    expect(await api.send('DELETE', 'resources', { asset_ids: [byId.assetId] })).toMatchObject({
      deleted: { [byId.assetId]: 'deleted' },
    })
    expect(await api.form('DELETE', 'resources/image/upload', 'prefix=pre%2F')).toMatchObject({
      deleted: { 'pre/1': 'deleted' },
    })
    expect(await api.form('DELETE', 'resources/image/tags/t', '')).toMatchObject({ deleted: { tagged: 'deleted' } })
    const first = await api.form('DELETE', 'resources/raw/upload', 'all=true')
    expect(first).toMatchObject({ partial: true, next_cursor: expect.any(String) })
    const second = await api.form('DELETE', 'resources/raw/upload', `all=true&next_cursor=${first.next_cursor}`)
    expect(second).toMatchObject({ partial: false })
    expect(api.cloud.shelf.size).toBe(0)
    expect((await api.form('DELETE', 'resources/raw/upload', '')).status).toBe(400)
    const many = Array.from({ length: 101 }, (_, i) => `public_ids[]=${i}`).join('&')
    expect((await api.form('DELETE', 'resources/raw/upload', many)).status).toBe(400)
  })

  it('keeps the original when told to', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'a' })
    const { content } = asset
    if (content === null) throw new Error('no content')
    asset.derived.push({ id: 'd1', transformation: 'w_1', format: 'jpg', bytes: 1, content })
    asset.derived.push({ id: 'd2', transformation: 'w_2', format: 'jpg', bytes: 1, content })
    await api.form('DELETE', 'resources/image/upload', 'public_ids[]=a&keep_original=true&transformations=w_1')
    expect(asset.derived.map((derived) => derived.id)).toEqual(['d2'])
    await api.form('DELETE', 'derived_resources', 'derived_resource_ids[]=d2')
    expect(asset.derived).toEqual([])
    expect(asset.content).not.toBeNull()
  })
})

describe('related assets', () => {
  it('are related both ways, and every refusal is named', async () => {
    await using api = await startTestApi()
    const a = makeAsset(api.cloud, { publicId: 'a' })
    const b = makeAsset(api.cloud, { publicId: 'dir/b.srt', resourceType: 'raw' })
    const answer = await api.send('POST', 'resources/related_assets/image/upload/a', {
      assets_to_relate: ['raw/upload/dir/b.srt', 'raw/upload/none', 'image/upload/a', 'nonsense'],
    })
    expect(answer).toMatchObject({
      status: 207,
      success: [{ asset: 'raw/upload/dir/b.srt', code: 'success_ids', status: 200 }],
      failed: [{ code: 'non_existing_ids' }, { code: 'invalid_relate_to_self_id' }, { code: 'invalid_ids' }],
    })
    expect([...b.related]).toEqual([a.assetId])
    const again = await api.send('POST', `resources/related_assets/${a.assetId}`, { assets_to_relate: [b.assetId] })
    expect(again).toMatchObject({ status: 207, failed: [{ code: 'already_exists_ids' }] })
    const removed = await api.send('DELETE', `resources/related_assets/${b.assetId}`, {
      assets_to_unrelate: [a.assetId],
    })
    expect(removed).toMatchObject({ status: 200, failed: [] })
    expect(a.related.size).toBe(0)
  })
})
