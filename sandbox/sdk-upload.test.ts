import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UploadApiOptions, UploadApiResponse } from 'cloudinary'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataUri, picture, refusal, type Sdk, startSdk } from './sdk-testing.ts'

let sdk: Sdk
let directory: string
beforeAll(async () => {
  sdk = await startSdk()
  directory = await mkdtemp(join(tmpdir(), 'sandbox-sdk-'))
})
afterAll(async () => {
  await sdk.sandbox.close()
  await rm(directory, { recursive: true })
})

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')
const bytesAt = async (url: string): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer())

it('takes data URIs, files, streams and remote addresses', async () => {
  const { uploader } = sdk.cloudinary
  const bytes = picture(1)
  const fromUri = await uploader.upload(dataUri(bytes), {
    public_id: 'from/uri',
    tags: ['a', 'b'],
    context: { alt: 'x=y|z' },
  })
  expect(fromUri).toMatchObject({
    public_id: 'from/uri',
    etag: md5(bytes),
    bytes: bytes.length,
    format: 'png',
    width: 32,
    height: 24,
    tags: ['a', 'b'],
    placeholder: false,
  })
  expect(await bytesAt(fromUri.secure_url)).toEqual(bytes)
  const path = join(directory, 'Ein Bild (größer).png')
  await writeFile(path, bytes)
  const fromFile = await uploader.upload(path, { use_filename: true, unique_filename: false })
  expect(fromFile).toMatchObject({ original_filename: 'Ein Bild (größer)', etag: md5(bytes) })
  const fromStream = await new Promise<UploadApiResponse | undefined>((resolve, reject) => {
    uploader
      .upload_stream({ public_id: 'from/stream' }, (error, result) => (error ? reject(error) : resolve(result)))
      .end(bytes)
  })
  expect(fromStream).toMatchObject({ public_id: 'from/stream', etag: md5(bytes) })
  const fromUrl = await uploader.upload(fromUri.secure_url, { public_id: 'from/url' })
  expect(fromUrl.etag).toBe(md5(bytes))
})

it('puts large files together from chunks', async () => {
  const { uploader } = sdk.cloudinary
  const bytes = randomBytes(12_000_000)
  const path = join(directory, 'large.bin')
  await writeFile(path, bytes)
  sdk.cloud.settings.mediaLimits.raw = 50_000_000
  const result = await new Promise<UploadApiResponse>((resolve, reject) => {
    const options: UploadApiOptions = { public_id: 'large.bin', resource_type: 'raw', chunk_size: 5_500_000 }
    void uploader.upload_large(path, options, (error, done) => (done === undefined ? reject(error) : resolve(done)))
  })
  expect(result).toMatchObject({ public_id: 'large.bin', bytes: bytes.length, etag: md5(bytes), resource_type: 'raw' })
  expect(md5(await bytesAt(result.secure_url))).toBe(md5(bytes))
})

it('renames, changes the type, explains and destroys', async () => {
  const { uploader, api } = sdk.cloudinary
  const { asset_id } = await uploader.upload(dataUri(picture(5)), { public_id: 'old name' })
  expect(await uploader.rename('old name', 'new/name, more')).toMatchObject({ asset_id, public_id: 'new/name, more' })
  await uploader.upload(dataUri(picture(6)), { public_id: 'taken' })
  expect((await refusal(uploader.rename('taken', 'new/name, more'))).http_code).toBe(400)
  const hidden = await uploader.rename('new/name, more', 'hidden', { to_type: 'private' })
  expect(hidden).toMatchObject({ type: 'private', asset_id })
  const explained = await uploader.explicit('hidden', { type: 'private', tags: 'explained' })
  expect(explained).toMatchObject({ asset_id, tags: ['explained'], etag: md5(picture(5)) })
  expect(await uploader.destroy('hidden', { type: 'private' } as object)).toMatchObject({ result: 'ok' })
  expect(await uploader.destroy('never there')).toMatchObject({ result: 'not found' })
  expect(await api.resource('hidden', { type: 'private' } as object)).toMatchObject({ placeholder: true })
})

it('changes tags, context and metadata of many at once', async () => {
  const { uploader, api } = sdk.cloudinary
  await api.add_metadata_field({ external_id: 'sku', label: 'SKU', type: 'string' })
  for (const name of ['m1', 'm2']) await uploader.upload(dataUri(picture(name.charCodeAt(1))), { public_id: name })
  expect((await uploader.add_tag('one', ['m1', 'm2', 'absent']))['public_ids']).toEqual(['m1', 'm2'])
  await uploader.add_tag('two', ['m1'])
  await uploader.remove_tag('one', ['m2'])
  await uploader.replace_tag('only', ['m2'])
  await uploader.add_context('alt=Hello|k=v\\=w', ['m1'])
  await uploader.update_metadata('sku=A\\|1', ['m1', 'm2'])
  expect(await api.resource('m1')).toMatchObject({
    tags: ['one', 'two'],
    context: { custom: { alt: 'Hello', k: 'v=w' } },
    metadata: { sku: 'A|1' },
  })
  expect(await api.resource('m2')).toMatchObject({ tags: ['only'], metadata: { sku: 'A|1' } })
  await uploader.remove_all_tags(['m1'])
  await uploader.remove_all_context(['m1'])
  const bare = await api.resource('m1')
  expect(bare.tags ?? []).toEqual([])
  expect(bare).not.toHaveProperty('context')
})

