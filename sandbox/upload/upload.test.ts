import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pngOf, startUploadApi, type UploadApi } from './testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

describe('upload', () => {
  it('stores an image under its name and states its MD5', async () => {
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
    expect([...api.cloud.folders.keys()]).toEqual(['f', 'f/g'])
    const delivered = await api.deliver(new URL(String(answer['secure_url'])).pathname)
    expect(Buffer.from(await delivered.arrayBuffer())).toEqual(bytes)
    expect(delivered.headers.get('etag')).toBe(`"${md5(bytes)}"`)
  })
})
