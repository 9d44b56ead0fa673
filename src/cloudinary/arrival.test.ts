import { getEventListeners } from 'node:events'
import { Agent } from 'undici'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Arrival, fetchArrival } from './arrival.ts'
import { type ScriptedServer, startScriptedServer } from './testing.ts'

let server: ScriptedServer
let agent: Agent

beforeEach(async () => {
  server = await startScriptedServer((_, response) => response.end('hello'))
  agent = new Agent({ connections: 1 })
})
afterEach(async () => {
  await agent.destroy()
  await server.close()
})

const fetchIt = (signal = new AbortController().signal): Promise<Arrival> =>
  fetchArrival(agent, { url: new URL(`${server.url}/a?b=c`), headers: {} }, signal)
const read = async (arrival: Arrival): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of arrival) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

it('passes over early hints', async () => {
  server.answer((_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.end('hello')
  })
  const arrival = await fetchIt()
  expect([arrival.status, await read(arrival)]).toEqual([200, 'hello'])
})

it('leaves no listener on the signal, however it ends', async () => {
  const { signal } = new AbortController()
  await read(await fetchIt(signal))
  for await (const _ of await fetchIt(signal)) break
  const unread = await fetchIt(signal)
  unread.discard(0)
  server.answer((_, __, socket) => socket.resetAndDestroy())
  await expect(fetchIt(signal)).rejects.toThrow()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('uses the connection again after a short body that nobody reads', async () => {
  const ports = new Set<number | undefined>()
  server.answer((_, response, socket) => {
    ports.add(socket.remotePort)
    response.end('x'.repeat(1000))
  })
  for (let n = 0; n < 5; n++) (await fetchIt()).discard(16_384)
  expect(ports.size).toBe(1)
})

it('frees the connection of a request that was interrupted while it waited for its turn', async () => {
  server.answer(() => undefined)
  const first = new AbortController()
  const second = new AbortController()
  const results = [fetchIt(first.signal), fetchIt(second.signal)].map((one) => one.catch(() => 'interrupted'))
  setTimeout(() => second.abort(), 20)
  setTimeout(() => first.abort(), 40)
  expect(await Promise.all(results)).toEqual(['interrupted', 'interrupted'])
  server.answer((_, response) => response.end('hello'))
  expect(await read(await fetchIt())).toBe('hello')
})
