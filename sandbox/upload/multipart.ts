import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { badRequest } from '../errors.ts'
import type { Content } from '../state.ts'

/** A file of a form. Its bytes are the pieces as they came from the socket, never joined to one block. */
export interface FilePart {
  readonly name: string
  readonly filename: string
  readonly content: Content
}

export interface MultipartForm {
  readonly fields: readonly (readonly [string, string])[]
  readonly files: readonly FilePart[]
}

/** A form field longer than this is no parameter; a data URI may be 62 910 000 characters. */
const FIELD_LIMIT = 64 * 1024 * 1024
const HEADER_LIMIT = 16 * 1024

/** The Node SDK writes file names as Latin-1, other clients as UTF-8. */
const headerText = (bytes: Buffer): string => bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')

/** The bytes of `pieces`, one after the other; only what is asked for is copied. */
export const contentOfPieces = (pieces: readonly Buffer[]): Content => {
  const md5 = createHash('md5')
  const starts: number[] = []
  let size = 0
  for (const piece of pieces) {
    starts.push(size)
    md5.update(piece)
    size += piece.length
  }
  const pieceAt = (offset: number): number => {
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
  const read = (start: number, end: number): Buffer => {
    const wanted: Buffer[] = []
    let at = start
    for (let index = pieceAt(start); at <= Math.min(end, size - 1); index++) {
      const piece = pieces[index]
      if (piece === undefined) break
      const from = at - (starts[index] ?? 0)
      wanted.push(piece.subarray(from, from + end - at + 1))
      at += wanted.at(-1)?.length ?? 0
    }
    return wanted.length === 1 && wanted[0] !== undefined ? wanted[0] : Buffer.concat(wanted)
  }
  return { size, md5: md5.digest('hex'), read }
}

/** Reads a stream in two ways only: up to a marker, handing on what lies before it piece by piece, or nothing at all. */
class MarkedStream {
  #kept: Buffer = Buffer.alloc(0)
  readonly #chunks: AsyncIterator<Uint8Array>

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]()
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    this.#kept = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    return true
  }

  /** Calls `take` with all before the marker and consumes the marker. False when the stream ends without it. */
  async upTo(marker: Buffer, take: (piece: Buffer) => void): Promise<boolean> {
    for (;;) {
      const found = this.#kept.indexOf(marker)
      if (found >= 0) {
        if (found > 0) take(this.#kept.subarray(0, found))
        this.#kept = this.#kept.subarray(found + marker.length)
        return true
      }
      // All but what may be the beginning of the marker is surely before it.
      const sure = this.#kept.length - marker.length + 1
      if (sure > 0) {
        take(this.#kept.subarray(0, sure))
        this.#kept = this.#kept.subarray(sure)
      }
      if (!(await this.#more())) return false
    }
  }

  async next(count: number): Promise<Buffer> {
    while (this.#kept.length < count && (await this.#more()));
    const taken = this.#kept.subarray(0, count)
    this.#kept = this.#kept.subarray(taken.length)
    return taken
  }

  /** Reads the rest and forgets it, so that the sender gets to read the answer. */
  async drain(): Promise<void> {
    this.#kept = Buffer.alloc(0)
    while ((await this.#chunks.next()).done !== true);
  }
}

/** `name="a"` with the escapes that browsers (`%22`) and others (`\"`) use; the extended `name*` wins. */
const dispositionParam = (header: string, name: string): string | undefined => {
  const extended = new RegExp(`;\\s*${name}\\*\\s*=\\s*utf-8''([^;\\s]+)`, 'i').exec(header)?.[1]
  if (extended !== undefined) return decodeURIComponent(extended)
  const quoted = new RegExp(`;\\s*${name}\\s*=\\s*"((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(header)?.[1]
  if (quoted !== undefined) return quoted.replace(/\\(["\\])/g, '$1').replaceAll('%22', '"')
  return new RegExp(`;\\s*${name}\\s*=\\s*([^;\\s"]+)`, 'i').exec(header)?.[1]
}

const collect = (limit: number): { pieces: Buffer[]; take(piece: Buffer): void; size(): number } => {
  const pieces: Buffer[] = []
  let size = 0
  return {
    pieces,
    size: () => size,
    take: (piece) => {
      size += piece.length
      if (size <= limit) pieces.push(piece)
      else pieces.length = 0
    },
  }
}

const malformed = (): Error => badRequest('Malformed multipart body')

const CRLF2 = Buffer.from('\r\n\r\n')

export interface MultipartOptions {
  readonly boundary: string
  /** Bytes of a single file; one more and `tooLarge` decides what the sender is told. */
  readonly maxFileBytes: number
  readonly tooLarge: () => Error
}

const readPart = async (
  stream: MarkedStream,
  options: MultipartOptions,
): Promise<{ field?: [string, string]; file?: FilePart }> => {
  const head = collect(HEADER_LIMIT)
  if (!(await stream.upTo(CRLF2, head.take)) || head.size() > HEADER_LIMIT) throw malformed()
  const headers = headerText(Buffer.concat(head.pieces))
  const disposition = /^content-disposition:\s*(.*)$/im.exec(headers)?.[1] ?? ''
  const name = dispositionParam(disposition, 'name')
  const filename = dispositionParam(disposition, 'filename')
  const body = collect(filename === undefined ? FIELD_LIMIT : options.maxFileBytes)
  if (!(await stream.upTo(Buffer.from(`\r\n--${options.boundary}`), body.take))) throw malformed()
  if (name === undefined) return {}
  if (filename === undefined) {
    if (body.size() > FIELD_LIMIT) throw badRequest(`Parameter ${name} is too long`)
    return { field: [name, Buffer.concat(body.pieces).toString('utf8')] }
  }
  if (body.size() > options.maxFileBytes) {
    await stream.drain()
    throw options.tooLarge()
  }
  return { file: { name, filename, content: contentOfPieces(body.pieces) } }
}

/** Reads a `multipart/form-data` body as it arrives. Throws a 400 for one that is cut off or not well formed. */
export const readMultipart = async (
  body: AsyncIterable<Uint8Array>,
  options: MultipartOptions,
): Promise<MultipartForm> => {
  const stream = new MarkedStream(body)
  const fields: [string, string][] = []
  const files: FilePart[] = []
  if (!(await stream.upTo(Buffer.from(`--${options.boundary}`), () => undefined))) throw malformed()
  while ((await stream.next(2)).toString('latin1') === '\r\n') {
    const part = await readPart(stream, options)
    if (part.field !== undefined) fields.push(part.field)
    if (part.file !== undefined) files.push(part.file)
  }
  await stream.drain()
  return { fields, files }
}
