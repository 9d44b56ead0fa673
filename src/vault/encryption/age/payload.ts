import { createCipheriv, createDecipheriv } from 'node:crypto'
import { AppError } from '../../../model/errors.ts'
import type { Sealing } from './header.ts'
import { PREFIX_SIZE } from './header.ts'

/**
 * The payload of an age file (C2SP age.md, "Payload"): chunks of 64 KiB, each encrypted and authenticated with
 * ChaCha20-Poly1305. The nonce is the number of the chunk, and says which is the last, so that chunks can be neither
 * exchanged nor left out. Only an empty file has an empty chunk.
 */
export const CHUNK_SIZE = 64 * 1024
const TAG_SIZE = 16
export const SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE
const CIPHER = 'chacha20-poly1305'
/** Chunks handed on together: a store does better with fewer, larger pieces. */
const BATCH = 4

const chunksIn = (size: number): number => Math.max(1, Math.ceil(size / CHUNK_SIZE))

/** Length of the whole file, header included, for so many bytes. */
export const sealedSize = (size: number): number => PREFIX_SIZE + size + TAG_SIZE * chunksIn(size)

/** How many bytes a file of this length holds; null when no file has this length. */
export const plainSize = (sealed: number): number | null => {
  const payload = sealed - PREFIX_SIZE
  const size = payload - TAG_SIZE * Math.max(1, Math.ceil(payload / SEALED_CHUNK_SIZE))
  return size >= 0 && sealedSize(size) === sealed ? size : null
}

const nonceOf = (index: number, isLast: boolean): Buffer => {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

const sealChunk = (key: Uint8Array, index: number, isLast: boolean, plain: Uint8Array): [Buffer, Buffer] => {
  const cipher = createCipheriv(CIPHER, key, nonceOf(index, isLast), { authTagLength: TAG_SIZE })
  const bytes = cipher.update(plain)
  cipher.final()
  return [bytes, cipher.getAuthTag()]
}

/** Null when the chunk is not what was sealed: nothing of it may be believed. */
const openChunk = (key: Uint8Array, index: number, isLast: boolean, sealed: Uint8Array): Buffer | null => {
  const size = sealed.length - TAG_SIZE
  if (size < 0 || (size === 0 && index > 0)) return null
  const decipher = createDecipheriv(CIPHER, key, nonceOf(index, isLast), { authTagLength: TAG_SIZE })
  decipher.setAuthTag(sealed.subarray(size))
  const plain = decipher.update(sealed.subarray(0, size))
  try {
    decipher.final()
  } catch {
    return null
  }
  return plain
}

/** The whole file of bytes that are in memory. */
export const sealBytes = (bytes: Uint8Array, { prefix, payloadKey }: Sealing): Buffer => {
  const last = chunksIn(bytes.byteLength) - 1
  const pieces: Buffer[] = [prefix]
  for (let index = 0; index <= last; index++) {
    const plain = bytes.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE)
    pieces.push(...sealChunk(payloadKey, index, index === last, plain))
  }
  return Buffer.concat(pieces)
}

const wrongLength = (what: string, total: number, size: number): AppError =>
  new AppError('OBJECT_CORRUPT', `the body for ${what} has ${total} bytes, not ${size} as announced`)

/** Pieces of exactly the chunk's size, the last one shorter; of nothing, one empty piece. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  size: number,
  what: string,
): AsyncGenerator<Uint8Array, void, void> {
  const held = Buffer.allocUnsafe(CHUNK_SIZE)
  let filled = 0
  let total = 0
  for await (const piece of source) {
    total += piece.byteLength
    if (total > size) throw wrongLength(what, total, size)
    let at = 0
    while (at < piece.byteLength) {
      if (filled === 0 && piece.byteLength - at >= CHUNK_SIZE) {
        yield piece.subarray(at, at + CHUNK_SIZE)
        at += CHUNK_SIZE
        continue
      }
      const part = piece.subarray(at, at + CHUNK_SIZE - filled)
      held.set(part, filled)
      filled += part.byteLength
      at += part.byteLength
      if (filled < CHUNK_SIZE) continue
      yield held
      filled = 0
    }
  }
  if (total !== size) throw wrongLength(what, total, size)
  if (filled > 0 || size === 0) yield held.subarray(0, filled)
}

/**
 * The whole file while its bytes come. The same sealing and the same bytes give the same file. Throws OBJECT_CORRUPT
 * naming `what` instead of ending when `source` does not give exactly `size` bytes.
 */
export async function* sealStream(
  source: AsyncIterable<Uint8Array>,
  size: number,
  sealing: Sealing,
  what: string,
): AsyncGenerator<Buffer, void, void> {
  const last = chunksIn(size) - 1
  let batch: Buffer[] = [sealing.prefix]
  let index = 0
  for await (const chunk of inChunks(source, size, what)) {
    batch.push(...sealChunk(sealing.payloadKey, index, index === last, chunk))
    index += 1
    if (index % BATCH !== 0) continue
    yield Buffer.concat(batch)
    batch = []
  }
  if (batch.length > 0) yield Buffer.concat(batch)
}

/** Takes a payload in pieces of any size and gives back chunks of plain bytes, each after it was authenticated. */
export interface Opener {
  /** Whatever could be opened; to be read to its end before the next piece. */
  push(piece: Uint8Array): Iterable<Buffer>
  /** The chunk that ends the file; to be called when the payload ended. Empty when all that was wanted came before. */
  end(): Buffer
}

export interface Window {
  /** Number of the chunk with which the payload begins. */
  readonly first: number
  /** So many chunks are opened; what comes after them only says that none of them was the last. */
  readonly count: number
}

/** `damaged` makes the error for a chunk that is not what was sealed, or that is missing. */
export const createOpener = (
  key: Uint8Array,
  damaged: () => AppError,
  { first, count }: Window = { first: 0, count: Number.POSITIVE_INFINITY },
): Opener => {
  const held = Buffer.allocUnsafe(SEALED_CHUNK_SIZE)
  let filled = 0
  let opened = 0
  const open = (sealed: Uint8Array, isLast: boolean): Buffer => {
    const plain = openChunk(key, first + opened, isLast, sealed)
    if (plain === null) throw damaged()
    opened += 1
    return plain
  }
  return {
    *push(piece) {
      // Which chunk is the last is known when nothing comes after it. So a full one is held until something does.
      let at = 0
      while (at < piece.byteLength && opened < count) {
        if (filled === 0 && piece.byteLength - at > SEALED_CHUNK_SIZE) {
          yield open(piece.subarray(at, at + SEALED_CHUNK_SIZE), false)
          at += SEALED_CHUNK_SIZE
        } else if (filled === SEALED_CHUNK_SIZE) {
          yield open(held, false)
          filled = 0
        } else {
          const part = piece.subarray(at, at + SEALED_CHUNK_SIZE - filled)
          held.set(part, filled)
          filled += part.byteLength
          at += part.byteLength
        }
      }
    },
    end: () => (opened < count ? open(held.subarray(0, filled), true) : Buffer.alloc(0)),
  }
}
