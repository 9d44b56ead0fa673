import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAsset } from '../make-asset.ts'
import { pngOf, startUploadApi, type UploadApi } from './testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const messageOf = (reply: { error?: { message: string } }): string => reply.error?.message ?? ''
const told = (type: string) => api.cloud.events.filter((event) => event.type === type).map((event) => event.body)
const later = (): number => {
  api.now += 60_000
  return api.now
}
const place = (publicId: string, more = {}) =>
  makeAsset(api.cloud, { publicId, format: 'png', bytes: pngOf(1, 1, publicId), createdAt: api.now, ...more })

describe('explicit', () => {
  it('answers as upload does, and without attributes changes nothing', async () => {
    const asset = place('a', { tags: ['x'] })
    later()
    const answer = await api.upload('image/explicit', { public_id: 'a', type: 'upload' })
    expect(answer).toMatchObject({ status: 200, asset_id: asset.assetId, etag: asset.content?.md5, tags: ['x'] })
    expect(asset.times.updated).toBe(asset.createdAt)
  })

  it('replaces tags and context, merges metadata, and dates each', async () => {
    api.cloud.fields.push({ external_id: 'a', type: 'string' }, { external_id: 'b', type: 'string' })
    const asset = place('a', { tags: ['x'], context: { k: 'v' }, metadata: { a: '1' } })
    const now = later()
    await api.upload('image/explicit', { public_id: 'a', type: 'upload', tags: 'y,z', context: 'l=w', metadata: 'b=2' })
    expect([asset.tags, asset.context, asset.metadata]).toEqual([['y', 'z'], { l: 'w' }, { a: '1', b: '2' }])
    expect(asset.times).toMatchObject({ tags: now, context: now, metadata: now, updated: now })
    expect(told('resource_tags_changed')).toMatchObject([{ resources: [{ added: ['y', 'z'], removed: ['x'] }] }])
    expect(told('resource_context_changed')).toMatchObject([
      { resources: { a: { added: [{ name: 'l', value: 'w' }] } } },
    ])
  })

  it('moves, names and makes derived assets', async () => {
    const asset = place('a')
    const answer = await api.upload('image/explicit', {
      public_id: 'a',
      type: 'upload',
      asset_folder: 'f',
      display_name: 'New',
      eager: 'w_1',
    })
    expect(answer).toMatchObject({ asset_folder: 'f', display_name: 'New', eager: [{ transformation: 'w_1' }] })
    expect(asset.derived).toHaveLength(1)
    expect(told('move')).toMatchObject([{ resources: { a: { from_asset_folder: '', to_asset_folder: 'f' } } }])
  })

  it('needs the type, and an asset', async () => {
    expect(messageOf(await api.upload('image/explicit', { public_id: 'a' }))).toBe('Missing required parameter - type')
    const answer = await api.upload('image/explicit', { public_id: 'a', type: 'upload' })
    expect([answer.status, messageOf(answer)]).toEqual([404, 'Resource not found - a'])
  })
})

describe('rename', () => {
  it('keeps asset_id, version and backups, and dates the id', async () => {
    const asset = place('a')
    const { assetId, version } = asset
    const now = later()
    const answer = await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b/c', to_type: 'private' })
    expect(answer).toMatchObject({ status: 200, asset_id: assetId, public_id: 'b/c', type: 'private', version })
    expect(String(answer['secure_url'])).toMatch(/\/image\/private\/s--[\w-]{8}--\/v\d+\/b\/c\.png$/)
    expect(api.cloud.shelf.byName('image', 'private', 'b/c')).toBe(asset)
    expect(api.cloud.shelf.byName('image', 'upload', 'a')).toBeUndefined()
    expect(asset.versions).toHaveLength(1)
    expect(asset.times).toMatchObject({ publicId: now, updated: now })
    expect(told('rename')).toMatchObject([{ from_public_id: 'a', to_public_id: 'b/c', asset_id: assetId }])
  })

  it('does not move the asset in a dynamic account, but does in a fixed one', async () => {
    place('a', { assetFolder: 'f' })
    expect(await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'g/a' })).toMatchObject({
      asset_folder: 'f',
    })
    await using fixed = await startUploadApi({ folderMode: 'fixed' })
    makeAsset(fixed.cloud, { publicId: 'a', bytes: pngOf(1, 1) })
    expect(await fixed.upload('image/rename', { from_public_id: 'a', to_public_id: 'g/a' })).toMatchObject({
      folder: 'g',
    })
  })

  it('takes the place of another only with overwrite', async () => {
    const asset = place('a')
    const other = place('b')
    const refused = await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b' })
    expect([refused.status, messageOf(refused)]).toEqual([400, 'to_public_id b already exists'])
    const answer = await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b', overwrite: true })
    expect(answer['asset_id']).toBe(asset.assetId)
    expect(api.cloud.shelf.byId(other.assetId)).toBeUndefined()
    expect(api.cloud.shelf.size).toBe(1)
  })

  it('never takes an id that backups hold', async () => {
    place('a')
    place('b')
    await api.upload('image/destroy', { public_id: 'b' })
    const answer = await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b', overwrite: true })
    expect([answer.status, messageOf(answer)]).toEqual([400, expect.stringContaining('reserved')])
    expect(api.cloud.shelf.byName('image', 'upload', 'b')?.versions).toHaveLength(1)
  })

  it('does not find what is not there', async () => {
    expect((await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b' })).status).toBe(404)
  })
})

