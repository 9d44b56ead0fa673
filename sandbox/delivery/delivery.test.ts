import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signingSecret } from '../cloud.ts'
import { deliveryPath } from '../delivery-url.ts'
import { type AssetOptions, makeAsset } from '../make-asset.ts'
import { deliverySignature } from '../signature.ts'
import type { Asset } from '../state.ts'
import { startUploadApi, type UploadApi } from '../upload/testing.ts'

const bytes = randomBytes(100_000)

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const place = (publicId: string, more: Partial<AssetOptions> = {}): Asset =>
  makeAsset(api.cloud, { publicId, bytes, createdAt: api.now, ...more })

const errorOf = (response: Response): [number, string | null] => [response.status, response.headers.get('x-cld-error')]
const bodyOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer())
const isOriginal = async (path: string): Promise<boolean> => (await bodyOf(await api.deliver(path))).equals(bytes)

/** As curl does: the path goes out as it stands, where URL classes would tidy it up. */
const rawStatus = (path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.sandbox.url)
    request({ hostname, port, path }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })

describe('an original', () => {
  it('comes byte for byte, with what caches and checks need', async () => {
    const asset = place('a/b')
    const response = await api.deliver(`/acme/image/upload/v${asset.version}/a/b.jpg`)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(bytes.length),
      etag: `"${asset.content?.md5}"`,
      'last-modified': new Date(api.now).toUTCString(),
      'accept-ranges': 'bytes',
      'cache-control': 'public, no-transform, immutable, max-age=2592000',
      server: 'Cloudinary',
    })
    expect((await bodyOf(response)).equals(bytes)).toBe(true)
  })

  it.each([
    '/acme/image/upload/a/b.jpg',
    '/acme/image/upload/v1/a/b.jpg',
    '/acme/image/upload/a%2Fb.jpg',
    '/acme/image/upload/fl_original/v7/a/b.jpg',
    '/acme/image/upload/fl_original/a/b.jpg',
  ])('is found at %s', async (path) => {
    place('a/b')
    expect(await isOriginal(path)).toBe(true)
  })

  it('answers HEAD without a body', async () => {
    place('a')
    const response = await api.deliver('/acme/image/upload/a.jpg', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(bytes.length)])
    expect((await bodyOf(response)).length).toBe(0)
  })

  it.each([
    ['bytes=0-9', 0, 9],
    ['bytes=10-', 10, bytes.length - 1],
    ['bytes=-5', bytes.length - 5, bytes.length - 1],
    ['bytes=99990-200000', 99_990, bytes.length - 1],
    [`bytes=-${bytes.length + 1}`, 0, bytes.length - 1],
  ])('comes in part for %s', async (range, start, end) => {
    place('a')
    const response = await api.deliver('/acme/image/upload/a.jpg', { headers: { range } })
    expect([response.status, response.headers.get('content-range')]).toEqual([
      206,
      `bytes ${start}-${end}/${bytes.length}`,
    ])
    expect((await bodyOf(response)).equals(bytes.subarray(start, end + 1))).toBe(true)
  })

  it('comes whole for a range that is none, and not at all for one beyond its end', async () => {
    place('a')
    for (const range of ['bytes=9-1', 'lines=1-2', 'bytes=-', 'bytes=0-1,5-6']) {
      expect((await api.deliver('/acme/image/upload/a.jpg', { headers: { range } })).status).toBe(200)
    }
    const beyond = await api.deliver('/acme/image/upload/a.jpg', { headers: { range: `bytes=${bytes.length}-` } })
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`])
  })

  it('is not sent to who has it, nor in part to who began another', async () => {
    const etag = `"${place('a').content?.md5}"`
    const get = async (headers: Record<string, string>) =>
      (await api.deliver('/acme/image/upload/a.jpg', { headers })).status
    expect(await get({ 'if-none-match': `"other", W/${etag}` })).toBe(304)
    expect(await get({ 'if-none-match': '"other"' })).toBe(200)
    expect(await get({ range: 'bytes=0-1', 'if-range': etag })).toBe(206)
    expect(await get({ range: 'bytes=0-1', 'if-range': '"other"' })).toBe(200)
  })

  it('is always the present one, whatever version the URL has', async () => {
    const old = place('a')
    const version = old.version
    old.content = { size: 3, md5: 'f'.repeat(32), read: () => Buffer.from('new') }
    expect(await (await api.deliver(`/acme/image/upload/v${version}/a.jpg`)).text()).toBe('new')
  })

  it('of 200 MB leaves the memory flat and stops when the reader leaves', async () => {
    const asset = place('big', { resourceType: 'raw', format: null })
    let read = 0
    const slice = Buffer.alloc(256 * 1024)
    asset.content = {
      size: 200 * 1024 * 1024,
      md5: '0'.repeat(32),
      read: (start, end) => {
        read += end - start + 1
        return slice.subarray(0, end - start + 1)
      },
    }
    const response = await api.deliver('/acme/raw/upload/big')
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const afterLeaving = read
    expect(afterLeaving).toBeLessThan(20 * 1024 * 1024)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(read).toBe(afterLeaving)
  })
})

describe('names', () => {
  it.each([
    '100% sure',
    'a+b',
    `it's "quoted"`,
    'größe 日本 😀',
    'a b/c d',
    'x,y=z;w',
    'semi:colon',
    '(a)!*~',
    'a%2Fb',
    'w_1/b',
    '.hidden',
    'a.b.c',
  ])('are found as the account states them: %s', async (publicId) => {
    const asset = place(publicId)
    expect(await isOriginal(deliveryPath(api.cloud, asset))).toBe(true)
    expect(await rawStatus(deliveryPath(api.cloud, asset))).toBe(200)
  })

  it('keep their plus and their broken percent signs when they come raw', async () => {
    place('a+b')
    place('50%')
    expect(await rawStatus('/acme/image/upload/a+b.jpg')).toBe(200)
    expect(await rawStatus('/acme/image/upload/50%.jpg')).toBe(200)
  })

  it('with a dot: the part after it is the format if it can be one', async () => {
    place('a.jpg')
    place('photo.final')
    expect(await isOriginal('/acme/image/upload/a.jpg.jpg')).toBe(true)
    expect((await api.deliver('/acme/image/upload/a.jpg')).status).toBe(404)
    expect(await isOriginal('/acme/image/upload/photo.final.jpg')).toBe(true)
    expect((await api.deliver('/acme/image/upload/photo.final')).status).toBe(200)
  })

  it('of raw files hold their extension, or have none', async () => {
    place('docs/a.TXT', { resourceType: 'raw', format: null })
    place('docs/plain', { resourceType: 'raw', format: null })
    expect(await isOriginal('/acme/raw/upload/v1/docs/a.TXT')).toBe(true)
    expect(await isOriginal('/acme/raw/upload/docs/plain')).toBe(true)
    expect((await api.deliver('/acme/raw/upload/docs/plain.txt')).status).toBe(404)
  })

  it('of fetched assets are URLs', async () => {
    const asset = place('https://site.test/a b.png?x=1&y=é', { type: 'fetch', format: 'png' })
    expect(await isOriginal(deliveryPath(api.cloud, asset))).toBe(true)
    expect((await api.deliver('/acme/image/fetch/https://other.test/a.png')).status).toBe(404)
  })
})

