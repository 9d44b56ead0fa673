import { describe, expect, it } from 'vitest'
import { contentOf, makeAsset } from '../make-asset.ts'
import { startTestApi } from './testing.ts'

describe('folders', () => {
  it('are created with their parents, listed, found and deleted while empty', async () => {
    await using api = await startTestApi()
    const created = await api.send('POST', 'folders/a%2Fb/c d')
    expect(created).toMatchObject({
      status: 200,
      success: true,
      path: 'a/b/c d',
      name: 'c d',
      external_id: expect.any(String),
    })
    expect((await api.send('POST', 'folders/a/b')).status).toBe(200)
    makeAsset(api.cloud, { publicId: 'x', assetFolder: 'z/y' })
    expect(await api.get('folders')).toMatchObject({
      folders: [{ name: 'a', path: 'a', created_at: '2026-10-02T09:30:00Z' }, { name: 'z' }],
      next_cursor: null,
      total_count: 2,
    })
    expect(await api.get('folders/a%2Fb')).toMatchObject({ folders: [{ path: 'a/b/c d' }], total_count: 1 })
    const missing = await api.get('folders/no/such')
    expect(missing).toMatchObject({ status: 404, error: { message: "Can't find folder with path no/such" } })
    expect((await api.send('DELETE', 'folders/z')).status).toBe(400)
    expect(await api.send('DELETE', 'folders/a')).toMatchObject({ deleted: ['a', 'a/b', 'a/b/c d'] })
    for (const bad of ['a//b', '/a', 'a/', ' a', 'a/../b']) {
      expect([bad, (await api.send('POST', `folders/${encodeURIComponent(bad)}`)).status]).toEqual([bad, 400])
    }
    expect(api.cloud.events.map((event) => event.type)).toEqual(['create_folder', 'delete_folder'])
  })

  it('move with all that is in them, in dynamic mode only', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'x', assetFolder: 'old/sub' })
    makeAsset(api.cloud, { publicId: 'y', assetFolder: 'older' })
    expect(await api.send('PUT', 'folders/old', { to_folder: 'new/place' })).toMatchObject({
      from: { name: 'old', path: 'old' },
      to: { name: 'place', path: 'new/place' },
    })
    expect(asset.assetFolder).toBe('new/place/sub')
    expect([...api.cloud.folders.keys()].sort()).toEqual(['new', 'new/place', 'new/place/sub', 'older'])
    expect((await api.send('PUT', 'folders/new', { to_folder: 'new/in/itself' })).status).toBe(400)
    expect((await api.send('PUT', 'folders/new', { to_folder: 'older' })).status).toBe(409)
    expect((await api.send('PUT', 'folders/none', { to_folder: 'x' })).status).toBe(404)
    await using fixed = await startTestApi({ folderMode: 'fixed' })
    makeAsset(fixed.cloud, { publicId: 'a/b' })
    expect(await fixed.get('folders')).toMatchObject({ folders: [{ path: 'a' }] })
    expect((await fixed.send('PUT', 'folders/a', { to_folder: 'c' })).status).toBe(400)
  })

  it('can be searched and paged through', async () => {
    await using api = await startTestApi()
    for (const path of ['a/b', 'a/c', 'd']) await api.send('POST', `folders/${path}`)
    expect(await api.send('POST', 'folders/search', { expression: 'path="a/b"' })).toMatchObject({
      total_count: 1,
      folders: [{ path: 'a/b' }],
      next_cursor: null,
    })
    const first = await api.send('POST', 'folders/search', { sort_by: [{ path: 'desc' }], max_results: 3 })
    const second = await api.send('POST', 'folders/search', { next_cursor: first.next_cursor, max_results: 3 })
    const paths = [first, second].flatMap((page) =>
      (page['folders'] as { path: string }[]).map((folder) => folder.path),
    )
    expect(paths).toEqual(['d', 'a/c', 'a/b', 'a'])
    expect((await api.send('POST', 'folders/search', { expression: 'path:' })).status).toBe(400)
  })
})

