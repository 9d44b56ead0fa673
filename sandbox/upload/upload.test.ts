import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pngOf, startUploadApi, type UploadApi } from './testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')
const messageOf = (reply: { error?: { message: string } }): string => reply.error?.message ?? ''
const wav = Buffer.concat([
  Buffer.from('RIFF\0\0\0\0WAVEfmt \x10\0\0\0', 'latin1'),
  Buffer.alloc(16),
  Buffer.from('data\0\0\0\0'),
])

describe('a new asset', () => {
  it('is stored under its name and delivered byte for byte', async () => {
    const bytes = pngOf(4, 3)
    const answer = await api.upload('image/upload', { public_id: 'a/b c', tags: 'x,y', asset_folder: 'f/g' }, { bytes })
    expect(answer).toMatchObject({
      status: 200,
      public_id: 'a/b c',
      format: 'png',
      width: 4,
      height: 3,
      bytes: bytes.length,
      etag: md5(bytes),
      tags: ['x', 'y'],
      asset_folder: 'f/g',
      display_name: 'b c',
      version: Math.floor(api.now / 1000),
      placeholder: false,
      original_filename: 'file',
    })
    expect(answer).not.toHaveProperty('overwritten')
    expect([...api.cloud.folders.keys()]).toEqual(['f', 'f/g'])
    const delivered = await api.deliver(new URL(String(answer['secure_url'])).pathname)
    expect(Buffer.from(await delivered.arrayBuffer())).toEqual(bytes)
    expect(delivered.headers.get('etag')).toBe(`"${md5(bytes)}"`)
  })

  it('has a signature over its id and version', async () => {
    const answer = await api.upload('image/upload', { public_id: 'a' }, { bytes: pngOf(1, 1) })
    const text = `public_id=a&version=${answer['version']}${api.cloud.keys[0]?.secret}`
    expect(answer['signature']).toBe(createHash('sha1').update(text).digest('hex'))
  })

  it('gets twenty letters and digits for a name, raw ones their extension too', async () => {
    const image = await api.upload('image/upload', {}, { bytes: pngOf(1, 1), name: 'x.png' })
    expect(image['public_id']).toMatch(/^[a-z0-9]{20}$/)
    const raw = await api.upload('raw/upload', {}, { bytes: Buffer.from('hello'), name: 'x.TXT' })
    expect(raw['public_id']).toMatch(/^[a-z0-9]{20}\.TXT$/)
    expect(raw).not.toHaveProperty('format')
  })

  it('takes its name from the file when it is told to', async () => {
    const file = { bytes: pngOf(1, 1), name: 'My photo (1).png' }
    const unique = await api.upload('image/upload', { use_filename: 'true' }, file)
    expect(unique['public_id']).toMatch(/^My_photo_1__[a-z0-9]{6}$/)
    const plain = await api.upload(
      'image/upload',
      { use_filename: 1, unique_filename: false, use_filename_as_display_name: 1 },
      file,
    )
    expect(plain).toMatchObject({
      public_id: 'My_photo_1_',
      display_name: 'My photo (1)',
      original_filename: 'My photo (1)',
    })
    const named = await api.upload('image/upload', { public_id: 'a', filename_override: 'other.png' }, file)
    expect(named['original_filename']).toBe('other')
  })

  it('has what its bytes are, whatever the path of `auto` or the name says', async () => {
    expect(await api.upload('auto/upload', {}, { bytes: pngOf(1, 1), name: 'a.mp4' })).toMatchObject({
      resource_type: 'image',
      format: 'png',
    })
    expect(await api.upload('auto/upload', {}, { bytes: wav, name: 'a.bin' })).toMatchObject({
      resource_type: 'video',
      format: 'wav',
      is_audio: true,
    })
    expect(await api.upload('upload', {}, { bytes: Buffer.from('text'), name: 'a.txt' })).toMatchObject({
      resource_type: 'raw',
    })
  })

  it('keeps a dot in the id of an image, and the whole id of a raw file', async () => {
    await api.upload('image/upload', { public_id: 'a.jpg' }, { bytes: pngOf(1, 1) })
    expect(api.cloud.shelf.byName('image', 'upload', 'a.jpg')?.format).toBe('png')
    const raw = await api.upload('raw/upload', { public_id: 'docs/a' }, { bytes: Buffer.from('x'), name: 'a.txt' })
    expect(raw['public_id']).toBe('docs/a')
  })

  it('replaces characters that an id can not have, and says so by the id it answers', async () => {
    const answer = await api.upload('image/upload', { public_id: 'a?b&c#d%e<f>g\\h+i' }, { bytes: pngOf(1, 1) })
    expect(answer['public_id']).toBe('a_b_c_d_e_f_g_h+i')
  })

  it.each(['/a', 'a/', 'a//b', 'a/v12/b', 'v1', 'x'.repeat(256)])('refuses the id %s', async (publicId) => {
    const answer = await api.upload('image/upload', { public_id: publicId }, { bytes: pngOf(1, 1) })
    expect([answer.status, messageOf(answer)]).toEqual([400, expect.stringContaining(`public_id (${publicId})`)])
  })

  it('puts `folder` before the id in either mode', async () => {
    const dynamic = await api.upload('image/upload', { public_id: 'a', folder: 'f/g' }, { bytes: pngOf(1, 1) })
    expect(dynamic).toMatchObject({ public_id: 'f/g/a', asset_folder: 'f/g', display_name: 'a' })
    await using fixed = await startUploadApi({ folderMode: 'fixed' })
    const answer = await fixed.upload(
      'image/upload',
      { public_id: 'a', folder: 'f/g', asset_folder: 'other' },
      { bytes: pngOf(1, 1) },
    )
    expect(answer).toMatchObject({ public_id: 'f/g/a', folder: 'f/g' })
    expect([...fixed.cloud.folders.keys()]).toEqual(['f', 'f/g'])
  })

  it('takes all attributes', async () => {
    api.cloud.fields.push({ external_id: 'sku', type: 'string', label: 'SKU' })
    const answer = await api.upload(
      'image/upload',
      {
        public_id: 'a',
        context: 'alt=one\\=two\\|three|caption=x',
        metadata: 'sku=S-7',
        access_control: '[{"access_type":"token"},{"access_type":"anonymous","end":"2000-01-01T00:00:00Z"}]',
        custom_coordinates: '1,2,3,4',
        face_coordinates: '1,1,2,2|3,3,4,4',
        regions: '{"r":[[1,2],[3,4]]}',
        moderation: 'manual',
      },
      { bytes: pngOf(1, 1) },
    )
    expect(answer).toMatchObject({
      context: { custom: { alt: 'one=two|three', caption: 'x' } },
      metadata: { sku: 'S-7' },
      access_control: [{ access_type: 'token' }, { access_type: 'anonymous', end: '2000-01-01T00:00:00Z' }],
      moderation: [{ kind: 'manual', status: 'pending' }],
    })
    const asset = api.cloud.shelf.byName('image', 'upload', 'a')
    expect(asset?.coordinates).toEqual({
      custom: [[1, 2, 3, 4]],
      faces: [
        [1, 1, 2, 2],
        [3, 3, 4, 4],
      ],
    })
    expect(asset?.regions).toEqual({
      r: [
        [1, 2],
        [3, 4],
      ],
    })
  })

  it('lists what was made in advance, and counts it as derived', async () => {
    const answer = await api.upload(
      'image/upload',
      { public_id: 'a', eager: 'w_10,c_fill|h_5/jpeg' },
      { bytes: pngOf(1, 1) },
    )
    expect(answer['eager']).toMatchObject([
      { transformation: 'w_10,c_fill', format: 'png' },
      { transformation: 'h_5', format: 'jpg' },
    ])
    const [first] = answer['eager'] as { secure_url: string; bytes: number }[]
    const delivered = await api.deliver(new URL(first?.secure_url ?? '').pathname)
    expect((await delivered.arrayBuffer()).byteLength).toBe(first?.bytes)
    expect(api.cloud.shelf.byName('image', 'upload', 'a')?.derived).toHaveLength(2)
  })

  it('is transformed or converted before it is stored, when that is asked for', async () => {
    const bytes = pngOf(1, 1)
    const answer = await api.upload('image/upload', { public_id: 'a', format: 'jpeg' }, { bytes })
    expect(answer['format']).toBe('jpg')
    expect(answer['etag']).not.toBe(md5(bytes))
  })
})