describe('what is not the original', () => {
  it.each([
    '/acme/image/upload/a',
    '/acme/image/upload/v1/a.png',
    '/acme/image/upload/w_10,c_fill/a.jpg',
    '/acme/image/upload/w_10/e_grayscale/v1/a.webp',
  ])('%s is made of it, the same each time, and kept as derived', async (path) => {
    const asset = place('a')
    const first = await bodyOf(await api.deliver(path))
    expect(first.equals(bytes)).toBe(false)
    expect((await bodyOf(await api.deliver(path))).equals(first)).toBe(true)
    expect(asset.derived).toHaveLength(1)
    expect(asset.derived[0]?.bytes).toBe(first.length)
  })

  it('is a format by another of its names the original all the same', async () => {
    place('a')
    expect(await isOriginal('/acme/image/upload/a.jpeg')).toBe(true)
  })

  it('is a plain URL of an account that optimises, unless it has fl_original', async () => {
    api.cloud.settings.optimizeByDefault = true
    place('a')
    place('r', { resourceType: 'raw', format: null })
    expect(await isOriginal('/acme/image/upload/v1/a.jpg')).toBe(false)
    expect(await isOriginal('/acme/image/upload/fl_original/v1/a.jpg')).toBe(true)
    expect(await isOriginal('/acme/raw/upload/v1/r')).toBe(true)
  })

  it('is refused when the transformation is wrong', async () => {
    place('a')
    expect(errorOf(await api.deliver('/acme/image/upload/w_abc/a.jpg'))).toEqual([
      400,
      'Invalid width in transformation: abc',
    ])
    expect(errorOf(await api.deliver('/acme/image/upload/t_none/a.jpg'))).toEqual([400, 'Unknown transformation none'])
    api.cloud.transformations.set('some', { name: 'some', definition: 'w_1', allowedForStrict: false, createdAt: 0 })
    expect((await api.deliver('/acme/image/upload/t_some/a.jpg')).status).toBe(200)
  })

  it('is an attachment only by its name', async () => {
    place('a', { originalFilename: 'my "photo"' })
    const response = await api.deliver('/acme/image/upload/fl_attachment/a.jpg')
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="my photo"')
    expect((await bodyOf(response)).equals(bytes)).toBe(true)
  })
})

