import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { parseFaultRequest } from './faults/rules.ts'
import { createFaults, type Fault, type FaultRule, type Faults } from './faults.ts'
import type { LoggedRequest } from './state.ts'

const BODY = 'x'.repeat(10_000)
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Bench {
  readonly url: string
  readonly faults: Faults
  readonly log: LoggedRequest[]
  /** Requests that reached the service. */
  served(): number
}

/** A service of one body, and of a list in pages `/list?next_cursor=N` of three rows each. */
const bench = async (...rules: FaultRule[]): Promise<Bench> => {
  const faults = createFaults({ seed: 7, now: () => Date.UTC(2026, 9, 2, 9, 30) })
  faults.add(...rules)
  const log: LoggedRequest[] = []
  let served = 0
  const server = createServer((req, res) => {
    const path = req.url ?? ''
    const area = path.startsWith('/list') || path === '/api' ? 'admin' : 'delivery'
    const entry: LoggedRequest = {
      at: 0,
      method: req.method ?? '',
      path,
      area,
      cloud: null,
      range: null,
      status: 0,
      sent: 0,
      fault: null,
    }
    log.push(entry)
    faults.intercept(req, res, entry, () => {
      served++
      let asked = ''
      req.on('data', (chunk: Buffer) => {
        asked += chunk.toString()
      })
      req.on('end', () => {
        if (!path.startsWith('/list')) return res.writeHead(200, { 'content-type': 'text/plain' }).end(BODY)
        const fromBody: unknown = asked === '' ? undefined : JSON.parse(asked).next_cursor
        const page = Number(new URL(path, 'http://x').searchParams.get('next_cursor') ?? fromBody ?? 0)
        res.setHeader('content-type', 'application/json')
        const resources = [1, 2, 3].map((n) => ({ n: page * 3 + n }))
        return res.end(JSON.stringify(page < 2 ? { resources, next_cursor: String(page + 1) } : { resources }))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, faults, log, served: () => served }
}

const outcome = async (url: string, init: RequestInit = {}): Promise<string> => {
  try {
    const response = await fetch(url, init)
    const announced = response.headers.get('content-length')
    try {
      const body = await response.text()
      return `${response.status} ${body.length} of ${announced}${body === BODY ? ' true' : ''}`
    } catch {
      return `${response.status} broken`
    }
  } catch {
    return 'refused'
  }
}
const rows = async (url: string): Promise<number[]> => {
  const found: number[] = []
  for (let cursor: string | null = '0'; cursor !== null; ) {
    const page = (await (await fetch(`${url}/list?next_cursor=${cursor}`)).json()) as {
      resources: { n: number }[]
      next_cursor?: string
    }
    found.push(...page.resources.map((row) => row.n))
    cursor = page.next_cursor ?? null
  }
  return found
}
const only = (fault: Fault, more: Omit<FaultRule, 'fault'> = {}): FaultRule => ({ ...more, fault })

it('lets requests through when there are no rules', async () => {
  const { url, log } = await bench()
  expect(await outcome(`${url}/a`)).toBe('200 10000 of null true')
  expect(log[0]?.fault).toBeNull()
})

it.each<[string, Fault, string | RegExp]>([
  ['resets before the answer', { kind: 'reset' }, 'refused'],
  ['resets in the middle of the body', { kind: 'reset-body', at: 0.5 }, /broken|refused/],
  ['closes before the promised length', { kind: 'truncate', at: 100 }, '200 broken'],
  ['sends a short body with a length that agrees', { kind: 'short', at: 0.25 }, '200 2500 of 2500'],
  ['sends other bytes of the same length', { kind: 'wrong-bytes' }, '200 10000 of 10000'],
  ['answers with an error status', { kind: 'status', status: 503 }, '503 0 of 0'],
  ['answers with the error page of a proxy', { kind: 'status', status: 502, body: 'html' }, /^502 1\d\d of/],
  ['answers 200 with a page', { kind: 'html' }, /^200 1\d\d of/],
  ['answers 200 with nothing', { kind: 'empty' }, '200 0 of 0'],
])('%s, once, and is logged', async (_, fault, expected) => {
  const { url, log } = await bench(only(fault, { times: 1 }))
  expect(await outcome(`${url}/a`)).toMatch(expected)
  expect(log[0]?.fault).toMatch(fault.kind)
  expect(await outcome(`${url}/a`)).toBe('200 10000 of null true')
  expect(log[1]?.fault).toBeNull()
})

it('delivers what was promised up to where the body is cut off', async () => {
  const { url } = await bench(only({ kind: 'truncate', at: 4000 }))
  const response = await fetch(`${url}/a`)
  expect(response.headers.get('content-length')).toBe('10000')
  let received = 0
  await expect(
    (async () => {
      for await (const chunk of response.body ?? []) received += (chunk as Uint8Array).length
    })(),
  ).rejects.toThrow()
  expect(received).toBe(4000)
})

it('falls silent after the headers', async () => {
  const { url } = await bench(only({ kind: 'stall', at: 10 }))
  const response = await fetch(`${url}/a`, { signal: AbortSignal.timeout(200) })
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
})

it('tells that the quota is used up in the words of the service, with and without headers', async () => {
  const { url } = await bench(
    only({ kind: 'rate-limit', resetMs: 1_800_000 }, { times: 1 }),
    only({ kind: 'rate-limit', status: 429, headers: false, resetMs: 1000 }, { times: 1 }),
    only({ kind: 'rate-limit' }),
  )
  const first = await fetch(`${url}/api`)
  expect(first.status).toBe(420)
  expect(first.headers.get('x-featureratelimit-reset')).toBe('Fri, 02 Oct 2026 10:00:00 GMT')
  expect(await first.text()).toContain('Limit of 500 api operations reached. Try again on 2026-10-02 10:00:00 UTC')
  const second = await fetch(`${url}/api`)
  expect([second.status, second.headers.get('x-featureratelimit-reset')]).toEqual([429, null])
  expect(await second.text()).toContain('Try again on 2026-10-02 09:30:01 UTC')
  expect(await (await fetch(`${url}/api`)).text()).not.toContain('Try again')
})

it('waits, and limits the speed', async () => {
  const { url, log } = await bench(
    only({ kind: 'latency', ms: 100, jitterMs: 50 }),
    only({ kind: 'bandwidth', bytesPerSecond: 50_000 }),
  )
  const started = performance.now()
  expect(await outcome(`${url}/a`)).toBe('200 10000 of 10000 true')
  const took = performance.now() - started
  expect(took).toBeGreaterThan(250)
  expect(took).toBeLessThan(1000)
  expect(log[0]?.fault).toBe('latency+bandwidth')
})

it('hits only what the rule names, after as many as it lets through', async () => {
  const { url } = await bench(
    only({ kind: 'status', status: 404 }, { area: 'delivery', pathMatch: /^\/b/, method: 'GET', after: 1, times: 1 }),
  )
  const statuses = []
  for (const path of ['/a', '/b', '/api', '/b', '/b']) statuses.push((await outcome(url + path)).slice(0, 3))
  expect(await outcome(`${url}/b`, { method: 'POST', body: 'x' })).toMatch('true')
  expect(statuses).toEqual(['200', '200', '200', '404', '200'])
})

it('loses only the answer, when the request is to have had its effect', async () => {
  const { url, served } = await bench(
    only({ kind: 'reset', processed: true }, { times: 1 }),
    only({ kind: 'status', status: 500 }, { times: 1 }),
  )
  expect(await outcome(`${url}/a`, { method: 'POST', body: 'x'.repeat(100_000) })).toBe('refused')
  expect(served()).toBe(1)
  expect(await outcome(`${url}/a`, { method: 'POST', body: 'x'.repeat(100_000) })).toMatch('500')
  expect(served()).toBe(1)
})

it('ends a list early, repeats rows across pages, and leaves some out', async () => {
  const { url, faults } = await bench(only({ kind: 'list-end' }, { after: 1 }))
  expect(await rows(url)).toEqual([1, 2, 3, 4, 5, 6])
  faults.clear()
  faults.add(only({ kind: 'duplicate-rows', rows: 1 }))
  expect(await rows(url)).toEqual([1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9])
  faults.clear()
  faults.add(only({ kind: 'duplicate-rows', rows: 2 }, { times: 1, after: 2 }))
  expect(await rows(url)).toEqual([1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9])
  faults.clear()
  faults.add(only({ kind: 'missing-rows', rows: 1 }))
  expect(await rows(url)).toEqual([1, 2, 4, 5, 7, 8, 9])
})

it('lets cursors expire, in the query and in the body of a search, and spends itself on nothing else', async () => {
  const { url, faults } = await bench(only({ kind: 'expired-cursor' }, { times: 2 }))
  expect(await outcome(`${url}/list`)).toMatch('200')
  expect(await outcome(`${url}/list?next_cursor=1`)).toMatch('400')
  expect(await outcome(`${url}/list`, { method: 'POST', body: '{}' })).toMatch('200')
  expect(await outcome(`${url}/list`, { method: 'POST', body: '{"next_cursor":"1"}' })).toMatch('400')
  expect(await outcome(`${url}/list?next_cursor=1`)).toMatch('200')
  expect(faults.applied).toBe(2)
})

it('fails the given share of requests in mixed ways, the same each time', async () => {
  const run = async (): Promise<{ kinds: string[]; failed: number }> => {
    const { url, log, faults } = await bench()
    faults.mixed(0.3)
    let failed = 0
    for (let n = 0; n < 200; n++) if (!(await outcome(`${url}/a${n}`)).endsWith('true')) failed++
    return { kinds: log.map((entry) => entry.fault ?? ''), failed }
  }
  const first = await run()
  expect(first.failed).toBeGreaterThan(40)
  expect(first.failed).toBeLessThan(80)
  expect(new Set(first.kinds).size).toBeGreaterThan(8)
  expect((await run()).kinds).toEqual(first.kinds)
})

it('reads rules from JSON and refuses what it does not know', () => {
  const { rules, mixed } = parseFaultRequest({ mixed: 0.1, rules: [{ pathMatch: '^/x', fault: { kind: 'reset' } }] })
  expect(rules[0]?.pathMatch).toEqual(/^\/x/)
  expect(mixed).toBe(0.1)
  expect(() => parseFaultRequest([{ fault: { kind: 'flood' } }])).toThrow()
  expect(() => parseFaultRequest([{ fault: { kind: 'reset' }, often: 3 }])).toThrow()
})
