import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AssetOptions, makeAsset } from '../make-asset.ts'
import { apiSignature, type SignedParams } from '../signature.ts'
import type { Asset } from '../state.ts'
import { startUploadApi, type UploadApi } from '../upload/testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const place = (publicId: string, more: Partial<AssetOptions> = {}): Asset =>
  makeAsset(api.cloud, { publicId, bytes: Buffer.from(`bytes of ${publicId}`), createdAt: api.now, ...more })

const pathOf = (kind: string, params: SignedParams): string => {
  const { key, secret } = api.cloud.keys[0] ?? { key: '', secret: '' }
  const all = { timestamp: Math.floor(api.now / 1000), ...params }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...all, signature: apiSignature(all, secret), api_key: key })) {
    query.set(name, String(value))
  }
  return `/v1_1/acme/${kind}/download?${query}`
}

const get = async (path: string, headers: Record<string, string> = {}): Promise<[number, string]> => {
  const response = await api.deliver(path, { headers })
  const text = await response.text()
  const refused = response.headers.get('content-type')?.includes('json') === true
  return [response.status, refused ? (JSON.parse(text) as { error: { message: string } }).error.message : text]
}

describe('the download endpoints', () => {
  it('go round every rule of delivery', async () => {
    place('a', { type: 'private' })
    place('b', { type: 'authenticated' })
    place('c', { format: 'pdf' })
    place('d', { accessControl: [{ access_type: 'token' }] })
    expect(await get(pathOf('image', { public_id: 'a', type: 'private', format: 'jpg' }))).toEqual([200, 'bytes of a'])
    expect(await get(pathOf('image', { public_id: 'b', type: 'authenticated', format: 'jpg' }))).toEqual([
      200,
      'bytes of b',
    ])
    expect(await get(pathOf('image', { public_id: 'c', format: 'pdf' }))).toEqual([200, 'bytes of c'])
    expect(await get(pathOf('image', { public_id: 'd', format: 'jpg' }))).toEqual([200, 'bytes of d'])
  })

  it('find an asset by its asset_id, and raw files with or without their extension in the id', async () => {
    const asset = place('100% é+ü')
    place('x/a.txt', { resourceType: 'raw', format: null })
    expect(await get(pathOf('asset', { asset_id: asset.assetId }))).toEqual([200, 'bytes of 100% é+ü'])
    expect(await get(pathOf('raw', { public_id: 'x/a.txt' }))).toEqual([200, 'bytes of x/a.txt'])
    expect(await get(pathOf('raw', { public_id: 'x/a', format: 'txt' }))).toEqual([200, 'bytes of x/a.txt'])
  })

  it('send a part when asked', async () => {
    place('a')
    const response = await api.deliver(pathOf('image', { public_id: 'a' }), { headers: { range: 'bytes=0-4' } })
    expect([response.status, await response.text()]).toEqual([206, 'bytes'])
  })

  it('convert to another format', async () => {
    place('a')
    expect((await get(pathOf('image', { public_id: 'a', format: 'png' })))[1]).not.toBe('bytes of a')
  })

  it('name the file they attach', async () => {
    place('a', { originalFilename: 'fö' })
    const response = await api.deliver(pathOf('image', { public_id: 'a', attachment: true }))
    expect(response.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''f%C3%B6")
  })

  it('take Basic credentials in place of a signature', async () => {
    place('a')
    const { key, secret } = api.cloud.keys[0] ?? { key: '', secret: '' }
    const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`
    expect(await get('/v1_1/acme/image/download?public_id=a', { authorization })).toEqual([200, 'bytes of a'])
  })

  it('are over after an hour, or when they say so', async () => {
    place('a')
    const plain = pathOf('image', { public_id: 'a' })
    const long = pathOf('image', { public_id: 'a', expires_at: Math.floor(api.now / 1000) + 7200 })
    api.now += 3_601_000
    expect((await get(plain))[0]).toBe(400)
    expect((await get(long))[0]).toBe(200)
    api.now += 3_600_000
    expect(await get(long)).toEqual([401, 'Request timestamp expired'])
  })

  it('refuse a changed URL', async () => {
    place('a')
    place('b')
    const [status, message] = await get(pathOf('image', { public_id: 'a' }).replace('public_id=a', 'public_id=b'))
    expect([status, message]).toEqual([401, expect.stringMatching(/^Invalid Signature/)])
    expect((await get('/v1_1/acme/image/download?public_id=a'))[0]).toBe(401)
  })

  it('do not find what is not there or was deleted', async () => {
    place('a', { bytes: null })
    expect(await get(pathOf('image', { public_id: 'a' }))).toEqual([404, 'Resource not found - a'])
    expect((await get(pathOf('image', { public_id: 'b' })))[0]).toBe(404)
    expect(await get(pathOf('image', { type: 'upload' }))).toEqual([400, 'Missing required parameter - public_id'])
  })
})
