import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type AccountReaderOptions, createAccountReader } from './create-reader.ts'
import type { ReaderEvent } from './events.ts'
import type { AccountReader } from './reader.ts'

/** A request as it came in, the body read. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Answers one request by hand: whatever HTTP can say, and a socket to break it with. */
export type Script = (seen: Seen, response: ServerResponse, socket: Socket) => unknown

/** A real server on a local port whose answers a test writes; the last script answers everything after it. */
export interface ScriptedServer {
  readonly url: string
  readonly seen: Seen[]
  /** Takes the place of the script that is there. */
  answer(script: Script): void
  close(): Promise<void>
}

export const startScriptedServer = async (
  first: Script = (_, response) => json(response, {}),
): Promise<ScriptedServer> => {
  let script = first
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const path = (request.url ?? '/').replace(/\?.*$/s, '')
      const { method = '', headers } = request
      const one: Seen = { method, path, query: url.searchParams, headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      script(one, response, request.socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    answer: (next) => {
      script = next
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export const json = (
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export const refuse = (response: ServerResponse, status: number, message: string): void =>
  json(response, { error: { message } }, status)

/** One answer after the other; the last one is repeated. */
export const inTurn = (...scripts: readonly Script[]): Script => {
  let next = 0
  return (seen, response, socket) => scripts[Math.min(next++, scripts.length - 1)]?.(seen, response, socket)
}

export const SECRET = 'hush-hush-secret'

/** A reader of the account "acme" behind that server, that retries without long pauses and tells what happened. */
export const readerOf = (
  url: string,
  options: Partial<AccountReaderOptions> = {},
): { readonly reader: AccountReader; readonly events: ReaderEvent[]; readonly notes: string[] } => {
  const events: ReaderEvent[] = []
  const notes: string[] = []
  const reader = createAccountReader({
    cloud: 'acme',
    apiKey: '1234',
    apiSecret: SECRET,
    uploadPrefix: url,
    reserve: null,
    wait: true,
    retry: { firstMs: 2, maxMs: 10 },
    onEvent: (event) => events.push(event),
    onNote: (message) => notes.push(message),
    ...options,
  })
  return { reader, events, notes }
}

export const row = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  asset_id: '5f0c0ffee0ddba11cafe0000deadbeef',
  public_id: 'products/shoe_7',
  format: 'jpg',
  version: 1759400000,
  resource_type: 'image',
  type: 'upload',
  created_at: '2025-10-01T06:26:40Z',
  bytes: 184223,
  secure_url: 'https://res.cloudinary.com/acme/image/upload/v1759400000/products/shoe_7.jpg',
  ...more,
})
