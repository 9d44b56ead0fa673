import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AccountReaderOptions } from './create-reader.ts'
import type { ReaderEvent } from './events.ts'
import type { AccountReader } from './reader.ts'
import { inTurn, json, readerOf, row, type Script, type ScriptedServer, startScriptedServer } from './testing.ts'

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
const list = (reader: AccountReader, through = signal) =>
  reader.listPage({ resourceType: 'image', type: 'upload' }, { cursor: null, since: null }, through)

const limitHeaders = (remaining: number, resetAt: number, limit = 500): Record<string, string> => ({
  'x-featureratelimit-limit': String(limit),
  'x-featureratelimit-remaining': String(remaining),
  'x-featureratelimit-reset': new Date(resetAt).toISOString(),
})
const pageWith =
  (headers: Record<string, string> = {}): Script =>
  (_, response) =>
    json(response, { resources: [row()] }, 200, headers)
const utc = (time: number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ')
const limited =
  (message: string, headers: Record<string, string> = {}): Script =>
  (_, response) =>
    json(response, { error: { message } }, 420, headers)
const nextSecond = (): number => Math.ceil((Date.now() + 200) / 1000) * 1000

describe('a refusal for the limit', () => {
  it('is slept out until the time in its message, and told once', async () => {
    const resetAt = nextSecond()
    server.answer(
      inTurn(
        limited(`Rate Limit Exceeded. Limit of 500 api operations reached. Try again on ${utc(resetAt)} UTC`),
        pageWith(),
      ),
    )
    const { reader, events } = make()
    expect((await list(reader)).rows).toHaveLength(1)
    expect(Date.now()).toBeGreaterThanOrEqual(resetAt + 1000)
    expect(events).toEqual([{ type: 'waiting', until: resetAt + 1000, why: 'limit' }])
    expect(reader.calls).toBe(2)
  })

  it('is an error with the time when the run is not to wait', async () => {
    const resetAt = Math.ceil(Date.now() / 1000) * 1000 + 1_800_000
    server.answer(limited(`Try again on ${utc(resetAt)} UTC`))
    const { reader } = make({ wait: false })
    await expect(list(reader)).rejects.toMatchObject({ code: 'API_LIMIT', resumeAt: resetAt + 1000, permanent: false })
    await expect(list(reader)).rejects.toMatchObject({ code: 'API_LIMIT' })
    expect(reader.calls).toBe(1)
  })

  it.each([420, 429])('may be a %i without any time', async (status) => {
    server.answer(inTurn((_, response) => response.writeHead(status).end('<html>slow down</html>'), pageWith()))
    const { reader, events } = make()
    await list(reader)
    expect(events).toMatchObject([{ type: 'waiting', why: 'limit' }])
  })

  it('ends with an interruption', async () => {
    server.answer(limited(`Try again on ${utc(Date.now() + 3_600_000)} UTC`))
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    await expect(list(make().reader, controller.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('the budget', () => {
  it('is what the last answer said', async () => {
    const resetAt = nextSecond() + 3_600_000
    server.answer(pageWith(limitHeaders(491, resetAt)))
    const { reader } = make()
    expect(reader.budget).toBeNull()
    await list(reader)
    expect(reader.budget).toEqual({ limit: 500, remaining: 491, resetAt })
  })

  it('is left alone below the reserve until it is renewed', async () => {
    const resetAt = nextSecond()
    server.answer(inTurn(pageWith(limitHeaders(40, resetAt)), pageWith(limitHeaders(499, resetAt + 3_600_000))))
    const { reader, events } = make({ reserve: 40 })
    await list(reader)
    await list(reader)
    expect(events).toEqual([{ type: 'waiting', until: resetAt + 1000, why: 'reserve' }])
    expect(Date.now()).toBeGreaterThanOrEqual(resetAt + 1000)
  })

  it('is not overshot by many callers at once', async () => {
    const resetAt = nextSecond() + 3_600_000
    let left = 30
    server.answer((_, response) => {
      left -= 1
      const headers = limitHeaders(left, resetAt, 100)
      setTimeout(() => json(response, { resources: [] }, 200, headers), 5 + Math.random() * 20)
    })
    const { reader } = make({ reserve: 10, wait: false })
    const results = await Promise.allSettled(Array.from({ length: 60 }, () => list(reader)))
    expect(left).toBe(10)
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(20)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'API_LIMIT' })
  })

  it('does not hold back a service that tells none', async () => {
    let most = 0
    let underWay = 0
    server.answer((_, response) => {
      most = Math.max(most, ++underWay)
      setTimeout(() => {
        underWay -= 1
        json(response, { resources: [] })
      }, 30)
    })
    const { reader } = make()
    await list(reader)
    await Promise.all(Array.from({ length: 10 }, () => list(reader)))
    expect(most).toBe(10)
  })
})
