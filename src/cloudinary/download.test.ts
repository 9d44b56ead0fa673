import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AssetFacts } from '../model/asset.ts'
import type { AccountReaderOptions } from './create-reader.ts'
import type { AccountReader, OpenedBody, SourceKind } from './reader.ts'
import { signRequest } from './signature.ts'
import {
  inTurn,
  json,
  readerOf,
  refuse,
  row,
  type Script,
  type ScriptedServer,
  SECRET,
  startScriptedServer,
} from './testing.ts'

let server: ScriptedServer
let reader: AccountReader
const others: ScriptedServer[] = []
const open: AccountReader[] = []
const signal = new AbortController().signal
const BYTES = Buffer.from('0123456789abcdefghij')
const START = { offset: 0, etag: null }

beforeEach(async () => {
  server = await startScriptedServer()
  reader = make()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
  await Promise.all([server, ...others.splice(0)].map((one) => one.close()))
})

const make = (options: Partial<AccountReaderOptions> = {}): AccountReader => {
  const made = readerOf(server.url, options).reader
  open.push(made)
  return made
}
const factsOf = (more: Record<string, unknown> = {}): AssetFacts =>
  reader.parseRow(
    row({ secure_url: `${server.url}/acme/image/upload/v1/a.jpg`, ...more }) as Parameters<
      AccountReader['parseRow']
    >[0],
    'list',
  ).facts

const openIt = (
  at: { offset: number; etag: string | null } = START,
  kind: SourceKind = 'secure_url',
  facts = factsOf(),
): Promise<OpenedBody> => reader.openSource(facts, { kind }, at, signal)

const read = async (opened: OpenedBody): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of opened.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** As a well-behaved origin answers: ranges, and the whole body when If-Range does not match. */
const origin =
  (bytes: Buffer, etag = 'e1'): Script =>
  ({ headers }, response) => {
    const range = /^bytes=(\d+)-$/.exec(headers.range ?? '')
    const condition = headers['if-range']
    const start = Number(range?.[1] ?? 0)
    if (range === null || (condition !== undefined && condition !== `"${etag}"`)) {
      return response.writeHead(200, { etag: `"${etag}"`, 'content-length': bytes.length }).end(bytes)
    }
    if (start >= bytes.length) return response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    const contentRange = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
    return response.writeHead(206, { etag: `"${etag}"`, 'content-range': contentRange }).end(bytes.subarray(start))
  }

