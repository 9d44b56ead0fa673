import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AssetOptions, makeAsset } from '../make-asset.ts'
import { apiSignature, type SignedParams } from '../signature.ts'
import type { Asset } from '../state.ts'
import { pngOf, startUploadApi, type UploadApi } from '../upload/testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const place = (publicId: string, more: Partial<AssetOptions> = {}): Asset =>
  makeAsset(api.cloud, { publicId, format: 'png', bytes: pngOf(1, 1, publicId), createdAt: api.now, ...more })

const overwrite = (publicId: string, width: number) =>
  api.upload('image/upload', { public_id: publicId }, { bytes: pngOf(width, 9) })

const unknownId = 'a'.repeat(32)

describe('restore', () => {
  it('brings back the latest version of a deleted asset, as a new one', async () => {
    const asset = place('a', { tags: ['x'], assetFolder: 'f', context: { k: 'v' } })
    const [before, md5] = [asset.version, asset.content?.md5]
    await api.upload('image/destroy', { public_id: 'a' })
    api.now += 60_000
    const answer = await api.send('POST', 'resources/image/upload/restore', { public_ids: ['a'] })
    expect(answer['a']).toMatchObject({
      asset_id: asset.assetId,
      public_id: 'a',
      version: before + 60,
      etag: md5,
      placeholder: false,
      asset_folder: 'f',
      tags: [],
    })
    expect(asset.uploadedAt).toBe(api.now)
    expect(asset.versions.map((version) => version.version)).toEqual([before, before + 60])
    expect(api.cloud.events.at(-1)).toMatchObject({
      type: 'restore_asset_version',
      body: { resources: [{ asset_id: asset.assetId }] },
    })
  })

  it('brings back any version, with its own size', async () => {
    const asset = place('a')
    api.now += 1000
    await overwrite('a', 7)
    const [first] = asset.versions
    const answer = await api.send('POST', 'resources/restore', {
      asset_ids: [asset.assetId],
      versions: [first?.versionId],
    })
    expect(answer[asset.assetId]).toMatchObject({ width: 1, height: 1, etag: first?.content.md5 })
    expect(asset.versions).toHaveLength(3)
  })

  it('answers 200 and says by id what could not be restored', async () => {
    const bare = place('bare', { backup: false })
    bare.versions = []
    const lost = place('lost')
    for (const version of lost.versions) version.restorable = false
    const answer = await api.send('POST', 'resources/restore', {
      asset_ids: [unknownId, bare.assetId, lost.assetId],
      versions: ['', '', lost.versions[0]?.versionId],
    })
    expect(answer).toMatchObject({
      status: 200,
      [unknownId]: { error: 'no_backup' },
      [bare.assetId]: { error: 'no_backup' },
      [lost.assetId]: { error: 'failed' },
    })
  })

  it.each([
    [{}, 'asset_ids parameter is required'],
    [{ asset_ids: ['abc123'] }, 'Invalid asset_id: abc123'],
    [{ asset_ids: [unknownId], versions: [unknownId, unknownId] }, 'versions count must match ids count'],
  ])('refuses %o', async (body, message) => {
    const answer = await api.send('POST', 'resources/restore', body)
    expect([answer.status, answer.error?.message]).toEqual([400, message])
  })

  it('restores only what is uploaded', async () => {
    expect((await api.send('POST', 'resources/image/fetch/restore', { public_ids: ['a'] })).status).toBe(400)
  })

  it('follows an asset through its renames', async () => {
    const asset = place('a')
    const kept = asset.content?.md5
    await overwrite('a', 5)
    await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b' })
    const [first] = asset.versions
    const answer = await api.send('POST', 'resources/restore', {
      asset_ids: [asset.assetId],
      versions: [first?.versionId],
    })
    expect(answer[asset.assetId]).toMatchObject({ public_id: 'b', etag: kept })
  })
})

describe('deleting kept versions', () => {
  it('lets a deleted asset go with its last one, and frees its id', async () => {
    const asset = place('a')
    await overwrite('a', 5)
    await api.upload('image/destroy', { public_id: 'a' })
    const ids = asset.versions.map((version) => version.versionId)
    const first = await api.send('DELETE', `resources/backup/${asset.assetId}`, { version_ids: [ids[0]] })
    expect(first).toMatchObject({ status: 200, asset_id: asset.assetId, deleted_version_ids: [ids[0]] })
    await api.form('DELETE', `resources/backup/${asset.assetId}`, `version_ids[]=${ids[1]}`)
    expect(api.cloud.shelf.size).toBe(0)
  })

  it('leaves the binary in use, and answers 207 for versions that are not there', async () => {
    const asset = place('a')
    const ids = [asset.versions[0]?.versionId, unknownId]
    const answer = await api.send('DELETE', `resources/backup/${asset.assetId}`, { version_ids: ids })
    expect(answer).toMatchObject({ status: 207, deleted_version_ids: [ids[0]], failures: [{ version_id: unknownId }] })
    expect([asset.content === null, asset.backup]).toEqual([false, false])
    expect((await api.send('DELETE', `resources/backup/${unknownId}`, { version_ids: ids })).status).toBe(404)
  })
})

