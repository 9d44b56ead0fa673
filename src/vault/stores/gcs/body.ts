import { createHash } from 'node:crypto'
import { AppError } from '../../../model/errors.ts'
import { checkSignal } from '../../interrupt.ts'
import type { Body, Bytes } from '../../store.ts'

const wrongLength = (key: string, body: Body, total: string): AppError =>
  new AppError('OBJECT_CORRUPT', `the body for ${key} has ${total} bytes, not ${body.size} as announced`)

/** In memory it is read where it lies. */
const sourceOf = (key: string, body: Body): Bytes | readonly Uint8Array[] => {
  if (body.memory === undefined) return body.open()
  if (body.memory.byteLength !== body.size) throw wrongLength(key, body, String(body.memory.byteLength))
  return [body.memory]
}

/** A run of a body, all of them together the whole of it. */
export interface Chunk {
  readonly start: number
  /** Pieces in their order; not to be used after the next chunk was asked for. */
  readonly parts: readonly Uint8Array[]
  readonly size: number
  /** The whole body's MD5 in base64, with the last chunk only. */
  readonly md5: string | null
}

/**
 * Cuts a body into chunks of `size` bytes, the last one shorter and never empty unless the body is. Throws OBJECT_CORRUPT
 * before the last chunk when the body is not as long as it says, and what the body itself throws.
 */
export async function* chunksOf(
  key: string,
  body: Body,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Chunk, void, void> {
  const hash = createHash('md5')
  let parts: Uint8Array[] = []
  let start = 0
  let held = 0
  for await (const piece of sourceOf(key, body)) {
    checkSignal(signal, `writing ${key}`)
    if (start + held + piece.byteLength > body.size) throw wrongLength(key, body, `more than ${body.size}`)
    hash.update(piece)
    // Copied unless it lies in memory anyway: a source may use its buffer again for the next piece.
    let rest = body.memory === undefined ? Buffer.from(piece) : piece
    while (held + rest.byteLength > size) {
      const part = rest.subarray(0, size - held)
      yield { start, parts: [...parts, part], size, md5: null }
      rest = rest.subarray(part.byteLength)
      start += size
      parts = []
      held = 0
    }
    if (rest.byteLength > 0) parts.push(rest)
    held += rest.byteLength
  }
  if (start + held !== body.size) throw wrongLength(key, body, String(start + held))
  checkSignal(signal, `writing ${key}`)
  yield { start, parts, size: held, md5: hash.digest('base64') }
}

/** The bytes of a chunk from a position within it on. */
export const tailOf = (parts: readonly Uint8Array[], skip: number): Uint8Array[] => {
  const tail: Uint8Array[] = []
  let left = skip
  for (const part of parts) {
    if (left < part.byteLength) tail.push(part.subarray(left))
    left = Math.max(0, left - part.byteLength)
  }
  return tail
}
