import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pngOf, startUploadApi, type UploadApi } from './testing.ts'

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')
const messageOf = (reply: { error?: { message: string } }): string => reply.error?.message ?? ''

describe('where the file comes from', () => {
  it('is a data URI, in a form or in JSON', async () => {
    const bytes = pngOf(7, 7)
    const file = `data:image/png;base64,${bytes.toString('base64')}`
    expect(await api.upload('image/upload', { public_id: 'a', file })).toMatchObject({ etag: md5(bytes) })
    const json = await api.send('POST', 'image/upload', { public_id: 'b', file, tags: ['x', 'y'], context: { k: 'v' } })
    expect(json).toMatchObject({ status: 200, etag: md5(bytes), tags: ['x', 'y'], context: { custom: { k: 'v' } } })
    expect(json).not.toHaveProperty('original_filename')
    const plain = await api.send('POST', 'raw/upload', { public_id: 'c', file: 'data:,a%20b' })
    expect(plain).toMatchObject({ status: 200, etag: md5(Buffer.from('a b')) })
  })

  it('is a URL of this machine, with credentials if need be', async () => {
    const bytes = pngOf(3, 3)
    const server = createServer((request, response) => {
      const ok = request.headers.authorization === `Basic ${Buffer.from('u:p').toString('base64')}`
      response.writeHead(request.url === '/my%20cat.png' && ok ? 200 : 404).end(bytes)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      const found = await api.upload('image/upload', { file: `http://u:p@127.0.0.1:${port}/my%20cat.png` })
      expect(found).toMatchObject({ etag: md5(bytes), original_filename: 'my cat' })
      const lost = await api.upload('image/upload', { file: `http://127.0.0.1:${port}/dog.png` })
      expect([lost.status, messageOf(lost)]).toEqual([
        404,
        `Error in loading http://127.0.0.1:${port}/dog.png - 404 Not Found`,
      ])
    } finally {
      server.close()
    }
  })

  it('is never on another machine', async () => {
    expect((await api.upload('image/upload', { file: 'http://169.254.169.254/a.png' })).status).toBe(400)
  })

  it('is an asset of the account itself', async () => {
    const first = await api.upload('image/upload', { public_id: 'a', type: 'private' }, { bytes: pngOf(1, 1) })
    const second = await api.upload('image/upload', { public_id: 'b', file: String(first['secure_url']) })
    expect(second['etag']).toBe(first['etag'])
  })
})

describe('an upload in the background', () => {
  it('answers at once and tells the webhook how it ended', async () => {
    const answer = await api.upload('image/upload', { public_id: 'a', async: true }, { bytes: pngOf(1, 1) })
    expect(answer['batch_id']).toMatch(/^[0-9a-f]{32}$/)
    expect(answer).not.toHaveProperty('public_id')
    const failed = await api.upload('image/upload', { public_id: 'b', async: true }, { bytes: Buffer.from('no') })
    await vi.waitFor(() => expect(api.cloud.events.map((event) => event.type)).toEqual(['upload', 'error']))
    expect(api.cloud.shelf.byName('image', 'upload', 'a')).toBeDefined()
    expect(api.cloud.events[1]?.body).toMatchObject({ batch_id: failed['batch_id'], message: 'Invalid image file' })
  })
})
