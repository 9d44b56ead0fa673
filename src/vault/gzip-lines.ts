import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { createHashTap, tapped } from '../lib/hash.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { fileBody, memoryBody } from './body.ts'
import { interrupted } from './interrupt.ts'
import type { Body, Bytes } from './store.ts'

/** Lines are handed to the compressor in batches of this many characters. */
const BATCH = 64 * 1024
const PIECE = 256 * 1024
/** A line is one asset's records; one that passes this is not a line of ours. */
const LONGEST_LINE = 64 * 1024 * 1024
/** The byte of a gzip header that names the system; 255 is "unknown", so that equal lines give equal bytes everywhere. */
const SYSTEM_BYTE = 9

export interface PackedLines {
  readonly digest: string
  readonly size: number
  readonly lines: number
  readonly body: Body
  /** Removes the scratch file, if there is one. */
  discard(): Promise<void>
}

export interface PackOptions {
  /** A path that nobody else uses, for output too large for memory. */
  readonly scratch: () => string
  /** Bytes kept in memory before they go to the scratch file. @default 4 MiB */
  readonly memory?: number
  readonly signal?: AbortSignal | undefined
}

async function* batches(
  lines: AsyncIterable<string> | Iterable<string>,
  counted: { lines: number },
): AsyncGenerator<Buffer, void, void> {
  let batch: string[] = []
  let length = 0
  for await (const line of lines) {
    if (line.includes('\n')) throw new RangeError('a line to be kept contains a line end')
    counted.lines += 1
    batch.push(line, '\n')
    length += line.length + 1
    if (length < BATCH) continue
    yield Buffer.from(batch.join(''), 'utf8')
    batch = []
    length = 0
  }
  if (length > 0) yield Buffer.from(batch.join(''), 'utf8')
}

interface Spool {
  add(piece: Uint8Array): Promise<void>
  end(): Promise<Body>
  discard(): Promise<void>
}

/** Keeps what comes in memory, and from a certain size on in a file. */
const createSpool = (memory: number, scratch: () => string): Spool => {
  let pieces: Uint8Array[] = []
  let held = 0
  let total = 0
  let path: string | null = null
  let handle: FileHandle | null = null
  const spill = async (): Promise<void> => {
    if (handle === null) {
      path = scratch()
      await mkdir(dirname(path), { recursive: true })
      handle = await open(path, 'wx', 0o600)
    }
    for (const piece of pieces) await handle.appendFile(piece)
    pieces = []
    held = 0
  }
  return {
    async add(piece) {
      pieces.push(piece)
      held += piece.byteLength
      total += piece.byteLength
      if (held > memory) await spill()
    },
    async end() {
      if (handle === null || path === null) return memoryBody(Buffer.concat(pieces))
      await spill()
      await handle.close()
      handle = null
      return fileBody(path, total)
    },
    async discard() {
      await handle?.close()
      handle = null
      if (path !== null) await unlink(path).catch(() => {})
    },
  }
}

/** Compresses lines; equal lines give equal bytes. Memory is bounded whatever comes. */
export const packLines = async (
  lines: AsyncIterable<string> | Iterable<string>,
  options: PackOptions,
): Promise<PackedLines> => {
  const spool = createSpool(options.memory ?? 4 * 1024 * 1024, options.scratch)
  const tap = createHashTap({ md5: false })
  const counted = { lines: 0 }
  const take = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const piece of source) {
      const at = SYSTEM_BYTE - tap.size
      if (at >= 0 && at < piece.length) piece[at] = 255
      tap.update(piece)
      await spool.add(piece)
    }
  }
  const { signal } = options
  try {
    await pipeline(
      batches(lines, counted),
      createGzip({ level: 6, chunkSize: BATCH }),
      take,
      signal === undefined ? {} : { signal },
    )
    const body = await spool.end()
    const { sha256, size } = tap.finish()
    return { digest: sha256, size, lines: counted.lines, body, discard: spool.discard }
  } catch (error) {
    await spool.discard()
    if (signal?.aborted === true) throw interrupted(signal, 'compressing lines')
    throw error
  }
}

async function* unpack(bytes: Bytes, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, void> {
  const gunzip = createGunzip({ chunkSize: PIECE })
  const feeding = pipeline(bytes, gunzip, signal === undefined ? {} : { signal })
  // Whatever it says, the loop below hears it from the stream too; this keeps it from being called unhandled.
  feeding.catch(() => {})
  for await (const piece of gunzip) yield piece as Buffer
  await feeding
}

async function* splitLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let begun: string[] = []
  let length = 0
  for await (const piece of pieces) {
    const text = decoder.decode(piece, { stream: true })
    let from = 0
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      begun.push(text.slice(from, at))
      yield begun.length === 1 ? (begun[0] ?? '') : begun.join('')
      begun = []
      length = 0
      from = at + 1
    }
    if (from === text.length) continue
    begun.push(text.slice(from))
    length += text.length - from
    if (length > LONGEST_LINE) throw new RangeError(`a line is longer than ${LONGEST_LINE} characters`)
  }
  begun.push(decoder.decode())
  const last = begun.join('')
  if (last !== '') yield last
}

/**
 * The lines of a gzip object while it is read. The digest is known only after the last byte: a reader that goes to
 * the end hears of a wrong one (OBJECT_CORRUPT) instead of an end, so what it gathered must not count before.
 */
export async function* unpackLines(
  bytes: Bytes,
  digest: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void, void> {
  const tap = createHashTap({ md5: false })
  const corrupt = (why: string, cause?: unknown): AppError =>
    new AppError('OBJECT_CORRUPT', `object ${digest} is damaged: ${why}`, { cause })
  try {
    yield* splitLines(unpack(tapped(bytes, tap), signal))
  } catch (error) {
    if (signal?.aborted === true) throw interrupted(signal, `reading object ${digest}`)
    throw isAppError(error) ? error : corrupt('it does not unpack', error)
  }
  const found = tap.finish().sha256
  if (found !== digest) throw corrupt(`its bytes have the SHA-256 ${found}`)
}
