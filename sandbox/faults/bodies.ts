/** Faults of the connection and of the bytes: they don't look at what the body means. */
import type { ServerResponse } from 'node:http'
import type { Random } from '../random.ts'
import { type Answer, sendAnswer, startAnswer } from './captured.ts'
import type { Fault } from './rules.ts'

/** A body without bytes has nothing to spoil. */
const cut = (body: Buffer, at: number): Buffer =>
  body.subarray(0, Math.min(Math.max(body.length - 1, 0), at < 1 ? Math.floor(body.length * at) : Math.floor(at)))

/** Sends part of the body, and calls `sent` when it has left for the network. */
const sendPart = (res: ServerResponse, answer: Answer, options: { at: number; sent: () => void }): void => {
  startAnswer(res, answer, answer.body.length)
  const part = cut(answer.body, options.at)
  if (part.length === 0) setImmediate(options.sent)
  else res.write(part, () => setImmediate(options.sent))
}

export const resetConnection = (res: ServerResponse): void => {
  // A reset throws away what is still on its way, so a client may see even less than was sent.
  if (res.socket === null) res.destroy()
  else res.socket.resetAndDestroy()
}

const spoil = (body: Buffer, bytes: number, random: Random): Buffer => {
  const spoilt = Buffer.from(body)
  for (let n = 0; n < Math.min(bytes, spoilt.length); n++) {
    // The first is at a random place and the others follow it, so that none undoes another.
    const place = n === 0 ? random.below(spoilt.length) : n % spoilt.length
    spoilt[place] = (spoilt[place] ?? 0) ^ (1 + random.below(255))
  }
  return spoilt.equals(body) && body.length > 0
    ? Buffer.from(body.map((byte, n) => (n === 0 ? byte ^ 1 : byte)))
    : spoilt
}

const TICK_MS = 20

const drip = (res: ServerResponse, answer: Answer, bytesPerSecond: number): void => {
  startAnswer(res, answer, answer.body.length)
  const step = Math.max(1, Math.floor((bytesPerSecond * TICK_MS) / 1000))
  let sent = 0
  const timer = setInterval(() => {
    if (res.destroyed) return clearInterval(timer)
    res.write(answer.body.subarray(sent, sent + step))
    sent += step
    if (sent < answer.body.length) return
    clearInterval(timer)
    res.end()
  }, TICK_MS)
  res.once('close', () => clearInterval(timer))
}

type BodyFault = Extract<
  Fault,
  { kind: 'bandwidth' | 'reset' | 'reset-body' | 'truncate' | 'short' | 'wrong-bytes' | 'stall' | 'empty' | 'html' }
>

export const PAGE_OF_A_PROXY =
  '<!DOCTYPE html>\n<html><head><title>We will be right back</title></head>\n<body><h1>Service temporarily unavailable</h1></body></html>\n'

const page = (status: number, body: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: Buffer.from(body),
})

/** What sends `answer` with the fault in it. */
export const spoilAnswer = (
  res: ServerResponse,
  answer: Answer,
  how: { fault: BodyFault; random: Random },
): (() => void) => {
  const { fault, random } = how
  const half = 'at' in fault ? (fault.at ?? 0.5) : 0.5
  switch (fault.kind) {
    case 'reset':
      return () => resetConnection(res)
    case 'bandwidth':
      return () => drip(res, answer, fault.bytesPerSecond)
    case 'reset-body':
      return () => sendPart(res, answer, { at: half, sent: () => resetConnection(res) })
    case 'truncate':
      // Half-closed first, so that the part which was sent still arrives.
      return () => sendPart(res, answer, { at: half, sent: () => res.socket?.destroySoon() })
    case 'short':
      return () => sendAnswer(res, { ...answer, body: cut(answer.body, half) })
    case 'wrong-bytes':
      return () => sendAnswer(res, { ...answer, body: spoil(answer.body, fault.bytes ?? 1, random) })
    case 'stall':
      return () => sendPart(res, answer, { at: fault.at ?? 0, sent: () => {} })
    case 'empty':
      return () => sendAnswer(res, { status: 200, headers: {}, body: Buffer.alloc(0) })
    case 'html':
      return () => sendAnswer(res, page(200, PAGE_OF_A_PROXY))
  }
}
