import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { ApiError, badRequest } from '../errors.ts'
import { type Params, parseBody, unflatten } from '../params.ts'
import { rawQuery } from '../raw-path.ts'
import type { Content } from '../state.ts'
import { readMultipart } from './multipart.ts'

export interface SentFile {
  /** As the sender named it; '' when it did not. */
  readonly filename: string
  readonly content: Content
}

export interface UploadRequest {
  readonly params: Params
  /** Bytes in the body. A URL or data URI is the parameter `file` instead. */
  readonly file: SentFile | null
}

/** One request carries this much, however big the asset may become: more goes in chunks. */
const REQUEST_LIMIT = 100 * 1024 * 1024
const JSON_LIMIT = 80 * 1024 * 1024

const tooLarge = (): ApiError => new ApiError(413, 'Request Entity Too Large')

/** The request target as it came in; without a socket, as in tests of the app alone, what the URL still shows. */
export const requestTarget = (c: Context): string => {
  const bindings = c.env as Partial<HttpBindings> | undefined
  const { pathname, search } = new URL(c.req.url)
  return bindings?.incoming?.url ?? pathname + search
}

async function* bodyOf(c: Context): AsyncGenerator<Uint8Array> {
  const body = c.req.raw.body
  if (body === null) return
  const reader = body.getReader()
  for (;;) {
    const next = await reader.read()
    if (next.done) return
    yield next.value
  }
}

const wholeBody = async (c: Context): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of bodyOf(c)) {
    size += piece.length
    if (size <= JSON_LIMIT) pieces.push(piece)
  }
  if (size > JSON_LIMIT) throw tooLarge()
  return Buffer.concat(pieces)
}

const boundaryOf = (contentType: string): string => {
  const found = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined) throw badRequest('Malformed multipart body')
  return boundary
}

/** Reads query and body, in whichever of the three forms it comes; what the body says wins. */
export const readUploadRequest = async (c: Context): Promise<UploadRequest> => {
  const query = unflatten(new URLSearchParams(rawQuery(requestTarget(c))))
  const contentType = c.req.header('content-type') ?? ''
  if (!contentType.toLowerCase().startsWith('multipart/')) {
    return { params: { ...query, ...(await parseBody(await wholeBody(c), contentType)) }, file: null }
  }
  const form = await readMultipart(bodyOf(c), {
    boundary: boundaryOf(contentType),
    maxFileBytes: REQUEST_LIMIT,
    tooLarge,
  })
  const sent = form.files.find((file) => file.name === 'file')
  return {
    params: { ...query, ...unflatten(form.fields) },
    file: sent === undefined ? null : { filename: sent.filename, content: sent.content },
  }
}
