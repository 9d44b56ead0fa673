import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { json, readerOf, row, type ScriptedServer, startScriptedServer } from './testing.ts'

let target: ScriptedServer
let proxy: Server
let proxyUrl: string
let tunnels: string[]
const signal = new AbortController().signal

beforeEach(async () => {
  target = await startScriptedServer((_, response) => json(response, { resources: [row()] }))
  tunnels = []
  proxy = createServer()
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '')
    const [host = '', port = ''] = (request.url ?? '').split(':')
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
})
afterEach(async () => {
  await target.close()
  await new Promise((resolve) => {
    proxy.close(resolve)
    proxy.closeAllConnections()
  })
})

const list = async (options: Parameters<typeof readerOf>[1]): Promise<number> => {
  const { reader } = readerOf(target.url, options)
  const page = await reader
    .listPage({ resourceType: 'image', type: 'upload' }, { cursor: null, since: null }, signal)
    .finally(() => reader.close())
  return page.rows.length
}

it('goes through a proxy when one is given', async () => {
  expect(await list({ proxy: { http: proxyUrl } })).toBe(1)
  expect(tunnels).toEqual([new URL(target.url).host])
})

it('goes directly to hosts that are excepted, and without a proxy', async () => {
  expect(await list({ proxy: { http: proxyUrl, noProxy: '127.0.0.1' } })).toBe(1)
  expect(await list({})).toBe(1)
  expect(tunnels).toEqual([])
})

it('does not look for a proxy in the environment', async () => {
  process.env['http_proxy'] = proxyUrl
  process.env['https_proxy'] = proxyUrl
  try {
    expect(await list({ proxy: { https: 'http://127.0.0.1:1' } })).toBe(1)
    expect(tunnels).toEqual([])
  } finally {
    delete process.env['http_proxy']
    delete process.env['https_proxy']
  }
})
