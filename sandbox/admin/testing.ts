import { createCloud } from '../cloud.ts'
import { type Sandbox, startSandbox } from '../server.ts'
import type { Cloud, CloudSettings } from '../state.ts'

/** The parsed body and the status; the members that many tests read are named. */
export interface Answer {
  readonly status: number
  readonly resources: readonly { readonly [field: string]: unknown }[]
  readonly next_cursor?: string | null
  readonly error?: { readonly message: string }
  readonly [field: string]: unknown
}

export interface TestApi {
  readonly cloud: Cloud
  readonly sandbox: Sandbox
  now: number
  get(path: string): Promise<Answer>
  /** Sends a JSON body. */
  send(method: string, path: string, body?: unknown): Promise<Answer>
  /** Sends a form. */
  form(method: string, path: string, body: string): Promise<Answer>
  [Symbol.asyncDispose](): Promise<void>
}

/** A sandbox with one account and a clock that stands still; answers are the parsed body with its `status`. */
export const startTestApi = async (settings: Partial<CloudSettings> = {}): Promise<TestApi> => {
  const start = Date.UTC(2026, 9, 2, 9, 30, 0)
  const cloud = createCloud({
    name: 'acme',
    createdAt: start - 86_400_000,
    settings: { rateLimit: 100_000, ...settings },
  })
  const sandbox = await startSandbox({ clouds: [cloud], now: () => api.now })
  const { key, secret } = cloud.keys[0] ?? { key: '', secret: '' }
  const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`
  const ask = async (path: string, init: RequestInit, type?: string): Promise<Answer> => {
    const headers = { authorization, ...(type === undefined ? {} : { 'content-type': type }) }
    const response = await fetch(`${sandbox.url}/v1_1/acme/${path}`, { ...init, headers })
    const body = (await response.json()) as Omit<Answer, 'status'>
    return { resources: [], ...body, status: response.status }
  }
  const api: TestApi = {
    cloud,
    sandbox,
    now: start,
    get: (path) => ask(path, {}),
    send: (method, path, body) => ask(path, { method, body: JSON.stringify(body ?? {}) }, 'application/json'),
    form: (method, path, body) => ask(path, { method, body }, 'application/x-www-form-urlencoded'),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
  return api
}
