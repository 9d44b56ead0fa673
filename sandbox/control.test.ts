import { afterEach, expect, it } from 'vitest'
import { createCloud } from './cloud.ts'
import { makeAsset } from './make-asset.ts'
import { type Sandbox, startSandbox } from './server.ts'

const running: Sandbox[] = []
afterEach(async () => {
  for (const sandbox of running.splice(0)) await sandbox.close()
})

const start = async (): Promise<{
  sandbox: Sandbox
  list: (query?: string) => Promise<Response>
  pull: (method: string, lever: string, body?: unknown) => Promise<unknown>
}> => {
  const cloud = createCloud({ name: 'acme', settings: { rateLimit: 3, rateWindowMs: 3_600_000 } })
  for (let n = 0; n < 4; n++) makeAsset(cloud, { publicId: `asset ${n}` })
  const sandbox = await startSandbox({ clouds: [cloud] })
  running.push(sandbox)
  const { key = '', secret = '' } = cloud.keys[0] ?? {}
  const headers = { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}` }
  return {
    sandbox,
    list: (query = '') => fetch(`${sandbox.url}/v1_1/acme/resources/image/upload?max_results=2${query}`, { headers }),
    pull: async (method, lever, body) =>
      (
        await fetch(`${sandbox.url}/_sandbox/${lever}`, {
          method,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
      ).json(),
  }
}

it('sets faults and takes them away over HTTP', async () => {
  const { list, pull } = await start()
  expect(
    await pull('POST', 'faults', [{ area: 'admin', times: 1, fault: { kind: 'status', status: 502, body: 'html' } }]),
  ).toEqual({ added: 1 })
  expect((await list()).status).toBe(502)
  expect((await list()).status).toBe(200)
  await pull('POST', 'faults', { mixed: 1, seed: 4 })
  expect(await pull('DELETE', 'faults')).toEqual({ applied: 1 })
  expect((await list()).status).toBe(200)
  expect(await pull('POST', 'faults', [{ fault: { kind: 'flood' } }])).toMatchObject({
    error: { message: expect.any(String) },
  })
})

it('hands out the log of requests without its own', async () => {
  const { list, pull } = await start()
  await (await list()).text()
  expect(await pull('GET', 'requests')).toEqual([
    expect.objectContaining({ method: 'GET', area: 'admin', cloud: 'acme', status: 200 }),
  ])
  expect(await pull('DELETE', 'requests')).toEqual({ deleted: 1 })
  expect(await pull('GET', 'requests')).toEqual([])
})

it('moves the clock, so that the next hour of the quota begins', async () => {
  const { list, pull, sandbox } = await start()
  const statuses = []
  for (let n = 0; n < 4; n++) statuses.push((await list()).status)
  expect(statuses).toEqual([200, 200, 200, 420])
  await pull('POST', 'clock', { advance: 3_600_000 })
  expect((await list()).status).toBe(200)
  expect(await pull('POST', 'clock', { set: '2031-01-01T00:00:00Z' })).toMatchObject({
    now: expect.stringMatching(/^2031-01-01T00:00:00/),
  })
  expect(sandbox.world.now()).toBeGreaterThanOrEqual(Date.UTC(2031, 0))
})

it('lets cursors expire', async () => {
  const { list, pull } = await start()
  const { next_cursor } = (await (await list()).json()) as { next_cursor: string }
  expect((await list(`&next_cursor=${next_cursor}`)).status).toBe(200)
  await pull('POST', 'expire-cursors')
  expect((await list(`&next_cursor=${next_cursor}`)).status).toBe(400)
})
