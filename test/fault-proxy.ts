import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * What happens to a request on its way:
 *
 * - `reset-before` the connection breaks before the server hears of it; `reset-after` once the server has done it
 * - `cut-request` the server gets half of the body; `corrupt-request` it gets a body with one other byte
 * - `cut-answer` the client gets half of the body, then the connection breaks; `stall-answer` then nothing happens any more
 * - `silence` the server does not hear of it and the client gets no answer
 * - an answer of the proxy's own, without the server
 */
export type Fault =
  | 'reset-before'
  | 'reset-after'
  | 'cut-request'
  | 'corrupt-request'
  | 'cut-answer'
  | 'stall-answer'
  | 'silence'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

export interface SeenRequest {
  /** From 0, in the order in which they came. */
  readonly number: number
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Length of its body. */
  readonly size: number
}

/** Null: nothing happens to it. */
export type FaultPlan = (request: SeenRequest) => Fault | null

export interface FaultProxy {
  /** Base URL, to be used in place of the target's. */
  readonly url: string
  /** What came by and what happened to it. */
  readonly met: readonly (SeenRequest & { readonly fault: Fault | null })[]
  close(): Promise<void>
}

/** A number in [0, 1) each time, the same ones for the same seed. */
const createRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
}

/** Each request meets one of the faults with probability `share`; which ones do is the same for the same seed. */
export const seededPlan = (seed: number, share: number, faults: readonly Fault[]): FaultPlan => {
  const random = createRandom(seed)
  return () => (random() < share ? (faults[Math.floor(random() * faults.length)] ?? null) : null)
}

/** The given faults one after another, for requests that match; afterwards, and for all others, none. */
export const scriptedPlan = (
  matches: (request: SeenRequest) => boolean,
  ...faults: readonly (Fault | null)[]
): FaultPlan => {
  const left = [...faults]
  return (request) => (matches(request) ? (left.shift() ?? null) : null)
}

const collect = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

const corrupted = (body: Buffer): Buffer => {
  const copy = Buffer.from(body)
  const middle = copy.length >> 1
  copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}

/** Asks the server; `sent` of `body` go there, and the connection breaks when that is not all. */
const ask = (
  target: URL,
  request: IncomingMessage,
  body: Buffer,
  sent = body.length,
): Promise<IncomingMessage | null> =>
  new Promise((resolve) => {
    const { 'transfer-encoding': _, expect: __, ...headers } = request.headers
    const onward = httpRequest({
      ...{ host: target.hostname, port: target.port, method: request.method, path: request.url },
      headers: { ...headers, 'content-length': String(body.length), connection: 'close' },
      setHost: false,
    })
    onward.once('error', () => resolve(null)).once('response', resolve)
    if (sent === body.length) onward.end(body)
    else {
      onward.write(body.subarray(0, sent))
      setTimeout(() => onward.destroy(), 20)
    }
  })

/** Headers go as they came, except those of the connection itself. */
const headersOf = (answer: IncomingMessage): string[] => {
  const kept: string[] = []
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = answer.rawHeaders.slice(at, at + 2)
    if (!/^(connection|keep-alive|transfer-encoding|content-length)$/iu.test(name)) kept.push(name, value)
  }
  return kept
}

const giveAnswer = async (answer: IncomingMessage, response: ServerResponse, isHead: boolean): Promise<void> => {
  const body = await collect(answer)
  const length = isHead ? answer.headers['content-length'] : String(body.length)
  const isEmpty = answer.statusCode === 204 || answer.statusCode === 304 || length === undefined
  response.writeHead(answer.statusCode ?? 500, [...headersOf(answer), ...(isEmpty ? [] : ['content-length', length])])
  response.end(body)
}

/** Half of the body, with the length of the whole; then the connection breaks, or not even that. */
const giveHalf = async (answer: IncomingMessage, response: ServerResponse, breaks: boolean): Promise<void> => {
  const body = await collect(answer)
  const length = String(Math.max(1, body.length))
  response.writeHead(answer.statusCode ?? 500, [...headersOf(answer), 'content-length', length])
  response.flushHeaders()
  response.write(body.subarray(0, body.length >> 1))
  if (breaks) setTimeout(() => response.destroy(), 20)
}

const relay = async (
  target: URL,
  fault: Fault | null,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<void> => {
  if (fault === 'reset-before') return void request.socket.destroy()
  if (fault === 'silence') return
  if (typeof fault === 'object' && fault !== null) {
    return void response.writeHead(fault.status, fault.headers ?? {}).end(request.method === 'HEAD' ? '' : fault.body)
  }
  if (fault === 'cut-request' && body.length > 0) {
    await ask(target, request, body, body.length >> 1)
    return void request.socket.destroy()
  }
  const answer = await ask(target, request, fault === 'corrupt-request' && body.length > 0 ? corrupted(body) : body)
  if (answer === null || fault === 'reset-after') {
    answer?.resume()
    return void request.socket.destroy()
  }
  const isHead = request.method === 'HEAD'
  if ((fault === 'cut-answer' || fault === 'stall-answer') && !isHead && answer.statusCode !== 204)
    return giveHalf(answer, response, fault === 'cut-answer')
  return giveAnswer(answer, response, isHead)
}

/**
 * An HTTP server that passes everything on to `target` (`http://127.0.0.1:7480`) unless the plan says otherwise. The Host
 * header stays what the client sent, so signatures hold. Bodies are held in memory.
 */
export const startFaultProxy = async (options: { target: string; plan: FaultPlan }): Promise<FaultProxy> => {
  const target = new URL(options.target)
  const met: (SeenRequest & { fault: Fault | null })[] = []
  const server = createServer((request, response) => {
    const work = async (): Promise<void> => {
      const body = await collect(request)
      const seen = {
        ...{ number: met.length, method: request.method ?? '', path: request.url ?? '' },
        ...{ headers: request.headers, size: body.length },
      }
      const fault = options.plan(seen)
      met.push({ ...seen, fault })
      await relay(target, fault, request, response, body)
    }
    // A client that goes away in the middle is what this is for.
    work().catch(() => request.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // The address of a server that listens on TCP.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    met,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
