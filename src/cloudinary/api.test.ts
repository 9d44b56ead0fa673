import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAppError } from '../model/errors.ts'
import type { AccountReaderOptions } from './create-reader.ts'
import type { ReaderEvent } from './events.ts'
import type { AccountReader } from './reader.ts'
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
const open: AccountReader[] = []
const signal = new AbortController().signal

beforeEach(async () => {
  server = await startScriptedServer()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((reader) => reader.close()))
  await server.close()
})

const make = (options: Partial<AccountReaderOptions> = {}): { reader: AccountReader; events: ReaderEvent[] } => {
  const made = readerOf(server.url, options)
  open.push(made.reader)
  return made
}
const page: Script = (_, response) => json(response, { resources: [row()], next_cursor: null })
const list = (reader: AccountReader) =>
  reader.listPage({ resourceType: 'image', type: 'upload' }, { cursor: null, since: null }, signal)
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  )

describe('what may pass is tried again', () => {
  const passing: Readonly<Record<string, Script>> = {
    'a reset': (_, __, socket) => socket.resetAndDestroy(),
    'a reset in the middle of the body': (_, response, socket) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{"resources":[')
      setTimeout(() => socket.resetAndDestroy(), 10)
    },
    'a body that ends early': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"resources":[{"asset_id":')
    },
    'a body shorter than announced': (_, response, socket) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{"resources":[]}')
      setTimeout(() => socket.end(), 10)
    },
    'an HTML page with 200': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Just a moment…</html>')
    },
    'an empty 200': (_, response) => {
      response.writeHead(200).end()
    },
    'an HTML 502': (_, response) => {
      response.writeHead(502).end('<html>Bad gateway</html>')
    },
    'a JSON 500': (_, response) => refuse(response, 500, 'General error'),
    'an asset being processed': (_, response) => refuse(response, 423, 'Processing'),
    'a 404 that is not the API’s': (_, response) => {
      response.writeHead(404).end('<html>no such page</html>')
    },
    'gzip that is none': (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip')
    },
  }

  it.each(Object.keys(passing))('%s', async (name) => {
    const fault = passing[name] ?? page
    server.answer(inTurn(fault, fault, page))
    const { reader, events } = make()
    expect((await list(reader)).rows).toHaveLength(1)
    expect(events.map((event) => event.type)).toEqual(['retry', 'retry'])
    expect(reader.calls).toBe(3)
  })

  it('no answer, or one that stalls, in the time it has', async () => {
    const stall: Script = (_, response) => {
      response.writeHead(200).write('{"resources":')
    }
    server.answer(inTurn(() => undefined, stall, page))
    const { reader, events } = make({ timeouts: { headersMs: 300, bodyMs: 300 } })
    expect((await list(reader)).rows).toHaveLength(1)
    expect(events).toMatchObject([
      { what: 'list image/upload', attempt: 1, reason: 'list image/upload: no answer in time' },
      { attempt: 2, reason: 'list image/upload: the answer stalled' },
    ])
  })

  it('six times, and then it is an error', async () => {
    server.answer((_, response) => refuse(response, 503, 'General error'))
    const { reader } = make()
    const error = await failure(list(reader))
    expect(error).toMatchObject({ code: 'API_UNAVAILABLE', permanent: false })
    expect(reader.calls).toBe(6)
    server.answer((_, response) => response.writeHead(200).end('<html>'))
    expect(await failure(list(reader))).toMatchObject({ code: 'API_UNEXPECTED', permanent: false })
  })

  it('after as long as the service asks', async () => {
    server.answer(inTurn((_, response) => json(response, {}, 503, { 'retry-after': '1' }), page))
    const { reader, events } = make()
    await list(reader)
    expect(events).toMatchObject([{ type: 'retry', delayMs: 1000 }])
  })

  it('but not a host that refuses connections for ever', async () => {
    const { url } = server
    await server.close()
    const { reader } = make({ uploadPrefix: url, retry: { tries: 2, firstMs: 1, maxMs: 1 } })
    expect(await failure(list(reader))).toMatchObject({ code: 'API_UNAVAILABLE', message: /connection refused/ })
    server = await startScriptedServer()
  })
})

describe('what will not pass is an error at once', () => {
  it.each([
    [401, 'CREDENTIALS_REFUSED'],
    [403, 'CREDENTIALS_REFUSED'],
    [400, 'API_REFUSED'],
    [409, 'API_REFUSED'],
    [501, 'API_REFUSED'],
  ])('HTTP %i is %s', async (status, code) => {
    server.answer((_, response) =>
      json(response, { error: { message: 'No, because' } }, status, { 'x-request-id': 'r1' }),
    )
    const error = await failure(list(make().reader))
    expect(error).toMatchObject({ code, permanent: true })
    expect(isAppError(error) ? error.message : '').toContain('No, because (request r1)')
  })

  it('an HTML 401, as some refusals of credentials are', async () => {
    server.answer((_, response) => response.writeHead(401).end('<html>Unauthorized</html>'))
    const { reader } = make()
    expect(await failure(list(reader))).toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    expect(reader.calls).toBe(1)
  })

  it('an error inside a 200', async () => {
    server.answer((_, response) => json(response, { error: { message: 'no good' }, resources: [] }))
    expect(await failure(list(make().reader))).toMatchObject({ code: 'API_REFUSED' })
  })

  it('a redirect, which would carry the credentials elsewhere', async () => {
    server.answer((_, response) => response.writeHead(301, { location: 'https://evil.test/' }).end())
    expect(await failure(list(make().reader))).toMatchObject({ code: 'API_UNEXPECTED' })
    expect(server.seen).toHaveLength(1)
  })

  it('an answer of another shape', async () => {
    server.answer((_, response) => json(response, { hello: 'world' }))
    expect(await failure(list(make().reader))).toMatchObject({ code: 'API_UNEXPECTED' })
  })

  it('an interruption, even in the middle of a pause', async () => {
    server.answer((_, response) => refuse(response, 500, 'General error'))
    const { reader } = make({ retry: { firstMs: 60_000, maxMs: 60_000 } })
    const controller = new AbortController()
    const listing = reader.listPage(
      { resourceType: 'image', type: 'upload' },
      { cursor: null, since: null },
      controller.signal,
    )
    setTimeout(() => controller.abort(), 50)
    expect(await failure(listing)).toMatchObject({ code: 'INTERRUPTED' })
  })
})

it('sends Basic credentials and understands gzip', async () => {
  server.answer((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify({ resources: [row()] })))
  })
  expect((await list(make().reader)).rows).toHaveLength(1)
  const basic = Buffer.from(`1234:${SECRET}`).toString('base64')
  expect(server.seen[0]?.headers.authorization).toBe(`Basic ${basic}`)
})

it('keeps a path that the prefix has', async () => {
  server.answer(page)
  await list(make({ uploadPrefix: `${server.url}/gateway/` }).reader)
  expect(server.seen[0]?.path).toBe('/gateway/v1_1/acme/resources/image/upload')
})

it('never tells the secret, nor lets the other side write to the terminal', async () => {
  const basic = Buffer.from(`1234:${SECRET}`).toString('base64')
  server.answer((seen, response) => refuse(response, 400, `\u001b[2J you sent ${seen.headers.authorization} ${SECRET}`))
  const { reader, events } = make()
  const error = await failure(list(reader))
  const told = JSON.stringify([error, events, reader]) + String(error) + (error instanceof Error ? error.stack : '')
  expect(told).not.toContain(SECRET)
  expect(told).not.toContain(basic)
  expect(told).not.toContain('\u001b')
  expect(told).toContain('you sent Basic ***')
})
