import { request } from 'undici'
import { ApiError, badRequest } from '../errors.ts'
import { contentOf } from '../make-asset.ts'
import { contentOfPieces } from './multipart.ts'
import type { SentFile } from './request.ts'

/** In characters, as the service counts it. */
const DATA_URI_LIMIT = 62_910_000
const REMOTE_LIMIT = 5 * 1024 * 1024 * 1024

const fromDataUri = (uri: string): SentFile => {
  if (uri.length > DATA_URI_LIMIT) {
    throw badRequest(`Invalid URI. URI byte size should not be > ${DATA_URI_LIMIT}. Given ${uri.length}`)
  }
  const comma = uri.indexOf(',')
  if (comma < 0) throw badRequest('Invalid data URI')
  const base64 = /;base64$/i.test(uri.slice(0, comma))
  const data = uri.slice(comma + 1)
  const bytes = base64 ? Buffer.from(data, 'base64') : percentDecoded(data)
  return { filename: '', content: contentOf(bytes) }
}

const percentDecoded = (data: string): Buffer =>
  Buffer.from(
    data.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

const lastSegment = (url: URL): string => {
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const loadingFailed = (url: string, status: number, reason: string): ApiError =>
  new ApiError(status, `Error in loading ${url} - ${reason}`)

/** From this machine alone: the sandbox never reaches out. */
const fromUrl = async (text: string): Promise<SentFile> => {
  const url = new URL(text)
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw loadingFailed(text, 400, 'the sandbox loads from this machine only')
  }
  const credentials =
    url.username === '' ? null : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const headers = credentials === null ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
  try {
    const answer = await request(`${url.origin}${url.pathname}${url.search}`, { headers })
    if (answer.statusCode !== 200) {
      await answer.body.dump()
      const status = answer.statusCode === 404 ? 404 : 400
      throw loadingFailed(text, status, `${answer.statusCode} ${answer.statusCode === 404 ? 'Not Found' : 'Error'}`)
    }
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > REMOTE_LIMIT) throw loadingFailed(text, 400, 'too large')
      pieces.push(piece)
    }
    return { filename: lastSegment(url), content: contentOfPieces(pieces) }
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw loadingFailed(text, 400, 'connection failed')
  }
}

/** What the parameter `file` names. Throws the 400 or 404 of one that can't be loaded. */
export const loadSource = async (file: string): Promise<SentFile> => {
  if (/^data:/i.test(file)) return fromDataUri(file)
  if (/^https?:\/\//i.test(file) && URL.canParse(file)) return fromUrl(file)
  throw badRequest(`Unsupported source URL: ${file.slice(0, 200)}`)
}