describe('a body', () => {
  it('comes as it is, from its start', async () => {
    server.answer(origin(BYTES))
    const opened = await openIt()
    expect(opened).toMatchObject({ status: 200, start: 0, total: BYTES.length, etag: 'e1' })
    expect(await read(opened)).toBe(BYTES.toString())
    expect(server.seen[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' })
    expect(server.seen[0]?.headers).not.toHaveProperty('authorization')
    expect(server.seen[0]?.headers).not.toHaveProperty('range')
    expect(reader.calls).toBe(0)
  })

  it('continues where it stopped', async () => {
    server.answer(origin(BYTES))
    const opened = await openIt({ offset: 15, etag: 'e1' })
    expect(opened).toMatchObject({ status: 206, start: 15, total: BYTES.length })
    expect(await read(opened)).toBe('fghij')
    expect(server.seen[0]?.headers).toMatchObject({ range: 'bytes=15-', 'if-range': '"e1"' })
  })

  it('starts again when the bytes have been replaced', async () => {
    server.answer(origin(BYTES, 'e2'))
    expect(await openIt({ offset: 15, etag: 'e1' })).toMatchObject({ status: 200, start: 0, etag: 'e2' })
  })

  it.each<[string, Script]>([
    ['another start', (_, response) => response.writeHead(206, { 'content-range': 'bytes 3-19/20' }).end(BYTES)],
    ['no start', (_, response) => response.writeHead(206).end(BYTES)],
    ['nonsense', (_, response) => response.writeHead(206, { 'content-range': 'bytes x-y/z' }).end(BYTES)],
    ['other bytes', (_, r) => r.writeHead(206, { etag: '"e2"', 'content-range': 'bytes 15-19/20' }).end('VWXYZ')],
    ['that there is no such part', (_, response) => response.writeHead(416).end()],
  ])('starts again when the answer to a range is %s', async (_, script) => {
    server.answer(inTurn(script, origin(BYTES)))
    const opened = await openIt({ offset: 15, etag: 'e1' })
    expect(opened).toMatchObject({ status: 200, start: 0 })
    expect(await read(opened)).toBe(BYTES.toString())
  })

  it('that was not asked for in part is not taken in part', async () => {
    server.answer((_, response) => response.writeHead(206, { 'content-range': 'bytes 5-19/20' }).end('56789'))
    await expect(openIt()).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE' })
  })

  it.each<[string, Script]>([
    [
      'is cut off',
      (_, response, socket) => {
        response.writeHead(200, { 'content-length': 20 }).write('0123')
        setTimeout(() => socket.end(), 10)
      },
    ],
    [
      'is reset',
      (_, response, socket) => {
        response.writeHead(200, { 'content-length': 20 }).write('0123')
        setTimeout(() => socket.resetAndDestroy(), 10)
      },
    ],
    ['stalls', (_, response) => response.writeHead(200, { 'content-length': 20 }).write('0123')],
  ])('that %s is unavailable, after what came', async (_, script) => {
    server.answer(script)
    reader = make({ timeouts: { bodyMs: 200 } })
    const opened = await openIt()
    await expect(read(opened)).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE', permanent: false })
  })

  it('may be slow, as long as it moves', async () => {
    server.answer((_, response) => {
      response.writeHead(200, { 'content-length': 20 })
      let sent = 0
      const timer = setInterval(() => {
        response.write(BYTES.subarray(sent, sent + 4))
        sent += 4
        if (sent >= 20) clearInterval(timer)
      }, 400)
    })
    reader = make({ timeouts: { bodyMs: 1200 } })
    expect(await read(await openIt())).toBe(BYTES.toString())
  })

  it('can wait for a slow reader without stalling', async () => {
    const large = Buffer.alloc(3_000_000, 'x')
    server.answer((_, response) => response.writeHead(200, { 'content-length': large.length }).end(large))
    reader = make({ timeouts: { bodyMs: 300 } })
    const opened = await openIt()
    let size = 0
    for await (const chunk of opened.body) {
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 1500))
      size += chunk.length
    }
    expect(size).toBe(large.length)
  })

  it('that breaks before anyone reads it tells its reader, not the process', async () => {
    server.answer((_, response, socket) => {
      response.writeHead(200, { 'content-length': 20 }).write('0123')
      setTimeout(() => socket.resetAndDestroy(), 10)
    })
    const opened = await openIt()
    await new Promise((resolve) => setTimeout(resolve, 100))
    await expect(read(opened)).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE' })
  })

  it('can be let go of at any time', async () => {
    server.answer((_, response) => response.writeHead(200, { 'content-length': 1e9 }).write(Buffer.alloc(100_000)))
    const opened = await openIt()
    opened.destroy()
    for await (const _ of (await openIt()).body) break
  })

  it('ends with an interruption', async () => {
    server.answer((_, response) => response.writeHead(200, { 'content-length': 20 }).write('0123'))
    const controller = new AbortController()
    const opened = await reader.openSource(factsOf(), { kind: 'secure_url' }, START, controller.signal)
    setTimeout(() => controller.abort(), 30)
    await expect(read(opened)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    const late = reader.openSource(factsOf(), { kind: 'secure_url' }, START, controller.signal)
    await expect(late).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('a refusal', () => {
  it.each([400, 401, 403, 404, 410])('with %i is permanent, and says why', async (status) => {
    server.answer((_, response) =>
      response.writeHead(status, { 'x-cld-error': 'deny or ACL failure', 'content-type': 'image/gif' }).end('GIF89a'),
    )
    await expect(openIt()).rejects.toMatchObject({
      code: 'DOWNLOAD_REFUSED',
      permanent: true,
      message: `image/upload/products/shoe_7: HTTP ${status}: deny or ACL failure`,
    })
  })

  it.each([408, 420, 423, 429, 500, 502, 503, 504])('with %i may pass', async (status) => {
    server.answer((_, response) => response.writeHead(status).end())
    await expect(openIt()).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE', permanent: false })
  })

  it.each([202, 204, 304])('is anything that is no body: %i', async (status) => {
    server.answer((_, response) => response.writeHead(status).end())
    await expect(openIt()).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE' })
  })

  it('explains itself in JSON when it comes from the API', async () => {
    server.answer((_, response) => refuse(response, 404, 'Resource not found - a'))
    await expect(openIt(START, 'download_api')).rejects.toThrow(/HTTP 404: Resource not found - a/)
  })

  it('says when to come back', async () => {
    server.answer((_, response) => json(response, {}, 429, { 'retry-after': '60' }))
    const error = await openIt().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ resumeAt: expect.any(Number) })
  })

  it('of the connection may pass', async () => {
    server.answer((_, __, socket) => socket.resetAndDestroy())
    await expect(openIt()).rejects.toMatchObject({
      code: 'DOWNLOAD_UNAVAILABLE',
      message: /connection reset|closed early/,
    })
  })
})

describe('hosts', () => {
  it('other than Cloudinary’s and the configured are not connected to', async () => {
    for (const url of ['https://evil.test/a.jpg', 'http://169.254.169.254/', 'file:///etc/passwd']) {
      const opening = openIt(START, 'secure_url', factsOf({ secure_url: url }))
      await expect(opening).rejects.toMatchObject({ code: 'HOST_REFUSED' })
    }
    expect(server.seen).toEqual([])
  })

  it('are checked at every redirect', async () => {
    const other = await startScriptedServer(origin(BYTES))
    others.push(other)
    server.answer((_, response) => response.writeHead(302, { location: `${other.url}/stored` }).end())
    await expect(openIt()).rejects.toMatchObject({ code: 'HOST_REFUSED' })
    expect(other.seen).toEqual([])
  })

  it('that are configured may be redirected to, without the credentials', async () => {
    const other = await startScriptedServer(origin(BYTES))
    others.push(other)
    server.answer((_, response) => response.writeHead(307, { location: `${other.url}/stored?x=1` }).end())
    reader = make({ deliveryHosts: [other.url] })
    expect(await read(await openIt({ offset: 10, etag: null }, 'download_api'))).toBe('abcdefghij')
    expect(server.seen[0]?.headers).toHaveProperty('authorization')
    expect(other.seen[0]?.headers).not.toHaveProperty('authorization')
    expect(other.seen[0]?.headers.range).toBe('bytes=10-')
  })

  it('are followed at most five times', async () => {
    server.answer((_, response) => response.writeHead(302, { location: '/again' }).end())
    await expect(openIt()).rejects.toMatchObject({ code: 'DOWNLOAD_UNAVAILABLE' })
    expect(server.seen).toHaveLength(6)
  })
})

describe('the sources of an asset', () => {
  const kinds = (more: Record<string, unknown>): SourceKind[] => reader.sources(factsOf(more)).map(({ kind }) => kind)

  it('are its URL, the untouched original, and the API', () => {
    expect(kinds({})).toEqual(['secure_url', 'fl_original', 'download_api'])
    expect(kinds({ resource_type: 'raw' })).toEqual(['secure_url', 'download_api'])
    expect(kinds({ type: 'fetch' })).toEqual(['secure_url'])
  })

  it('begin with the API when the network wants a token', () => {
    expect(kinds({ access_control: [{ access_type: 'token' }] })[0]).toBe('download_api')
    expect(kinds({ access_control: [{ access_type: 'token' }, { access_type: 'anonymous' }] })[0]).toBe('secure_url')
  })

  it('reach the API with a signature and credentials', async () => {
    server.answer(origin(BYTES))
    const facts = factsOf({ public_id: 'a b&c', type: 'private' })
    expect(await read(await openIt(START, 'download_api', facts))).toBe(BYTES.toString())
    const [seen] = server.seen
    const { signature, api_key, ...signed } = Object.fromEntries(seen?.query ?? [])
    expect(seen?.path).toBe('/v1_1/acme/image/download')
    expect(signed).toMatchObject({ public_id: 'a b&c', format: 'jpg', type: 'private' })
    expect(signature).toBe(signRequest(signed, SECRET))
    expect(api_key).toBe('1234')
    expect(reader.calls).toBe(0)
  })

  it('ask for an untouched original by its own URL', async () => {
    server.answer(origin(BYTES))
    await read(await openIt(START, 'fl_original'))
    expect(server.seen[0]?.path).toBe('/acme/image/upload/fl_original/v1/a.jpg')
  })
})
