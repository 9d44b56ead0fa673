import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAsset } from '../../../sandbox/make-asset.ts'
import type { CloudSettings } from '../../../sandbox/state.ts'
import {
  bodyOf,
  bytesOf,
  NEVER,
  nameOf,
  picture,
  startRig,
  storedAs,
  type WriterRig,
  wishFor,
} from '../../../test/writer-rig.ts'
import { AppError } from '../../model/errors.ts'
import type { AccountWriterOptions } from '../create-writer.ts'

let rig: WriterRig
const start = async (
  settings: Partial<CloudSettings> = {},
  options: Partial<AccountWriterOptions> = {},
): Promise<void> => {
  rig = await startRig(settings, options)
}
beforeEach(() => start())
afterEach(() => rig.close())
const restart = async (
  settings: Partial<CloudSettings> = {},
  options: Partial<AccountWriterOptions> = {},
): Promise<void> => {
  await rig.close()
  await start(settings, options)
}

describe('an upload', () => {
  it('arrives byte for byte under its name, in one request', async () => {
    const bytes = picture(randomBytes(3000).toString('latin1'))
    const wish = wishFor('a/b c', { originalFilename: 'IMG_0007', labels: { folder: 'x/y', displayName: 'Shown' } })
    const { row, existing } = await rig.writer.upload(wish, bodyOf(bytes), NEVER)
    const asset = storedAs(rig.cloud, wish.name)
    expect(bytesOf(asset)).toEqual(bytes)
    expect(existing).toBe(false)
    expect(asset).toMatchObject({ assetFolder: 'x/y', displayName: 'Shown', originalFilename: 'IMG_0007' })
    expect(row.facts).toMatchObject({ assetId: asset.assetId, publicId: 'a/b c', etag: asset.content?.md5 })
    expect([rig.writer.uploads, rig.writer.calls]).toEqual([1, 0])
    expect(JSON.stringify(row.raw)).not.toContain(rig.cloud.keys[0]?.key)
  })

  it.each([
    ['image', 'private'],
    ['image', 'authenticated'],
    ['raw', 'upload'],
    ['raw', 'private'],
  ] as const)('of %s/%s keeps its type', async (resourceType, type) => {
    const name = nameOf('dir/file.bin', { resourceType, type })
    await rig.writer.upload(wishFor('', { name }), bodyOf(picture()), NEVER)
    expect(storedAs(rig.cloud, name)).toMatchObject({ resourceType, type, originalFilename: null })
  })

  it.each(['photo.v2', 'a', 'Ünï “x”', 'semi; filename=x'])('keeps the file name %s', async (originalFilename) => {
    await rig.writer.upload(wishFor('a', { originalFilename }), bodyOf(picture()), NEVER)
    expect(storedAs(rig.cloud, nameOf('a')).originalFilename).toBe(originalFilename)
  })

  it('onto an asset makes it a new version of the same', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    const { row } = await rig.writer.upload(wishFor('a'), bodyOf(picture('new')), NEVER)
    expect(row.facts.assetId).toBe(asset.assetId)
    expect(asset.versions).toHaveLength(2)
  })

  it('that must not replace says what is there and leaves it alone', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a', tags: ['old'] })
    const wish = wishFor('a', { overwrite: false, labels: { tags: ['new'] } })
    const { row, existing } = await rig.writer.upload(wish, bodyOf(picture()), NEVER)
    expect([existing, row.facts.assetId, row.facts.tags]).toEqual([true, asset.assetId, ['old']])
    expect([asset.versions.length, asset.tags]).toEqual([1, ['old']])
  })

  it('takes the name back that a deleted asset with backups has', async () => {
    const asset = makeAsset(rig.cloud, { publicId: 'a' })
    asset.content = null
    const { row } = await rig.writer.upload(wishFor('a', { overwrite: false }), bodyOf(picture()), NEVER)
    expect(row.facts.assetId).toBe(asset.assetId)
  })

  it('uses the id that the account made of one it cannot have', async () => {
    const wish = wishFor('a?b', { labels: { tags: ['x'] } })
    const { row } = await rig.writer.upload(wish, bodyOf(picture()), NEVER)
    expect(row.facts.publicId).toBe('a_b')
  })
})

describe('what the account refuses', () => {
  it('is said in its words, and not asked twice', async () => {
    await restart({ mediaLimits: { image: 100, video: 100, raw: 100 } })
    const large = rig.writer.upload(wishFor('a'), bodyOf(picture('x'.repeat(100))), NEVER)
    await expect(large).rejects.toMatchObject({ code: 'UPLOAD_REFUSED', message: /File size too large. Got 133/ })
    const broken = rig.writer.upload(wishFor('b'), bodyOf(Buffer.from('no picture')), NEVER)
    await expect(broken).rejects.toMatchObject({ code: 'UPLOAD_REFUSED', message: /Invalid image file/ })
    expect(rig.writer.uploads).toBe(2)
  })

  it('is empty files, without asking', async () => {
    const empty = rig.writer.upload(wishFor('a'), bodyOf(Buffer.alloc(0)), NEVER)
    await expect(empty).rejects.toMatchObject({ code: 'UPLOAD_REFUSED' })
    expect(rig.sandbox.requests).toEqual([])
  })

  it('is unknown metadata fields', async () => {
    const wish = wishFor('a', { labels: { metadata: { colour: 'red' } } })
    const call = rig.writer.upload(wish, bodyOf(picture()), NEVER)
    await expect(call).rejects.toMatchObject({ code: 'UPLOAD_REFUSED', message: /colour/ })
    expect(rig.cloud.shelf.size).toBe(0)
  })

  it('is wrong credentials, and no secret is told', async () => {
    const secret = 'hush-hush-secret'
    const writer = rig.again({ apiSecret: secret })
    const error = await writer.upload(wishFor('a'), bodyOf(picture()), NEVER).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    expect(String(error)).not.toContain(secret)
    expect(writer.uploads).toBe(3)
  })
})

describe('bytes', () => {
  it('that are fewer or more than announced are not stored', async () => {
    const whole = bodyOf(picture())
    for (const size of [40, 20]) {
      const body = { ...whole, size, open: () => whole.open({ start: 0, end: 32 }) }
      const call = rig.writer.upload(wishFor('a'), body, NEVER)
      await expect(call).rejects.toMatchObject({ code: 'UPLOAD_MISMATCH' })
    }
    expect(rig.cloud.shelf.size).toBe(0)
  })

  it('that cannot be read end the upload with what their reading threw', async () => {
    const corrupt = new AppError('OBJECT_CORRUPT', 'the object is damaged')
    const body = {
      ...bodyOf(picture()),
      open: async () =>
        (async function* () {
          yield Buffer.from('x')
          throw corrupt
        })(),
    }
    await expect(rig.writer.upload(wishFor('a'), body, NEVER)).rejects.toBe(corrupt)
    expect(rig.cloud.shelf.size).toBe(0)
  })

  it('that are not those announced are told of', async () => {
    const body = { ...bodyOf(picture()), md5: 'f'.repeat(32) }
    await expect(rig.writer.upload(wishFor('a'), body, NEVER)).rejects.toMatchObject({ code: 'UPLOAD_MISMATCH' })
  })
})
