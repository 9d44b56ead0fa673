/** An answer that was caught before it left, so that it can be spoiled first. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

type Headers = OutgoingHttpHeaders | readonly (string | number | readonly string[])[]

const setHeaders = (res: ServerResponse, headers: Headers): void => {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
    return
  }
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value: unknown = headers[at + 1]
    res.setHeader(String(headers[at]), Array.isArray(value) ? value.map(String) : String(value))
  }
}

const bytesOf = (chunk: unknown, encoding: unknown): Buffer => {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0)
}

/** The callback among the last arguments of `write` and `end`. */
const callbackOf = (...args: unknown[]): (() => void) | undefined =>
  args.find((arg): arg is () => void => typeof arg === 'function')

/** From now on nothing written to `res` leaves; when it ends, `done` gets all of it and may write for real. */
export const captureAnswer = (res: ServerResponse, done: (answer: Answer) => void): void => {
  const chunks: Buffer[] = []
  // Others, such as the log, may have put functions of their own there.
  const before = { writeHead: res.writeHead, flushHeaders: res.flushHeaders, write: res.write, end: res.end }
  const own = {
    writeHead: (status: number, ...rest: unknown[]): ServerResponse => {
      res.statusCode = status
      const headers = rest.find((arg): arg is Headers => typeof arg === 'object' && arg !== null)
      if (headers !== undefined) setHeaders(res, headers)
      return res
    },
    flushHeaders: (): void => {},
    write: (chunk: unknown, ...rest: unknown[]): boolean => {
      chunks.push(bytesOf(chunk, rest[0]))
      const callback = callbackOf(...rest)
      if (callback !== undefined) process.nextTick(callback)
      return true
    },
    end: (...args: unknown[]): ServerResponse => {
      chunks.push(bytesOf(args[0], args[1]))
      Object.assign(res, before)
      const callback = callbackOf(...args)
      if (callback !== undefined) res.once('finish', callback)
      done({ status: res.statusCode, headers: { ...res.getHeaders() }, body: Buffer.concat(chunks) })
      return res
    },
  }
  Object.assign(res, own)
}

/** Collects the request's body while somebody else reads it. Must be called in the tick in which the request came. */
export const overhear = (req: IncomingMessage): (() => Buffer) => {
  const chunks: Buffer[] = []
  const push = req.push.bind(req)
  req.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
    return push(chunk, encoding)
  }
  return () => Buffer.concat(chunks)
}

/** Sends the answer as it was caught. To HEAD it has a length and no body, so the length is not ours to say. */
export const passAnswer = (res: ServerResponse, answer: Answer): void => {
  res.writeHead(answer.status, answer.headers)
  res.end(answer.body)
}

export const sendAnswer = (res: ServerResponse, answer: Answer): void => {
  startAnswer(res, answer, answer.body.length)
  res.end(answer.body)
}

/** Sends status and headers and promises `length` bytes. */
export const startAnswer = (res: ServerResponse, answer: Answer, length: number): void => {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  const { 'transfer-encoding': _, ...headers } = answer.headers
  res.writeHead(answer.status, { ...headers, 'content-length': length })
  res.flushHeaders()
}
