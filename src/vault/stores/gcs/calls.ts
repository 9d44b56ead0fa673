import { Readable } from 'node:stream'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { checkSignal, interrupted } from '../../interrupt.ts'
import type { Bytes } from '../../store.ts'
import { answerError, faultError, type Purpose } from './errors.ts'
import type { Access } from './sdk.ts'

/** Milliseconds. */
export interface Timeouts {
  /** Until the connection, TLS included, stands. @default 10000 */
  readonly connectMs?: number
  /** Without a single byte in either direction. @default 60000 */
  readonly idleMs?: number
}

/** One request of the JSON API. */
export interface Ask extends Omit<Purpose, 'place'> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the endpoint, as in `/storage/v1/b/…`, or the whole URL of an upload session, which is its own proof. */
  readonly target: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: readonly Uint8Array[]
  readonly signal?: AbortSignal | undefined
  /** Statuses besides 2xx that are answers here; any other throws what it means. */
  readonly accept?: readonly number[]
}

export interface Answer {
  readonly status: number
  header(name: string): string | null
  /** Undefined unless the body is JSON. */
  readonly json: unknown
}

export interface Opened extends Omit<Answer, 'json'> {
  /** The body as it comes; null for an accepted status that is no success. */
  readonly bytes: Bytes | null
}

/** The service as the store uses it. Tries once: whoever calls repeats. */
export interface Calls {
  /** Reads the whole answer. */
  call(ask: Ask): Promise<Answer>
  /** Does not read the body of a success. */
  open(ask: Ask): Promise<Opened>
  close(): Promise<void>
}

/** Large bodies go out in pieces of this size, so that a slow line that moves is not taken for a dead one. */
const PIECE = 256 * 1024

async function* piecesOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const part of parts) for (let at = 0; at < part.byteLength; at += PIECE) yield part.subarray(at, at + PIECE)
}

const isLoopback = (url: string): boolean => /^\[?(localhost|127\.|::1)/u.test(new URL(url).hostname)

/** Proxies as everybody names them (HTTPS_PROXY, NO_PROXY), which the vendor's package follows too. */
const createDispatcher = (endpoint: string, timeouts: Timeouts): Dispatcher => {
  const idle = timeouts.idleMs ?? 60_000
  const options: Agent.Options = {
    connect: { timeout: timeouts.connectMs ?? 10_000 },
    headersTimeout: idle,
    bodyTimeout: idle,
    pipelining: 1,
  }
  return isLoopback(endpoint) ? new Agent(options) : new EnvHttpProxyAgent(options)
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const headerOf = (headers: Dispatcher.ResponseData['headers'], name: string): string | null => {
  const value = headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}

const queryOf = (query: Ask['query'], project: string | undefined): string => {
  const all = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...query, userProject: project }))
    if (value !== undefined) all.set(name, value)
  const text = all.toString()
  return text === '' ? '' : `?${text}`
}

const bodyOf = (parts: readonly Uint8Array[] | undefined): { body: Buffer | Readable | null; length: number } => {
  if (parts === undefined) return { body: null, length: 0 }
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return { body: length <= PIECE ? Buffer.concat(parts) : Readable.from(piecesOf(parts)), length }
}

export interface CallsOptions {
  readonly access: Access
  /** `gs://bucket/prefix`, for messages. */
  readonly place: string
  /** Who pays. */
  readonly project?: string | undefined
  readonly timeouts?: Timeouts | undefined
}

/**
 * The JSON API over one pool of connections. The vendor's package has no way to give up a request when a signal says so,
 * nor a limit for a connection that stalls in an upload, so only its credentials are used (`sdk.ts`).
 */
export const createCalls = ({ access, place, project, timeouts = {} }: CallsOptions): Calls => {
  const dispatcher = createDispatcher(access.endpoint, timeouts)

  const send = async (ask: Ask): Promise<Dispatcher.ResponseData> => {
    checkSignal(ask.signal, `trying to ${ask.doing}`)
    const isSession = !ask.target.startsWith('/')
    const url = isSession ? ask.target : access.endpoint + ask.target + queryOf(ask.query, project)
    const { origin, pathname, search } = new URL(url)
    const { body, length } = bodyOf(ask.body)
    return dispatcher.request({
      origin,
      path: pathname + search,
      method: ask.method,
      headers: {
        ...(isSession ? {} : await access.prove(url)),
        'user-agent': 'cloudkeep',
        ...(ask.method === 'GET' ? {} : { 'content-length': String(length) }),
        ...ask.headers,
      },
      body,
      signal: ask.signal ?? null,
    })
  }

  const failure = (error: unknown, ask: Ask): unknown =>
    ask.signal?.aborted === true
      ? interrupted(ask.signal, `trying to ${ask.doing}`)
      : faultError(error, { ...ask, place })

  const finish = async (response: Dispatcher.ResponseData, ask: Ask): Promise<Answer> => {
    const answer: Answer = {
      status: response.statusCode,
      header: (name) => headerOf(response.headers, name),
      json: jsonOf(await response.body.text()),
    }
    if (answer.status >= 200 && answer.status < 300) return answer
    if (ask.accept?.includes(answer.status) === true) return answer
    throw answerError(answer, { ...ask, place })
  }

  async function* reading(body: Bytes, ask: Ask): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const piece of body) {
        checkSignal(ask.signal, `trying to ${ask.doing}`)
        yield piece
      }
    } catch (error) {
      throw failure(error, ask)
    }
  }

  return {
    call: async (ask) => {
      try {
        return await finish(await send(ask), ask)
      } catch (error) {
        throw failure(error, ask)
      }
    },
    open: async (ask) => {
      try {
        const response = await send(ask)
        const { statusCode: status, headers } = response
        const header = (name: string): string | null => headerOf(headers, name)
        if (status >= 200 && status < 300) return { status, header, bytes: reading(response.body, ask) }
        await finish(response, ask)
        return { status, header, bytes: null }
      } catch (error) {
        throw failure(error, ask)
      }
    },
    close: () => dispatcher.destroy(),
  }
}
