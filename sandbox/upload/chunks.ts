import { badRequest } from '../errors.ts'
import type { Cloud, Content } from '../state.ts'
import { contentOfPieces } from './multipart.ts'
import type { SentFile } from './request.ts'

const SMALLEST_PART = 5 * 1024 * 1024
const MOST_PARTS = 10_000

/** Where one piece of a chunked upload belongs. */
interface Piece {
  readonly uploadId: string
  /** Its first byte's offset, or its number, from 1, where parts are numbered. */
  readonly at: number
  readonly numbered: boolean
  /** Bytes or parts in all; null while the sender does not know. */
  readonly total: number | null
  readonly last: boolean
}

type Header = (name: string) => string | undefined

const numberedPiece = (header: Header, uploadId: string): Piece => {
  const at = Number(header('x-upload-part-number'))
  const total = Number(header('x-upload-total-parts') ?? Number.NaN)
  if (!Number.isInteger(at) || at < 1 || at > MOST_PARTS) throw badRequest('Invalid X-Upload-Part-Number header')
  const known = Number.isInteger(total) && total > 0
  if (known && at > total) throw badRequest('Invalid X-Upload-Part-Number header')
  return { uploadId, at, numbered: true, total: known ? total : null, last: known && at === total }
}

const rangedPiece = (range: string, uploadId: string, size: number): Piece => {
  const found = /^bytes (\d+)-(\d+)\/(-1|\*|\d+)$/.exec(range.trim())
  if (found === null) throw badRequest('Invalid Content-Range header')
  const [start, end] = [Number(found[1]), Number(found[2])]
  const total = found[3] === '-1' || found[3] === '*' ? null : Number(found[3])
  if (end - start + 1 !== size || (total !== null && end >= total)) throw badRequest('Invalid Content-Range header')
  return { uploadId, at: start, numbered: false, total, last: total !== null && end + 1 === total }
}

const pieceOf = (header: Header, size: number): Piece | undefined => {
  const uploadId = header('x-unique-upload-id')
  const range = header('content-range')
  const number = header('x-upload-part-number')
  if (range === undefined && number === undefined) return undefined
  if (uploadId === undefined || uploadId === '') throw badRequest('Missing X-Unique-Upload-Id header')
  return number === undefined ? rangedPiece(range ?? '', uploadId, size) : numberedPiece(header, uploadId)
}

/** The parts in order when none is missing. */
const complete = (received: ReadonlyMap<number, Buffer>, piece: Piece, total: number | null): Buffer[] | undefined => {
  if (total === null) return undefined
  const ordered = [...received].sort(([a], [b]) => a - b)
  let expected = piece.numbered ? 1 : 0
  for (const [at, bytes] of ordered) {
    if (at > expected) return undefined
    if (at < expected) throw badRequest('Invalid Content-Range header')
    expected += piece.numbered ? 1 : bytes.length
  }
  const reached = piece.numbered ? expected - 1 : expected
  return reached === total ? ordered.map(([, bytes]) => bytes) : undefined
}

export interface ChunkedFile {
  /** Null while parts are missing. */
  readonly file: SentFile | null
  /** Received so far. */
  readonly bytes: number
}

/**
 * Takes one part of a chunked upload; undefined when the request is not one. The same part again takes the place of the
 * first, in any order; the answer to the part that makes the file complete is that of the whole upload.
 */
export const takeChunk = (
  cloud: Cloud,
  sent: SentFile,
  { header, now }: { header: Header; now: number },
): ChunkedFile | undefined => {
  const piece = pieceOf(header, sent.content.size)
  if (piece === undefined) return undefined
  if (!piece.last && sent.content.size < SMALLEST_PART) {
    throw badRequest('All parts except EOF-chunk must be larger than 5mb')
  }
  const known = cloud.uploads.get(piece.uploadId)
  const upload = known ?? { received: new Map<number, Buffer>(), total: null, startedAt: now }
  if (known === undefined) cloud.uploads.set(piece.uploadId, upload)
  if (piece.total !== null) upload.total = piece.total
  upload.received.set(piece.at, sent.content.read(0, sent.content.size - 1))
  const parts = complete(upload.received, piece, upload.total)
  const bytes = [...upload.received.values()].reduce((sum, part) => sum + part.length, 0)
  if (parts === undefined) return { file: null, bytes }
  cloud.uploads.delete(piece.uploadId)
  const content: Content = contentOfPieces(parts)
  return { file: { filename: sent.filename, content }, bytes }
}