describe('refusals', () => {
  it.each([
    ['image/upload', Buffer.from('hello'), 'Invalid image file'],
    ['image/upload', wav, 'Invalid image file'],
    ['video/upload', pngOf(1, 1), 'Unsupported video format or file'],
    ['raw/upload', Buffer.alloc(0), 'Empty file'],
  ])('%s of the wrong bytes', async (path, bytes, message) => {
    const answer = await api.upload(path, { public_id: 'a' }, { bytes })
    expect([answer.status, messageOf(answer)]).toEqual([400, message])
    expect(api.cloud.shelf.size).toBe(0)
  })

  it('a file that the plan does not take', async () => {
    await using small = await startUploadApi({ mediaLimits: { image: 40, video: 1, raw: 1 } })
    const answer = await small.upload('image/upload', { public_id: 'a' }, { bytes: pngOf(1, 1, 'more than seven') })
    expect(messageOf(answer)).toBe(
      'File size too large. Got 48. Maximum is 40. Upgrade your plan to enjoy higher limits https://www.cloudinary.com/pricing/upgrades/file-limit',
    )
  })

  it('formats that are not allowed, files that run, names with slashes', async () => {
    const png = { bytes: pngOf(1, 1) }
    expect(messageOf(await api.upload('image/upload', { allowed_formats: 'jpeg,gif' }, png))).toBe(
      'Image file format png not allowed',
    )
    expect((await api.upload('raw/upload', {}, { bytes: Buffer.from('MZ'), name: 'setup.EXE' })).status).toBe(400)
    expect(messageOf(await api.upload('image/upload', { display_name: 'a/b' }, png))).toContain('forward slashes')
  })

  it('metadata of fields that do not exist, and values that a field does not take', async () => {
    api.cloud.fields.push(
      { external_id: 'size', type: 'integer', validation: { type: 'less_than', value: 10, equals: true } },
      {
        external_id: 'colour',
        type: 'set',
        datasource: { values: [{ external_id: 'red' }, { external_id: 'old', state: 'inactive' }] },
      },
    )
    const told = async (metadata: string) =>
      messageOf(await api.upload('image/upload', { public_id: 'a', metadata }, { bytes: pngOf(1, 1) }))
    expect(await told('colour_id=x')).toBe('The following metadata fields do not exist: ["colour_id"]')
    expect(await told('size=11')).toContain('size')
    expect(await told('size=ten')).toContain('size')
    expect(await told('colour=["red","old"]')).toContain('colour')
    expect(api.cloud.shelf.size).toBe(0)
    expect(await told('size=10|colour=["red"]')).toBe('')
    expect(api.cloud.shelf.byName('image', 'upload', 'a')?.metadata).toEqual({ size: 10, colour: ['red'] })
  })

  it('a mandatory field left out, unless it has a default', async () => {
    api.cloud.fields.push({ external_id: 'must', type: 'string', mandatory: true })
    expect(messageOf(await api.upload('image/upload', {}, { bytes: pngOf(1, 1) }))).toContain('must')
    api.cloud.fields[0] = { external_id: 'must', type: 'string', mandatory: true, default_value: 'yes' }
    expect(await api.upload('image/upload', {}, { bytes: pngOf(1, 1) })).toMatchObject({ metadata: { must: 'yes' } })
  })

  it('a request without a file, or with one that is none', async () => {
    expect(messageOf(await api.upload('image/upload', { public_id: 'a' }))).toBe('Missing required parameter - file')
    expect(messageOf(await api.upload('image/upload', { file: 'ftp://x/y.png' }))).toBe(
      'Unsupported source URL: ftp://x/y.png',
    )
  })

  it('a type that is not one', async () => {
    expect((await api.upload('image/upload', { type: 'fetch' }, { bytes: pngOf(1, 1) })).status).toBe(400)
  })
})

