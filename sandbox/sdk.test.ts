import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeAsset } from './make-asset.ts'
import { dataUri, picture, refusal, type Sdk, startSdk, untyped } from './sdk-testing.ts'

// The official SDK drives the sandbox as it drives the real service: what it sends is what real clients send.
let sdk: Sdk
beforeAll(async () => {
  sdk = await startSdk()
  for (let n = 0; n < 25; n++) {
    makeAsset(sdk.cloud, {
      publicId: `list/item-${String(n).padStart(2, '0')}`,
      createdAt: Date.UTC(2024, 0, 1 + n),
      format: 'png',
      bytes: picture(n),
      assetFolder: n < 10 ? 'first ten' : 'list/rest',
      tags: n % 5 === 0 ? ['fifth', 'tagged'] : [],
      context: n % 5 === 1 ? { alt: `Number ${n}`, kind: 'odd one' } : {},
      ...(n === 3 ? { moderation: [{ kind: 'manual', status: 'approved', updatedAt: 0 }] } : {}),
    })
  }
})
afterAll(() => sdk.sandbox.close())

it('answers ping, config and usage, with the quota on each', async () => {
  const { api } = sdk.cloudinary
  const ping = await api.ping()
  expect(ping.status).toBe('ok')
  expect(ping).toMatchObject({ rate_limit_allowed: 100_000 })
  expect(ping['rate_limit_reset_at']).toBeInstanceOf(Date)
  expect(ping['rate_limit_remaining']).toBeLessThan(100_000)
  expect(await api.config()).not.toHaveProperty('settings')
  expect(await api.config({ settings: true })).toMatchObject({
    cloud_name: 'acme',
    settings: { folder_mode: 'dynamic' },
  })
  expect(await api.usage()).toMatchObject({
    plan: expect.any(String),
    resources: 25,
    media_limits: { image_max_size_bytes: expect.any(Number) },
  })
})

it('pages through all assets without repeating or missing one', async () => {
  const { api } = sdk.cloudinary
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await api.resources({
      type: 'upload',
      resource_type: 'image',
      max_results: 7,
      direction: 'asc',
      tags: true,
      ...(cursor === undefined ? {} : { next_cursor: cursor }),
    })
    seen.push(...page.resources.map((asset: { public_id: string }) => asset.public_id))
    cursor = page.next_cursor
  } while (cursor)
  expect(seen).toHaveLength(25)
  expect(seen).toEqual([...seen].sort())
  const newest = await api.resources({ type: 'upload', max_results: 3 })
  expect(newest.resources.map((asset: { public_id: string }) => asset.public_id)).toEqual([
    'list/item-24',
    'list/item-23',
    'list/item-22',
  ])
})

it('lists by prefix, type, time, tag, context, moderation, ids and folder', async () => {
  const { api } = sdk.cloudinary
  const ids = async (call: Promise<{ resources: { public_id: string }[] }>): Promise<string[]> =>
    (await call).resources.map((asset) => asset.public_id)
  expect(await ids(api.resources({ type: 'upload', prefix: 'list/item-1', max_results: 500 }))).toHaveLength(10)
  expect(await ids(api.resources({ type: 'private' }))).toEqual([])
  expect(
    await ids(
      api.resources({
        type: 'upload',
        start_at: new Date(Date.UTC(2024, 0, 23)),
        direction: 'asc',
        max_results: 50,
      } as object),
    ),
  ).toHaveLength(3)
  expect(await ids(api.resources_by_tag('fifth', { max_results: 50 }))).toHaveLength(5)
  expect(await ids(api.resources_by_context('alt', undefined as unknown as string, { max_results: 50 }))).toHaveLength(
    5,
  )
  expect(await ids(api.resources_by_context('kind', 'odd one', { max_results: 50 }))).toHaveLength(5)
  expect(await ids(api.resources_by_context('kind', 'even one', { max_results: 50 }))).toEqual([])
  expect(await ids(api.resources_by_moderation('manual', 'approved'))).toEqual(['list/item-03'])
  expect((await ids(api.resources_by_ids(['list/item-04', 'list/item-02', 'none']))).sort()).toEqual([
    'list/item-02',
    'list/item-04',
  ])
  expect(await ids(api.resources_by_asset_folder('first ten', { max_results: 50 }))).toHaveLength(10)
  const one = await api.resource('list/item-07')
  expect(await ids(api.resources_by_asset_ids([one.asset_id]))).toEqual(['list/item-07'])
  expect((await untyped(api).resource_by_asset_id(one.asset_id))['public_id']).toBe('list/item-07')
  expect((await api.resource_types()).resource_types).toContain('image')
  expect((await api.tags({ max_results: 50 })).tags).toEqual(['fifth', 'tagged'])
})

it('shows an asset with its versions, and finds what is not there missing', async () => {
  const { api } = sdk.cloudinary
  const plain = await api.resource('list/item-05')
  expect(plain).not.toHaveProperty('versions')
  expect(plain).toMatchObject({
    etag: expect.stringMatching(/^[0-9a-f]{32}$/),
    bytes: picture(5).length,
    asset_folder: 'first ten',
    tags: ['fifth', 'tagged'],
  })
  const { versions } = await api.resource('list/item-05', { versions: true } as object)
  expect(versions).toEqual([
    expect.objectContaining({ version: String(plain.version), size: plain.bytes, restorable: true }),
  ])
  expect(await refusal(api.resource('nowhere/to be found'))).toEqual({
    message: 'Resource not found - nowhere/to be found',
    http_code: 404,
  })
})