describe('destroy', () => {
  it('leaves a placeholder of a backed-up asset', async () => {
    const asset = place('a', { tags: ['x'] })
    expect(await api.upload('image/destroy', { public_id: 'a' })).toMatchObject({ result: 'ok' })
    expect([asset.content, asset.versions.length, asset.tags]).toEqual([null, 1, []])
    expect(told('delete')).toMatchObject([
      { resources: [{ asset_id: asset.assetId, public_id: 'a', asset_folder: '' }] },
    ])
    expect(await api.upload('image/destroy', { public_id: 'a' })).toEqual({ status: 200, result: 'not found' })
  })

  it('leaves nothing of any other', async () => {
    place('a', { backup: false, versions: [] })
    expect(await api.upload('image/destroy', { public_id: 'a' })).toMatchObject({ result: 'ok' })
    expect(api.cloud.shelf.size).toBe(0)
  })

  it('goes by asset_id too, and by type', async () => {
    const asset = place('a', { type: 'private' })
    expect(await api.upload('image/destroy', { public_id: 'a' })).toMatchObject({ result: 'not found' })
    expect(await api.upload('asset/destroy', { asset_id: asset.assetId })).toMatchObject({ result: 'ok' })
  })

  it('cuts relations on both sides', async () => {
    const [a, b] = [place('a'), place('b')]
    a.related.add(b.assetId)
    b.related.add(a.assetId)
    await api.upload('image/destroy', { public_id: 'a' })
    expect([a.related.size, b.related.size]).toEqual([0, 0])
  })
})

describe('a delete token', () => {
  it('deletes its asset once, within ten minutes', async () => {
    const upload = (publicId: string) =>
      api.upload('image/upload', { public_id: publicId, return_delete_token: true }, { bytes: pngOf(1, 1) })
    const [first, second] = [await upload('a'), await upload('b')]
    const use = (token: unknown) => api.form('POST', 'delete_by_token', `token=${token}`)
    expect(await use(first['delete_token'])).toMatchObject({ status: 200, result: 'ok' })
    expect((await use(first['delete_token'])).status).toBe(400)
    expect(told('delete_by_token')).toHaveLength(1)
    api.now += 601_000
    expect((await use(second['delete_token'])).status).toBe(400)
    expect(api.cloud.shelf.byName('image', 'upload', 'b')?.content).not.toBeNull()
  })
})

describe('bulk attributes', () => {
  const tag = (command: string, tag: string, publicIds: string[]) =>
    api.upload('image/tags', { command, ...(tag === '' ? {} : { tag }), public_ids: publicIds })

  it('adds, removes, replaces and clears tags', async () => {
    const asset = place('a')
    expect(await tag('add', 'x,y', ['a', 'missing'])).toEqual({ status: 200, public_ids: ['a'] })
    expect(asset.tags).toEqual(['x', 'y'])
    await tag('remove', 'x', ['a'])
    expect(asset.tags).toEqual(['y'])
    await tag('replace', 'z', ['a'])
    expect(asset.tags).toEqual(['z'])
    await tag('remove_all', '', ['a'])
    expect(asset.tags).toEqual([])
    expect(told('resource_tags_changed')).toHaveLength(4)
  })

  it('takes an exclusive tag from all others', async () => {
    const [a, b] = [place('a'), place('b', { tags: ['hero', 'x'] })]
    await tag('set_exclusive', 'hero', ['a'])
    expect([a.tags, b.tags]).toEqual([['hero'], ['x']])
  })

  it('names the commands there are', async () => {
    const answer = await tag('bogus', 'x', ['a'])
    expect([answer.status, messageOf(answer)]).toEqual([
      400,
      'Invalid command - bogus. Must be one of: add, remove, replace, remove_all, set_exclusive',
    ])
  })

  it('merges context, deletes by an empty value, and clears', async () => {
    const asset = place('a', { context: { k: '1', l: '2' } })
    await api.upload('image/context', { command: 'add', context: 'k=|m=a\\|b', public_ids: ['a'] })
    expect(asset.context).toEqual({ l: '2', m: 'a|b' })
    await api.upload('image/context', { command: 'remove_all', public_ids: ['a'] })
    expect(asset.context).toEqual({})
  })

  it('merges metadata, all assets or none', async () => {
    api.cloud.fields.push({ external_id: 's', type: 'string', mandatory: true }, { external_id: 'n', type: 'integer' })
    const [a, b] = [place('a', { metadata: { n: 1 } }), place('b')]
    const answer = await api.upload('image/metadata', { metadata: 'n=|s=x', public_ids: ['a', 'b'] })
    expect(answer['public_ids']).toEqual(['a', 'b'])
    expect([a.metadata, b.metadata]).toEqual([{ s: 'x' }, { s: 'x' }])
    expect((await api.upload('image/metadata', { metadata: 's=', public_ids: ['a'] })).status).toBe(400)
    expect(a.metadata).toEqual({ s: 'x' })
  })

  it('goes by the ids of one text too', async () => {
    const [a, b] = [place('a'), place('b')]
    await api.upload('image/tags', { command: 'add', tag: 'x', public_ids: 'a,b' })
    expect([a.tags, b.tags]).toEqual([['x'], ['x']])
  })
})

it('says that it makes no archives', async () => {
  const answer = await api.upload('image/generate_archive', { tags: 'x' })
  expect([answer.status, messageOf(answer)]).toEqual([501, 'The sandbox does not generate assets'])
})