describe('what is refused', () => {
  it('what is not there: 404, the reason in a header, a picture in the body', async () => {
    const response = await api.deliver('/acme/image/upload/v1/n%C3%B6.jpg')
    expect(errorOf(response)).toEqual([404, 'Resource not found - n%C3%B6.jpg'])
    expect(response.headers.get('content-type')).toBe('image/gif')
    expect(response.headers.get('cache-control')).toBe('private, no-transform, max-age=0, no-cache')
    expect((await api.deliver('/nobody/image/upload/a.jpg')).status).toBe(404)
  })

  it('deleted and rejected assets', async () => {
    place('a', { bytes: null })
    place('b', { moderation: [{ kind: 'manual', status: 'rejected', updatedAt: 0 }] })
    place('c', { moderation: [{ kind: 'manual', status: 'pending', updatedAt: 0 }] })
    expect((await api.deliver('/acme/image/upload/a.jpg')).status).toBe(404)
    expect((await api.deliver('/acme/image/upload/b.jpg')).status).toBe(404)
    expect((await api.deliver('/acme/image/upload/c.jpg')).status).toBe(200)
  })

  it('PDF and ZIP where the account does not allow them, signed or not', async () => {
    place('a', { format: 'pdf' })
    place('b.zip', { resourceType: 'raw', format: null })
    for (const path of ['/acme/image/upload/a.pdf', '/acme/raw/upload/v1/b.zip']) {
      const response = await api.deliver(path)
      expect(errorOf(response)).toEqual([401, 'deny or ACL failure'])
      expect((await bodyOf(response)).length).toBe(0)
    }
    expect((await api.deliver('/acme/image/upload/a.png')).status).toBe(200)
    api.cloud.settings.allowPdfZip = true
    expect(await isOriginal('/acme/image/upload/a.pdf')).toBe(true)
  })

  it('assets with a token, but for the time they are open', async () => {
    const asset = place('a', { accessControl: [{ access_type: 'token' }] })
    expect((await api.deliver('/acme/image/upload/a.jpg')).status).toBe(401)
    const at = (ms: number) => new Date(api.now + ms).toISOString()
    asset.accessControl = [{ access_type: 'token' }, { access_type: 'anonymous', start: at(-1000), end: at(1000) }]
    expect((await api.deliver('/acme/image/upload/a.jpg')).status).toBe(200)
    api.now += 2000
    expect((await api.deliver('/acme/image/upload/a.jpg')).status).toBe(401)
  })
})

describe('signed delivery', () => {
  const sign = (toSign: string, options = {}) => deliverySignature(toSign, signingSecret(api.cloud), options)

  it.each(['private', 'authenticated'])(
    'of %s originals takes every right signature, and the URL the API states',
    async (type) => {
      const asset = place('a/b c', { type })
      expect(await isOriginal(deliveryPath(api.cloud, asset))).toBe(true)
      for (const options of [{}, { algorithm: 'sha256' }, { long: true }]) {
        expect(await isOriginal(`/acme/image/${type}/${sign('a/b%20c.jpg', options)}/v9/a/b%20c.jpg`)).toBe(true)
      }
      const original = `/acme/image/${type}/${sign('fl_original/a/b%20c.jpg')}/fl_original/v9/a/b%20c.jpg`
      expect(await isOriginal(original)).toBe(true)
      expect((await api.deliver(`/acme/image/${type}/${sign('a/b%20c.png')}/a/b%20c.jpg`)).status).toBe(401)
      expect((await api.deliver(`/acme/image/${type}/${sign('a/b%20c.jpg')}/fl_original/a/b%20c.jpg`)).status).toBe(401)
    },
  )

  it('tells a private asset from none only by its signature', async () => {
    place('a', { type: 'private' })
    expect(errorOf(await api.deliver('/acme/image/private/v1/a.jpg'))).toEqual([404, 'Resource not found - a.jpg'])
    expect((await api.deliver('/acme/image/private/s--AAAAAAAA--/v1/a.jpg')).status).toBe(401)
    expect((await api.deliver('/acme/image/private/w_1/v1/a.jpg')).status).toBe(200)
  })

  it('is needed for all of an authenticated asset, and where the old access mode says so', async () => {
    place('a', { type: 'authenticated' })
    place('b', { accessMode: 'authenticated' })
    expect((await api.deliver('/acme/image/authenticated/v1/a.jpg')).status).toBe(401)
    expect((await api.deliver('/acme/image/authenticated/w_1/a.jpg')).status).toBe(401)
    expect((await api.deliver('/acme/image/upload/b.jpg')).status).toBe(401)
    expect((await api.deliver(`/acme/image/authenticated/${sign('w_1/a.jpg')}/w_1/a.jpg`)).status).toBe(200)
    expect(await isOriginal(`/acme/image/upload/${sign('b.jpg')}/b.jpg`)).toBe(true)
  })

  it('does no harm to a public asset', async () => {
    place('a')
    expect(await isOriginal(`/acme/image/upload/${sign('a.jpg')}/v1/a.jpg`)).toBe(true)
  })
})
