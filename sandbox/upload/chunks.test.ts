import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startUploadApi, type UploadApi } from './testing.ts'

const MIB = 1024 * 1024
const whole = randomBytes(12 * MIB + 17)
const md5 = createHash('md5').update(whole).digest('hex')

let api: UploadApi
beforeEach(async () => {
  api = await startUploadApi({ mediaLimits: { image: MIB, video: MIB, raw: 20 * MIB } })
})
afterEach(() => api[Symbol.asyncDispose]())

interface Part {
  readonly start: number
  readonly end: number
  readonly total?: number
  readonly id?: string
}

const send = ({ start, end, total = whole.length, id = 'u1' }: Part, path = 'raw/upload') =>
  api.upload(
    path,
    { public_id: 'big.bin' },
    { bytes: whole.subarray(start, end), name: 'big.bin' },
    {
      'x-unique-upload-id': id,
      'content-range': `bytes ${start}-${end - 1}/${total}`,
    },
  )

const messageOf = (reply: { error?: { message: string } }): string => reply.error?.message ?? ''

describe('a chunked upload', () => {
  it('answers what it has until the last part, then as any upload', async () => {
    expect(await send({ start: 0, end: 6 * MIB, total: -1 })).toEqual({
      status: 200,
      done: false,
      bytes: 6 * MIB,
      kind: 'upload',
      resource_type: 'raw',
      public_id: 'big.bin',
    })
    expect(await send({ start: 6 * MIB, end: 12 * MIB, total: -1 })).toMatchObject({ done: false, bytes: 12 * MIB })
    const answer = await send({ start: 12 * MIB, end: whole.length })
    expect(answer).toMatchObject({ status: 200, bytes: whole.length, etag: md5, original_filename: 'big' })
    const delivered = await api.deliver(new URL(String(answer['secure_url'])).pathname)
    expect(Buffer.from(await delivered.arrayBuffer()).equals(whole)).toBe(true)
    expect(api.cloud.uploads.size).toBe(0)
  })

  it('takes parts in any order, twice, and of several uploads at once', async () => {
    const last = { start: 12 * MIB, end: whole.length }
    expect(await send(last)).toMatchObject({ done: false })
    expect(await send({ ...last, id: 'u2' })).toMatchObject({ done: false })
    expect(await send({ start: 0, end: 6 * MIB }, 'raw/upload_chunked')).toMatchObject({ done: false })
    expect(await send({ start: 0, end: 6 * MIB })).toMatchObject({ done: false, bytes: 6 * MIB + 17 })
    expect(await send({ start: 6 * MIB, end: 12 * MIB })).toMatchObject({ etag: md5 })
    expect([...api.cloud.uploads.keys()]).toEqual(['u2'])
  })

  it('puts numbered parts in their order', async () => {
    const bounds = [0, 6 * MIB, 12 * MIB, whole.length]
    const part = (number: number) =>
      api.upload(
        'raw/upload',
        { public_id: 'big.bin' },
        { bytes: whole.subarray(bounds[number - 1], bounds[number]), name: 'big.bin' },
        { 'x-unique-upload-id': 'n', 'x-upload-part-number': String(number), 'x-upload-total-parts': '3' },
      )
    expect(await part(3)).toMatchObject({ done: false, bytes: 17 })
    expect(await part(1)).toMatchObject({ done: false })
    expect(await part(2)).toMatchObject({ etag: md5 })
  })

  it('may be of one part', async () => {
    const answer = await send({ start: 0, end: 100, total: 100 })
    expect(answer).toMatchObject({ bytes: 100, public_id: 'big.bin' })
  })

  it('refuses parts below 5 MB unless they are the last, and ranges that do not fit', async () => {
    const small = await send({ start: 0, end: 5 * MIB - 1 })
    expect([small.status, messageOf(small)]).toEqual([400, 'All parts except EOF-chunk must be larger than 5mb'])
    const file = { bytes: Buffer.from('abc') }
    const headers = { 'x-unique-upload-id': 'x', 'content-range': 'bytes 0-9/10' }
    expect(messageOf(await api.upload('raw/upload', {}, file, headers))).toBe('Invalid Content-Range header')
    expect(messageOf(await api.upload('raw/upload', {}, file, { 'content-range': 'bytes 0-2/3' }))).toBe(
      'Missing X-Unique-Upload-Id header',
    )
  })

  it('ends as soon as the parts are more than the plan takes', async () => {
    api.cloud.settings.mediaLimits.raw = 10 * MIB
    expect(await send({ start: 0, end: 6 * MIB })).toMatchObject({ done: false })
    expect(messageOf(await send({ start: 6 * MIB, end: 12 * MIB }))).toMatch(/^File size too large. Got 12582912/)
  })
})

/** One block again and again: a body of 100 MB that never exists as a whole. */
const sendMebibytes = async (count: number): Promise<number> => {
  const { hostname, port } = new URL(api.sandbox.url)
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const outgoing = request({ hostname, port, path: '/v1_1/acme/raw/upload', method: 'POST', headers })
  const answered = once(outgoing, 'response')
  outgoing.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
  const block = Buffer.alloc(MIB)
  for (let sent = 0; sent < count; sent++) if (!outgoing.write(block)) await once(outgoing, 'drain')
  outgoing.end('x\r\n--b--')
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  return response.statusCode ?? 0
}

it('refuses more than 100 MB in one request, and the sender gets to read it', async () => {
  expect(await sendMebibytes(100)).toBe(413)
})