describe('the account', () => {
  it('says what it is', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'a', bytes: Buffer.alloc(1000), tags: ['x', 'y'] })
    makeAsset(api.cloud, { publicId: 'gone', bytes: null })
    expect(await api.get('ping')).toMatchObject({ status: 200 })
    expect(await api.get('config')).not.toHaveProperty('settings')
    expect(await api.get('config?settings=true')).toMatchObject({
      cloud_name: 'acme',
      settings: { folder_mode: 'dynamic' },
    })
    expect(await api.get('usage')).toMatchObject({
      plan: 'Free',
      resources: 1,
      storage: { usage: 1000 },
      media_limits: { image_max_size_bytes: 10_485_760 },
      date_requested: '2026-10-02T00:00:00Z',
    })
    for (const path of ['usage/01-10-2026', 'usage?date=2026-10-01']) {
      expect(await api.get(path)).toMatchObject({ date_requested: '2026-10-01T00:00:00Z' })
    }
    expect((await api.get('usage/yesterday')).status).toBe(400)
    expect(await api.get('tags/image?prefix=x')).toMatchObject({ tags: ['x'], next_cursor: null })
    const first = await api.get('tags/image?max_results=1')
    expect(await api.get(`tags/image?max_results=1&next_cursor=${first.next_cursor}`)).toMatchObject({ tags: ['y'] })
  })

  it('keeps upload presets, as text in the list and taken apart in the details', async () => {
    await using api = await startTestApi()
    const body = 'name=web&unsigned=true&tags=a%2Cb&overwrite=true&context=k%3Dv&transformation=c_fill%2Cw_100&folder=x'
    expect(await api.form('POST', 'upload_presets', body)).toMatchObject({ message: 'created', name: 'web' })
    expect((await api.form('POST', 'upload_presets', body)).status).toBe(409)
    expect(await api.get('upload_presets')).toMatchObject({
      presets: [{ name: 'web', unsigned: true, settings: { tags: 'a,b', overwrite: true, context: 'k=v' } }],
      next_cursor: null,
    })
    expect(await api.get('upload_presets/web')).toMatchObject({
      settings: { tags: ['a', 'b'], context: { k: 'v' }, transformation: [{ crop: 'fill', width: 100 }], folder: 'x' },
    })
    expect(await api.send('PUT', 'upload_presets/web', { tags: 'c', unsigned: false })).toMatchObject({
      message: 'updated',
    })
    expect(await api.get('upload_presets/web')).toMatchObject({
      unsigned: false,
      settings: { tags: ['c'], folder: 'x' },
    })
    expect(await api.send('DELETE', 'upload_presets/web')).toMatchObject({ message: 'deleted' })
    expect((await api.get('upload_presets/web')).status).toBe(404)
  })

  it('keeps transformations, by path and by parameter', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'a' })
    const content = contentOf(Buffer.from('x'))
    asset.derived.push({ id: 'd', transformation: 't_small', format: 'jpg', bytes: 1, content })
    asset.derived.push({ id: 'e', transformation: 'w_1', format: 'jpg', bytes: 1, content })
    const create = { name: 'small', transformation: 'c_fill,w_100/e_grayscale', allowed_for_strict: true }
    expect(await api.send('POST', 'transformations', create)).toMatchObject({ message: 'created' })
    expect((await api.send('POST', 'transformations/small', create)).status).toBe(409)
    expect(await api.get('transformations?named=true')).toMatchObject({
      transformations: [{ name: 't_small', allowed_for_strict: true, used: true, named: true }],
    })
    expect((await api.get('transformations'))['transformations']).toHaveLength(2)
    for (const path of ['transformations/small', 'transformations/t_small', 'transformations?transformation=small']) {
      expect(await api.get(path)).toMatchObject({
        name: 'small',
        info: [{ crop: 'fill', width: 100 }, { effect: 'grayscale' }],
        derived: [{ id: 'd', public_id: 'a' }],
      })
    }
    await api.send('PUT', 'transformations/small', { unsafe_update: 'w_5', allowed_for_strict: false })
    expect(await api.get('transformations/small')).toMatchObject({ info: [{ width: 5 }], allowed_for_strict: false })
    expect(await api.form('DELETE', 'transformations', 'transformation=small')).toMatchObject({ message: 'deleted' })
    expect((await api.get('transformations/small')).status).toBe(404)
  })

  it('keeps upload mappings', async () => {
    await using api = await startTestApi()
    await api.send('POST', 'upload_mappings', { folder: 'remote', template: 'https://x.test/' })
    expect((await api.send('POST', 'upload_mappings', { folder: 'remote', template: 'y' })).status).toBe(409)
    await api.send('PUT', 'upload_mappings', { folder: 'remote', template: 'https://y.test/' })
    expect(await api.get('upload_mappings?folder=remote')).toMatchObject({ template: 'https://y.test/' })
    await api.send('PUT', 'upload_mappings/replace', { mappings: [{ folder: 'b', template: 'https://b.test/' }] })
    expect(await api.get('upload_mappings')).toMatchObject({
      mappings: [{ folder: 'b' }],
      total_entries: 1,
      next_cursor: null,
    })
    expect((await api.form('DELETE', 'upload_mappings', 'folder=b')).status).toBe(200)
    expect((await api.get('upload_mappings?folder=b')).status).toBe(404)
    expect((await api.get('upload_mappings?next_cursor=abc')).status).toBe(400)
  })

  it('keeps streaming profiles, and gives predefined ones back as they were', async () => {
    await using api = await startTestApi()
    expect((await api.get('streaming_profiles'))['data']).toHaveLength(7)
    const representations = JSON.stringify([{ transformation: 'c_limit,w_320' }])
    await api.send('POST', 'streaming_profiles', { name: 'mine', display_name: 'Mine', representations })
    expect(await api.get('streaming_profiles/mine')).toMatchObject({
      data: { predefined: false, representations: [{ transformation: [{ crop: 'limit', width: 320 }] }] },
    })
    await api.send('PUT', 'streaming_profiles/hd', { display_name: 'Changed' })
    expect(await api.get('streaming_profiles/hd')).toMatchObject({ data: { display_name: 'Changed' } })
    await api.send('DELETE', 'streaming_profiles/hd')
    expect(await api.get('streaming_profiles/hd')).toMatchObject({ data: { display_name: 'HD', predefined: true } })
    await api.send('DELETE', 'streaming_profiles/mine')
    expect((await api.get('streaming_profiles/mine')).status).toBe(404)
  })
})

