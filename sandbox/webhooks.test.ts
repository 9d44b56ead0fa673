import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isNotificationSignature } from './signature.ts'
import { pngOf, startUploadApi, type UploadApi } from './upload/testing.ts'
import { recordEvent, setWebhookDelays, webhooksSettled } from './webhooks.ts'

interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let api: UploadApi
let hook: Server
let url: string
let received: Received[]
/** Answers of the receiver, in turn; 200 when there are no more. */
let statuses: number[]

beforeEach(async () => {
  api = await startUploadApi()
  setWebhookDelays(api.sandbox.world, [5, 5, 5])
  received = []
  statuses = []
  hook = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body })
      response.writeHead(statuses.shift() ?? 200).end()
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}`
})
afterEach(async () => {
  hook.close()
  await api[Symbol.asyncDispose]()
})

const listen = (eventType: string, path: string, additive = false): void => {
  const trigger = { id: path, uri: url + path, uriType: 'webhook' as const, eventType, additive }
  api.cloud.triggers.set(path, { ...trigger, createdAt: api.now, updatedAt: api.now })
}

const settled = () => webhooksSettled(api.sandbox.world)
const tell = (notificationUrl?: string) =>
  recordEvent(api.sandbox.world, api.cloud, { type: 'upload', body: { public_id: 'ä' }, notificationUrl })

describe('a notification', () => {
  it('is posted as signed JSON to who listens for the event, or for all', async () => {
    listen('upload', '/upload')
    listen('all', '/all')
    listen('delete', '/delete')
    tell()
    await settled()
    expect(received.map((one) => one.url).sort()).toEqual(['/all', '/upload'])
    const { headers, body } = received[0] ?? { headers: {} as IncomingHttpHeaders, body: '' }
    expect(JSON.parse(body)).toEqual({
      notification_type: 'upload',
      public_id: 'ä',
      notification_context: {
        triggered_at: '2026-10-02T09:30:00.000000Z',
        triggered_by: { source: 'api', id: api.cloud.keys[0]?.key },
      },
      signature_key: api.cloud.keys[0]?.key,
    })
    expect(headers['content-type']).toBe('application/json')
    const signature = String(headers['x-cld-signature'])
    const timestamp = Number(headers['x-cld-timestamp'])
    expect(timestamp).toBe(api.now / 1000)
    expect(isNotificationSignature(body, timestamp, { signature, secret: api.cloud.keys[0]?.secret ?? '' })).toBe(true)
  })

  it('goes to the URL of the call alone, and to additive triggers', async () => {
    listen('upload', '/usual')
    listen('upload', '/additive', true)
    tell(`${url}/call`)
    await settled()
    expect(received.map((one) => one.url).sort()).toEqual(['/additive', '/call'])
  })

  it('is repeated three times unless it is answered 200, and no other 2xx will do', async () => {
    listen('upload', '/x')
    statuses = [500, 204]
    tell()
    await settled()
    expect(received).toHaveLength(3)
    received.length = 0
    statuses = [500, 500, 500, 500, 500]
    tell()
    await settled()
    expect(received).toHaveLength(4)
  })

  it('goes nowhere but to this machine', async () => {
    tell('http://192.0.2.1/x')
    tell('not a url')
    await settled()
    expect(api.cloud.events).toHaveLength(2)
  })
})

describe('what the methods tell', () => {
  it('upload, rename and delete, in the form that each has', async () => {
    listen('all', '/all')
    await api.upload('image/upload', { public_id: 'a' }, { bytes: pngOf(1, 1) })
    await settled()
    await api.upload('image/rename', { from_public_id: 'a', to_public_id: 'b' })
    await settled()
    await api.upload('image/destroy', { public_id: 'b' })
    await settled()
    const bodies = received.map((one) => JSON.parse(one.body))
    const some = expect.stringMatching(/^[0-9a-f]{32}$/)
    const timestamp = '2026-10-02T09:30:00+00:00'
    expect(bodies).toMatchObject([
      { notification_type: 'upload', timestamp, request_id: some, public_id: 'a', etag: some, version_id: some },
      { notification_type: 'rename', timestamp, from_public_id: 'a', to_public_id: 'b', asset_id: some },
      { notification_type: 'delete', resources: [{ public_id: 'b', resource_type: 'image', display_name: 'a' }] },
    ])
    expect(bodies[2]).not.toHaveProperty('timestamp')
  })

  it('to the notification_url of the request', async () => {
    await api.upload('image/upload', { public_id: 'a', notification_url: `${url}/mine` }, { bytes: pngOf(1, 1) })
    await settled()
    expect(received.map((one) => one.url)).toEqual(['/mine'])
  })
})
