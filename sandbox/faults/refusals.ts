/** Faults that are an answer of their own, instead of the true one. */

import { PAGE_OF_A_PROXY } from './bodies.ts'
import type { Answer } from './captured.ts'
import type { Fault } from './rules.ts'

const MESSAGES: { readonly [status: number]: string } = {
  400: 'Bad request',
  401: 'Invalid credentials',
  403: 'Not allowed',
  404: 'Resource not found',
  420: 'Too many concurrent requests',
  423: 'Processing',
  429: 'Too many requests',
  502: 'Bad gateway',
  503: 'Service unavailable',
  504: 'Gateway timeout',
}

const json = (status: number, message: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: Buffer.from(JSON.stringify({ error: { message } })),
})

/** Delivery has no JSON: the reason stands in a header. */
const delivered = (status: number, message: string): Answer => ({
  status,
  headers: { 'content-type': 'image/gif', 'x-cld-error': message, 'cache-control': 'private, no-transform, max-age=0' },
  body: Buffer.alloc(0),
})

export const statusAnswer = (fault: Extract<Fault, { kind: 'status' }>, area: string): Answer => {
  const message = fault.message ?? MESSAGES[fault.status] ?? 'General error'
  if (fault.body === 'html') {
    return { status: fault.status, headers: { 'content-type': 'text/html' }, body: Buffer.from(PAGE_OF_A_PROXY) }
  }
  if (fault.body === 'empty') return { status: fault.status, headers: {}, body: Buffer.alloc(0) }
  return area === 'delivery' && fault.body === undefined
    ? delivered(fault.status, message)
    : json(fault.status, message)
}

const LIMIT = 500

export const rateLimitAnswer = (fault: Extract<Fault, { kind: 'rate-limit' }>, now: number): Answer => {
  const status = fault.status ?? 420
  if (fault.resetMs === undefined) return json(status, MESSAGES[420] ?? '')
  // Whole seconds, rounded up: whoever waits until the time that is named must not come too early.
  const reset = new Date(Math.ceil((now + fault.resetMs) / 1000) * 1000)
  const time = reset.toISOString().slice(0, 19).replace('T', ' ')
  const message = `Rate Limit Exceeded. Limit of ${LIMIT} api operations reached. Try again on ${time} UTC`
  if (fault.headers === false) return json(status, message)
  return json(status, message, {
    'X-FeatureRateLimit-Limit': String(LIMIT),
    'X-FeatureRateLimit-Remaining': '0',
    'X-FeatureRateLimit-Reset': reset.toUTCString(),
  })
}

export const expiredCursorAnswer = (): Answer => json(400, 'next_cursor has expired')