describe('structured metadata', () => {
  it('keeps fields in order, and lists whose deleted values stay as inactive', async () => {
    await using api = await startTestApi()
    const values = [{ value: 'Red', external_id: 'red' }, { value: 'Blue' }]
    const colour = {
      type: 'set',
      label: 'Colour',
      external_id: 'colour',
      datasource: { values },
      default_value: ['red'],
    }
    expect(await api.send('POST', 'metadata_fields', colour)).toMatchObject({
      status: 200,
      datasource: { values: [{ external_id: 'red', position: 0, state: 'active' }, { position: 1 }] },
    })
    expect((await api.send('POST', 'metadata_fields', colour)).status).toBe(409)
    expect((await api.send('POST', 'metadata_fields', { type: 'set', label: 'x' })).status).toBe(400)
    await api.send('POST', 'metadata_fields', { type: 'string', label: 'A name', external_id: 'name' })
    const source = 'metadata_fields/colour/datasource'
    await api.send('PUT', source, {
      values: [
        { external_id: 'red', value: 'Crimson' },
        { value: 'Green', external_id: 'green' },
      ],
    })
    await api.send('DELETE', source, { external_ids: ['green'] })
    expect(await api.get('metadata_fields/colour')).toMatchObject({
      datasource: { values: [{ value: 'Crimson' }, { value: 'Blue' }, { value: 'Green', state: 'inactive' }] },
    })
    expect(await api.send('POST', 'metadata_fields/datasource/search', { term: 'gre' })).toMatchObject({ values: [] })
    await api.send('POST', `${source}_restore`, { external_ids: ['green'] })
    expect(await api.send('POST', `${source}/search`, { term: 'gre' })).toMatchObject({
      values: [{ external_id: 'green' }],
    })
    expect(await api.send('POST', `${source}/order`, { order_by: 'value', direction: 'asc' })).toMatchObject({
      values: [{ value: 'Blue', position: 0 }, { value: 'Crimson' }, { value: 'Green' }],
    })
    await api.send('PUT', 'metadata_fields/order', { order_by: 'label', direction: 'asc' })
    const order = async () =>
      ((await api.get('metadata_fields'))['metadata_fields'] as { external_id: string }[]).map(
        (field) => field.external_id,
      )
    expect(await order()).toEqual(['name', 'colour'])
    await api.send('PUT', 'metadata_fields/name/reorder', { position: 1 })
    expect(await order()).toEqual(['colour', 'name'])
    const asset = makeAsset(api.cloud, { publicId: 'a', metadata: { name: 'x' } })
    expect((await api.send('DELETE', 'metadata_fields/name')).status).toBe(200)
    expect(asset.metadata).toEqual({})
    expect((await api.get('metadata_fields/name')).status).toBe(404)
  })

  it('keeps rules for fields that exist', async () => {
    await using api = await startTestApi()
    await api.send('POST', 'metadata_fields', { type: 'string', label: 'A', external_id: 'a' })
    const rule = {
      metadata_field_id: 'a',
      name: 'rule',
      condition: { metadata_field_id: 'a', equals: 'x' },
      result: { disable: true },
    }
    const made = await api.send('POST', 'metadata_rules', rule)
    expect(made).toMatchObject({ ...rule, state: 'active', external_id: expect.any(String) })
    const id = String(made['external_id'])
    expect(await api.send('PUT', `metadata_rules/${id}`, { state: 'inactive' })).toMatchObject({ state: 'inactive' })
    expect((await api.get('metadata_rules'))['metadata_rules']).toHaveLength(1)
    expect((await api.send('POST', 'metadata_rules', { ...rule, metadata_field_id: 'none' })).status).toBe(400)
    expect((await api.send('DELETE', `metadata_rules/${id}`)).status).toBe(200)
    expect((await api.send('DELETE', `metadata_rules/${id}`)).status).toBe(404)
  })
})

