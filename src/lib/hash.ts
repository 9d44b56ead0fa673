import { createHash } from 'node:crypto'

/** What bytes turned out to be, once the last of them went by. Digests are lower-case hex. */
interface Measured {
  readonly size: number
  readonly sha256: string
  /** Null when it was not asked for; MD5 costs more than SHA-256 on processors that have SHA instructions. */
  readonly md5: string | null
}

/** Takes bytes in pieces. `finish` ends it: it may be called once, and no `update` may follow. */
export interface HashTap {
  update(chunk: Uint8Array): void
  /** Bytes taken so far. */
  readonly size: number
  finish(): Measured
}

export const createHashTap = (options: { md5: boolean } = { md5: true }): HashTap => {
  const sha256 = createHash('sha256')
  const md5 = options.md5 ? createHash('md5') : null
  let size = 0
  return {
    update(chunk) {
      size += chunk.byteLength
      sha256.update(chunk)
      md5?.update(chunk)
    },
    get size() {
      return size
    },
    finish: () => ({ size, sha256: sha256.digest('hex'), md5: md5?.digest('hex') ?? null }),
  }
}

/** Lets bytes through unchanged while a tap looks on. */
export async function* tapped(source: AsyncIterable<Uint8Array>, tap: HashTap): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    tap.update(chunk)
    yield chunk
  }
}

/** Lower-case hex SHA-256 of bytes, or of a text in UTF-8. */
export const sha256Hex = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

/** Lower-case hex SHA-256 of bytes that come in pieces. */
export const sha256Of = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}