it('delivers what the SDK has signed, and only that', async () => {
  const { uploader, url } = sdk.cloudinary
  const bytes = picture(9)
  for (const type of ['private', 'authenticated'] as const) {
    const { version } = await uploader.upload(dataUri(bytes), { public_id: `se cret/${type} é`, type })
    // The host is Cloudinary's own; the path is what the sandbox has to understand.
    const local = (options: object): string => {
      const built = new URL(
        url(`se cret/${type} é`, {
          type,
          format: 'png',
          version,
          secure: true,
          urlAnalytics: false,
          analytics: false,
          ...options,
        }),
      )
      return sdk.sandbox.url + built.pathname
    }
    expect(await bytesAt(local({ sign_url: true }))).toEqual(bytes)
    expect(await bytesAt(local({ sign_url: true, long_url_signature: true }))).toEqual(bytes)
    expect((await fetch(local({}))).status).toBeGreaterThanOrEqual(400)
    expect((await fetch(local({ sign_url: true }).replace('s--', 's--x'))).status).toBeGreaterThanOrEqual(400)
    expect((await fetch(local({ sign_url: true, transformation: { width: 10, crop: 'scale' } }))).status).toBe(200)
  }
  const optimised = new URL(
    url('se cret/private é', {
      type: 'private',
      format: 'png',
      version: 1,
      secure: true,
      analytics: false,
      sign_url: true,
      flags: 'original',
    }),
  )
  expect(await bytesAt(sdk.sandbox.url + optimised.pathname)).toEqual(bytes)
})

it('hands out originals by the download methods', async () => {
  const { uploader, utils } = sdk.cloudinary
  const bytes = picture(12)
  await uploader.upload(dataUri(bytes), { public_id: 'down/load me', type: 'authenticated' })
  expect(await bytesAt(utils.private_download_url('down/load me', 'png', { type: 'authenticated' }))).toEqual(bytes)
  const late = utils.private_download_url('down/load me', 'png', {
    type: 'authenticated',
    expires_at: Math.floor(Date.now() / 1000) - 10,
  })
  expect((await fetch(late)).status).toBeGreaterThanOrEqual(400)
  const raw = Buffer.from('a,b\n1,2\n')
  await uploader.upload(dataUri(raw, 'text/csv'), { public_id: 'table.CSV', resource_type: 'raw' })
  expect(await bytesAt(utils.private_download_url('table.CSV', '', { resource_type: 'raw', type: 'upload' }))).toEqual(
    raw,
  )
})

it('refuses bad signatures, missing files and too large ones in the words of the service', async () => {
  const { uploader } = sdk.cloudinary
  const wrong = await refusal(uploader.upload(dataUri(picture(1)), { api_secret: 'wrong' } as object))
  expect(wrong.http_code).toBe(401)
  expect(wrong.message).toMatch(/^Invalid Signature [0-9a-f]{40}\. String to sign - '.*timestamp=\d+'\.$/)
  expect((await refusal(uploader.upload(dataUri(Buffer.from('no image')), {}))).http_code).toBe(400)
  sdk.cloud.settings.mediaLimits.image = 1000
  const large = await refusal(uploader.upload(dataUri(Buffer.concat([picture(1), Buffer.alloc(2000)])), {}))
  sdk.cloud.settings.mediaLimits.image = 10_000_000
  expect(large).toMatchObject({
    http_code: 400,
    message: expect.stringMatching(/^File size too large\. Got \d+\. Maximum is 1000\./),
  })
})

it('takes unsigned uploads with a preset, and says so when a file was there before', async () => {
  const { uploader, api } = sdk.cloudinary
  await api.create_upload_preset({
    name: 'open',
    unsigned: true,
    tags: 'from-preset',
    asset_folder: 'preset folder',
  } as object)
  const result = await uploader.unsigned_upload(dataUri(picture(3)), 'open', { public_id: 'unsigned one' })
  expect(result).toMatchObject({ public_id: 'unsigned one', tags: ['from-preset'], asset_folder: 'preset folder' })
  expect((await refusal(uploader.unsigned_upload(dataUri(picture(3)), 'absent'))).http_code).toBe(400)
  const again = await uploader.upload(dataUri(picture(4)), { public_id: 'unsigned one', overwrite: false })
  expect(again).toMatchObject({ existing: true, etag: md5(picture(3)) })
  expect(await uploader.upload(dataUri(picture(4)), { public_id: 'unsigned one' })).toMatchObject({
    overwritten: true,
    etag: md5(picture(4)),
  })
})