describe('the initial backup', () => {
  it('keeps what is not kept yet, and reports', async () => {
    const [old] = [place('a', { backup: false }), place('b')]
    old.versions = []
    place('https://site.test/x.png', { type: 'fetch', backup: false })
    expect(await api.send('POST', 'operations/initial_backup', { email: 'ops@acme.test' })).toMatchObject({
      status: 200,
      ok: true,
    })
    expect([old.versions.length, old.backup]).toEqual([1, true])
    const list = (await api.get('operations/initial_backup')) as unknown as { initial_backups: { id: string }[] }
    const report = await api.get(`operations/initial_backup/${list.initial_backups[0]?.id}`)
    expect(report).toMatchObject({ status: 200, processed_assets_count: 1 })
    expect((await api.get('operations/initial_backup/none')).status).toBe(404)
  })

  it('is refused while new uploads are not backed up', async () => {
    api.cloud.settings.autoBackup = false
    const answer = await api.send('POST', 'operations/initial_backup')
    expect([answer.status, answer.error?.message]).toEqual([400, expect.stringContaining("isn't enabled")])
  })
})

describe('downloading a kept version', () => {
  const signed = (params: SignedParams): string => {
    const { key, secret } = api.cloud.keys[0] ?? { key: '', secret: '' }
    const all = { timestamp: Math.floor(api.now / 1000), ...params }
    const query = { ...all, signature: apiSignature(all, secret), api_key: key }
    return Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join('&')
  }
  const get = async (query: string): Promise<[number, string | undefined]> => {
    const response = await api.deliver(`/v1_1/acme/download_backup?${query}`)
    if (response.status === 200) return [200, Buffer.from(await response.arrayBuffer()).toString('latin1')]
    return [response.status, ((await response.json()) as { error: { message: string } }).error.message]
  }
  const ids = (asset: Asset, at = 0) => ({ asset_id: asset.assetId, version_id: asset.versions[at]?.versionId ?? '' })

  it('gives the bytes of each, of a deleted asset too', async () => {
    const asset = place('a')
    await overwrite('a', 5)
    await api.upload('image/destroy', { public_id: 'a' })
    expect(await get(signed(ids(asset, 0)))).toEqual([200, pngOf(1, 1, 'a').toString('latin1')])
    expect(await get(signed(ids(asset, 1)))).toEqual([200, pngOf(5, 9).toString('latin1')])
  })

  it('says what is wrong', async () => {
    const asset = place('a')
    expect(await get(signed({ asset_id: asset.assetId }))).toEqual([400, 'Missing required parameter - version_id'])
    expect(await get(signed({ version_id: unknownId }))).toEqual([400, 'Missing required parameter - asset_id'])
    expect(await get(signed({ asset_id: 'x', version_id: 'y' }))).toEqual([400, 'Illegal id'])
    expect((await get(signed({ ...ids(asset), version_id: unknownId })))[0]).toBe(404)
    expect((await get(`${signed(ids(asset))}&extra=1`))[0]).toBe(401)
    const old = signed(ids(asset))
    api.now += 3_601_000
    expect(await get(old)).toEqual([400, expect.stringMatching(/^Stale request/)])
  })

  it('takes Basic credentials, sends parts, and is not counted as an Admin API call', async () => {
    const asset = place('a')
    const { key, secret } = api.cloud.keys[0] ?? { key: '', secret: '' }
    const query = new URLSearchParams(ids(asset))
    const response = await api.deliver(`/v1_1/acme/download_backup?${query}`, {
      headers: { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`, range: 'bytes=1-3' },
    })
    expect([response.status, await response.text()]).toEqual([206, 'PNG'])
    expect(response.headers.get('x-featureratelimit-limit')).toBeNull()
  })
})

it('restoring counts as an Admin API call', async () => {
  await api.send('POST', 'resources/restore', { asset_ids: [unknownId] })
  expect(api.cloud.quota.used).toBe(1)
})
