import { contentTypeOf } from '../media/formats.ts'
import type { Content } from '../state.ts'

/** So much of a content is in memory at a time, for each request. */
const SLICE = 256 * 1024

export interface Sending {
  readonly content: Content
  /** For the content type; '' and unknown ones are sent as plain bytes. */
  readonly format: string
  readonly lastModified: number
  readonly headers?: Readonly<Record<string, string>>
}

interface Range {
  readonly start: number
  /** Inclusive. */
  readonly end: number
}

/** One range of bytes. Undefined for what is no such thing and is to be ignored; null for one beyond the end. */
const parseRange = (header: string, size: number): Range | null | undefined => {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (found === null) return undefined
  const [, first = '', last = ''] = found
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Number(last)
    return length === 0 || size === 0 ? null : { start: Math.max(0, size - length), end: size - 1 }
  }
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && Number(last) < start) return undefined
  return start >= size ? null : { start, end }
}

/** Pulled by the socket: a slow reader slows the reading, a reader that leaves ends it. */
const streamOf = (content: Content, range: Range): ReadableStream<Uint8Array> => {
  let at = range.start
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at > range.end) return controller.close()
        const end = Math.min(at + SLICE - 1, range.end)
        controller.enqueue(new Uint8Array(content.read(at, end)))
        at = end + 1
        if (at > range.end) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

const matches = (header: string | null, etag: string): boolean => {
  const tags = header?.split(',') ?? []
  return tags.map((tag) => tag.trim().replace(/^W\//, '')).some((tag) => tag === '*' || tag === etag)
}

/** `If-Range` holds when it names this very content; a date is compared to the second, as it is written. */
const rangeHolds = (header: string | null, etag: string, lastModified: string): boolean =>
  header === null || header === etag || header === lastModified

/** Answers GET and HEAD with the content: whole, a range, or the news that the client has it already. */
export const sendContent = (request: Request, sending: Sending): Response => {
  const { content, format } = sending
  const etag = `"${content.md5}"`
  const lastModified = new Date(sending.lastModified).toUTCString()
  const headers = new Headers({
    'content-type': contentTypeOf(format),
    etag,
    'last-modified': lastModified,
    'accept-ranges': 'bytes',
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    ...sending.headers,
  })
  if (matches(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  const asked = request.headers.get('range')
  const heeded = asked !== null && rangeHolds(request.headers.get('if-range'), etag, lastModified)
  const range = heeded ? parseRange(asked, content.size) : undefined
  if (range === null) {
    headers.set('content-range', `bytes */${content.size}`)
    headers.set('content-length', '0')
    return new Response(null, { status: 416, headers })
  }
  const sent = range ?? { start: 0, end: content.size - 1 }
  headers.set('content-length', String(sent.end - sent.start + 1))
  if (range !== undefined) headers.set('content-range', `bytes ${sent.start}-${sent.end}/${content.size}`)
  const body = request.method === 'HEAD' || content.size === 0 ? null : streamOf(content, sent)
  return new Response(body, { status: range === undefined ? 200 : 206, headers })
}