describe('an upload onto an asset', () => {
  const put = (params: Record<string, string | number | boolean>, filler: string) =>
    api.upload('image/upload', { public_id: 'a', ...params }, { bytes: pngOf(2, 2, filler) })

  it('replaces the binary of the same asset and keeps what it is not told', async () => {
    const first = await put({ tags: 'x', context: 'a=b' }, '1')
    api.now += 5000
    const second = await put({}, '2')
    expect(second).toMatchObject({ overwritten: true, asset_id: first['asset_id'], created_at: first['created_at'] })
    expect(second).toMatchObject({
      version: Number(first['version']) + 5,
      tags: ['x'],
      context: { custom: { a: 'b' } },
    })
    expect(second['etag']).toBe(md5(pngOf(2, 2, '2')))
    const asset = api.cloud.shelf.byName('image', 'upload', 'a')
    expect(asset?.versions.map((version) => version.content.md5)).toEqual([first['etag'], second['etag']])
    expect([asset?.uploadedAt, asset?.times.updated]).toEqual([api.now, api.now])
  })

  it('gives a new version number even within the same second', async () => {
    const versions = [await put({}, '1'), await put({}, '2'), await put({}, '3')].map((answer) => answer['version'])
    expect(new Set(versions).size).toBe(3)
  })

  it('clears tags, context and metadata where the account is set so', async () => {
    api.cloud.settings.overwriteClearsAttributes = true
    await put({ tags: 'x', context: 'a=b' }, '1')
    const answer = await put({ tags: 'y' }, '2')
    expect(answer['tags']).toEqual(['y'])
    expect(answer).not.toHaveProperty('context')
  })

  it('leaves the asset alone with overwrite=false', async () => {
    const first = await put({}, '1')
    const second = await put({ overwrite: false, tags: 'y' }, '2')
    expect(second).toMatchObject({ existing: true, etag: first['etag'], version: first['version'], tags: [] })
  })

  it('loses the old bytes when neither account nor request has them backed up', async () => {
    api.cloud.settings.autoBackup = false
    await put({}, '1')
    await put({ backup: true }, '2')
    await put({ backup: false }, '3')
    const asset = api.cloud.shelf.byName('image', 'upload', 'a')
    expect(asset?.versions.map((version) => version.content.md5)).toEqual([md5(pngOf(2, 2, '2'))])
  })

  it('leaves it as it was when the request is refused', async () => {
    const first = await put({}, '1')
    expect((await put({ metadata: 'nothing=1', tags: 'z' }, '2')).status).toBe(400)
    expect((await put({ moderation: 'bogus', tags: 'z' }, '2')).status).toBe(400)
    const asset = api.cloud.shelf.byName('image', 'upload', 'a')
    expect([asset?.content?.md5, asset?.tags, asset?.version]).toEqual([first['etag'], [], first['version']])
  })

  it('wakes a deleted asset under its old ids', async () => {
    const first = await put({ tags: 'x' }, '1')
    await api.upload('image/destroy', { public_id: 'a' })
    const again = await put({}, '2')
    expect(again).toMatchObject({
      asset_id: first['asset_id'],
      created_at: first['created_at'],
      tags: [],
      placeholder: false,
    })
    expect(again).not.toHaveProperty('overwritten')
  })

  it('can overwrite an id from before the rules', async () => {
    const first = await put({}, '1')
    const asset = api.cloud.shelf.byId(String(first['asset_id']))
    if (asset === undefined) throw new Error('no asset')
    asset.publicId = '100% & more'
    api.cloud.shelf.renamed(asset, { resourceType: 'image', type: 'upload', publicId: 'a' })
    expect(await put({ public_id: '100% & more' }, '2')).toMatchObject({ public_id: '100% & more', overwritten: true })
  })
})
