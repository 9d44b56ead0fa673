import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'

/** All in milliseconds. */
export interface Timeouts {
  /** Until the connection, TLS included, stands. @default 10000 */
  readonly connectMs?: number
  /** From the request's end to the answer's headers. @default 60000 */
  readonly headersMs?: number
  /** Without a single byte of the body; a slow body that moves lives. @default 30000 */
  readonly bodyMs?: number
}

export interface ProxyOptions {
  /** Proxy for http: URLs, and for https: ones when `https` is absent. */
  readonly http?: string
  readonly https?: string
  /** Comma-separated hosts that are reached directly, as in NO_PROXY. */
  readonly noProxy?: string
}

/** Time for one address before the next is tried beside it; Node's own 250 ms is too short for far networks. */
const ADDRESS_ATTEMPT_MS = 1500

/** One pool of kept-alive connections for each origin. Reads nothing from the environment. */
export const createDispatcher = (timeouts: Timeouts = {}, proxy: ProxyOptions = {}): Dispatcher => {
  const options: Agent.Options = {
    connect: {
      timeout: timeouts.connectMs ?? 10_000,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    },
    headersTimeout: timeouts.headersMs ?? 60_000,
    bodyTimeout: timeouts.bodyMs ?? 30_000,
    pipelining: 1,
  }
  if (proxy.http === undefined && proxy.https === undefined) return new Agent(options)
  // Empty strings, not absent ones: undici would look into process.env for those.
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: proxy.http ?? '',
    httpsProxy: proxy.https ?? '',
    noProxy: proxy.noProxy ?? '',
  })
}

/** Reads a whole body, at most `limit` bytes of it; null when there is more. */
export const readBody = async (body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer | null> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) return null
    chunks.push(chunk)
  }
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
  return Buffer.concat(chunks, size)
}
