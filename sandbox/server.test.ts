import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCloud } from './cloud.ts'
import { makeAsset } from './make-asset.ts'
import { type Sandbox, startSandbox } from './server.ts'
import type { Cloud } from './state.ts'

let sandbox: Sandbox
let cloud: Cloud
let now: number

beforeEach(async () => {
  now = Date.UTC(2026, 9, 2, 9, 30, 0)
  cloud = createCloud({ name: 'acme', settings: { rateLimit: 5 } })
  sandbox = await startSandbox({ clouds: [cloud], now: () => now })
})
afterEach(() => sandbox.close())

const basic = (key: string, secret: string): string => `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`

const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> => {
  const { key, secret } = cloud.keys[0] ?? { key: '', secret: '' }
  return fetch(`${sandbox.url}/v1_1/${path}`, { headers: { authorization: basic(key, secret), ...headers } })
}

const messageOf = async (response: Response): Promise<string> => {
  const body = (await response.json()) as { error: { message: string } }
  return body.error.message
}

describe('the door', () => {
  it('answers an unknown path with a JSON 404', async () => {
    const response = await ask('acme/nothing/here')
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await messageOf(response)).toBe('Not found')
  })

  it('says which part of the credentials is wrong', async () => {
    const { key, secret } = cloud.keys[0] ?? { key: '', secret: '' }
    const path = 'acme/resources/image/upload'
    const wrongSecret = await ask(path, { authorization: basic(key, 'wrong') })
    expect([wrongSecret.status, await messageOf(wrongSecret)]).toEqual([401, 'api_secret mismatch'])
    const wrongKey = await ask(path, { authorization: basic('1', secret) })
    expect([wrongKey.status, await messageOf(wrongKey)]).toEqual([401, 'Invalid api_key'])
    const wrongCloud = await ask('other/resources/image/upload')
    expect([wrongCloud.status, await messageOf(wrongCloud)]).toEqual([401, 'Invalid cloud_name other'])
    expect((await fetch(`${sandbox.url}/v1_1/${path}`)).status).toBe(401)
    cloud.keys[0] = { key, secret, enabled: false }
    expect((await ask(path)).status).toBe(401)
  })

  it('gives a CLOUDINARY_URL that names this server', () => {
    const { key, secret } = cloud.keys[0] ?? { key: '', secret: '' }
    expect(sandbox.cloudinaryUrl('acme')).toBe(`cloudinary://${key}:${secret}@acme?upload_prefix=${sandbox.url}`)
    expect(() => sandbox.cloudinaryUrl('nobody')).toThrow(/nobody/)
  })

  it('logs each request with the body bytes that were sent', async () => {
    makeAsset(cloud, { publicId: 'a' })
    const body = await (await ask('acme/resources/image/upload?max_results=1')).text()
    expect(sandbox.requests).toMatchObject([
      {
        method: 'GET',
        path: '/v1_1/acme/resources/image/upload?max_results=1',
        area: 'admin',
        cloud: 'acme',
        status: 200,
        sent: Buffer.byteLength(body),
        fault: null,
      },
    ])
  })
})

describe('the hourly quota', () => {
  const path = 'acme/resources/image/upload'

  it('counts down in the headers to the full hour', async () => {
    const first = await ask(path)
    expect(first.headers.get('x-featureratelimit-limit')).toBe('5')
    expect(first.headers.get('x-featureratelimit-remaining')).toBe('4')
    expect(first.headers.get('x-featureratelimit-reset')).toBe('Fri, 02 Oct 2026 10:00:00 GMT')
    expect((await ask(path)).headers.get('x-featureratelimit-remaining')).toBe('3')
  })

  it('refuses with 420 and the time, and opens again at that time', async () => {
    for (let i = 0; i < 5; i++) expect((await ask(path)).status).toBe(200)
    const refused = await ask(path)
    expect(refused.status).toBe(420)
    expect(refused.headers.get('x-featureratelimit-remaining')).toBe('0')
    expect(await messageOf(refused)).toBe(
      'Rate Limit Exceeded. Limit of 5 api operations reached. Try again on 2026-10-02 10:00:00 UTC',
    )
    now = Date.UTC(2026, 9, 2, 10, 0, 0)
    expect((await ask(path)).status).toBe(200)
  })

  it('does not count what it refuses for its credentials', async () => {
    for (let i = 0; i < 9; i++) await ask(path, { authorization: basic('1', '2') })
    expect((await ask(path)).headers.get('x-featureratelimit-remaining')).toBe('4')
  })

  it('states a reset in whole seconds that is never before the window ends', async () => {
    cloud.settings.rateWindowMs = 1500
    now += 100
    const reset = Date.parse((await ask(path)).headers.get('x-featureratelimit-reset') ?? '')
    expect(reset).toBeGreaterThanOrEqual(cloud.quota.windowEnds)
  })
})