it('searches with expressions, order, fields and pages', async () => {
  const search = (): typeof sdk.cloudinary.search => sdk.cloudinary.search
  const tagged = await search()
    .expression('resource_type:image AND tags=fifth')
    .sort_by('public_id', 'desc')
    .with_field('tags')
    .with_field('context')
    .max_results(3)
    .execute()
  expect(tagged.total_count).toBe(5)
  expect(tagged.resources.map((asset: { public_id: string }) => asset.public_id)).toEqual([
    'list/item-20',
    'list/item-15',
    'list/item-10',
  ])
  expect(tagged.resources[0]).toMatchObject({
    tags: ['fifth', 'tagged'],
    etag: expect.any(String),
    status: 'active',
    asset_folder: 'list/rest',
  })
  const rest = await search()
    .expression('resource_type:image AND tags=fifth')
    .sort_by('public_id', 'desc')
    .max_results(3)
    .next_cursor(tagged.next_cursor)
    .execute()
  expect(rest.resources).toHaveLength(2)
  expect(rest.next_cursor ?? null).toBeNull()
  expect(
    (await search().expression('asset_folder="first ten" AND created_at<"2024-01-04T00:00:00Z"').execute()).total_count,
  ).toBe(3)
  expect((await search().expression('bytes>1000000 OR public_id="list/item-01"').execute()).total_count).toBe(1)
  expect((await refusal(search().expression('NOT tags:x').execute())).http_code).toBe(400)
})

it('restores deleted assets and older versions, and deletes versions for good', async () => {
  const { api, uploader } = sdk.cloudinary
  for (const seed of [1001, 1002, 1003])
    await uploader.upload(dataUri(picture(seed)), { public_id: 'restorable', overwrite: true })
  const { versions, asset_id } = await api.resource('restorable', { versions: true } as object)
  expect(versions).toHaveLength(3)
  expect((await api.delete_resources(['restorable', 'missing'])).deleted).toEqual({
    restorable: 'deleted',
    missing: 'not_found',
  })
  expect(await api.resource('restorable')).toMatchObject({ bytes: 0, placeholder: true, asset_id })
  const restored: object = await api.restore(['restorable'], { versions: [versions[0].version_id] })
  expect(restored).toMatchObject({ restorable: { asset_id, bytes: picture(1001).length, placeholder: false } })
  expect((await api.resource('restorable')).etag).toBe(
    (await uploader.upload(dataUri(picture(1001)), { public_id: 'compare' })).etag,
  )
  const byId: object = await api.restore_by_asset_ids([asset_id])
  expect(byId).toMatchObject({ [asset_id]: { public_id: 'restorable' } })
  const url = sdk.cloudinary.utils.download_backedup_asset(asset_id, versions[1].version_id)
  expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(picture(1002))).toBe(true)
  expect(await untyped(api).delete_backed_up_assets(asset_id, [versions[1].version_id])).toMatchObject({
    asset_id,
    deleted_version_ids: [versions[1].version_id],
  })
  expect((await fetch(url)).status).toBe(404)
})

it('updates attributes, relates assets and deletes by prefix, tag and id', async () => {
  const { api, uploader } = sdk.cloudinary
  for (const name of ['a', 'b', 'c'])
    await uploader.upload(dataUri(picture(name.charCodeAt(0))), { public_id: `temporary/${name}`, tags: ['temporary'] })
  const updated = await api.update('temporary/a', {
    tags: 'x,y',
    context: 'alt=An ä|caption=B',
    display_name: 'Display Ä',
    asset_folder: 'moved here',
  } as object)
  expect(updated).toMatchObject({
    tags: ['x', 'y'],
    context: { custom: { alt: 'An ä', caption: 'B' } },
    display_name: 'Display Ä',
    asset_folder: 'moved here',
  })
  const related = await api.add_related_assets('temporary/a', 'image/upload/temporary/b')
  expect(related.success).toHaveLength(1)
  expect((await api.resource('temporary/b', { related: true } as object))['related_assets']).toHaveLength(1)
  expect((await api.delete_related_assets('temporary/a', ['image/upload/temporary/b'])).success).toHaveLength(1)
  expect((await api.delete_resources_by_tag('temporary')).deleted).toEqual({
    'temporary/b': 'deleted',
    'temporary/c': 'deleted',
  })
  expect((await api.delete_resources_by_prefix('temporary/a')).deleted).toEqual({ 'temporary/a': 'deleted' })
})

it('refuses wrong credentials with the words of the service', async () => {
  const { api } = sdk.cloudinary
  expect(await refusal(api.ping({ api_secret: 'wrong' }))).toMatchObject({ http_code: 401 })
  expect(await refusal(api.ping({ api_key: '1' }))).toMatchObject({ http_code: 401 })
})

it('says when the quota is used up, and until when', async () => {
  const { api } = sdk.cloudinary
  const before = sdk.cloud.settings.rateLimit
  sdk.cloud.settings.rateLimit = 1
  const { message, http_code } = await refusal(Promise.all([api.ping(), api.ping(), api.ping()]))
  sdk.cloud.settings.rateLimit = before
  expect(http_code).toBe(420)
  expect(message).toMatch(
    /^Rate Limit Exceeded\. Limit of 1 api operations reached\. Try again on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/,
  )
})