describe('triggers', () => {
  it('are one event at one URL each', async () => {
    await using api = await startTestApi()
    const made = await api.send('POST', 'triggers', { uri: 'http://127.0.0.1:1/x', event_type: 'upload' })
    expect(made).toMatchObject({
      status: 201,
      uri_type: 'webhook',
      event_type: 'upload',
      created_at: '2026-10-02T09:30:00Z',
    })
    const id = String(made['id'])
    const same = await api.send('POST', 'triggers', { uri: 'http://127.0.0.1:1/x', event_type: 'upload' })
    expect(same).toMatchObject({ status: 409, error: { message: 'record_already_exists' } })
    const bad = await api.send('POST', 'triggers', { uri: 'x', event_type: 'a' })
    expect(bad).toMatchObject({ status: 400, error: { message: 'Invalid value a for parameter event_type' } })
    expect(await api.get('triggers?event_type=upload')).toMatchObject({ triggers: [{ id }], total: 1 })
    expect(await api.get('triggers?event_type=delete')).toMatchObject({ triggers: [], total: 0 })
    expect((await api.send('PUT', `triggers/${id}`, {})).status).toBe(400)
    expect((await api.send('PUT', `triggers/${id}`, { new_uri: 'http://127.0.0.1:1/y' })).status).toBe(200)
    expect(await api.send('POST', `triggers/${id}/test`, {})).toMatchObject({ trigger_id: id, filter_result: true })
    expect((await api.send('DELETE', `triggers/${id}`)).status).toBe(200)
    expect((await api.send('DELETE', `triggers/${id}`)).status).toBe(404)
  })
})
