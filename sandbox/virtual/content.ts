/** Bytes computed on demand: a header that no other content has, then a window into a pool that all of them share. */
import { createHash } from 'node:crypto'
import { hash, scramble } from '../random.ts'
import type { Content } from '../state.ts'

const POOL_BYTES = 1 << 20
const HEADER_BYTES = 64
/** As much of a PNG, 640 by 480, as an upload looks at: what was downloaded can be uploaded again. */
const IMAGE_HEADER = Buffer.from('89504e470d0a1a0a0000000d4948445200000280000001e0', 'hex')
/** Listing through search asks for the MD5 of everything; big contents are hashed once while they stay in here. */
const REMEMBERED = 50_000

export interface ContentSource {
  /** The content with this number. The same number gives the same bytes, different numbers different ones. */
  content(number: number): Content
}

/** Filled once for each seed: a few milliseconds. */
const fillPool = (seed: number): Buffer => {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let state = scramble(seed ^ 0x51ed270b) | 1
  for (let at = 0; at < POOL_BYTES; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    pool.writeInt32LE(state, at)
  }
  return pool
}

/** A bell curve from three uniform numbers: close enough for sizes, and it has no long tail to blow up the disk. */
const bell = (a: number, b: number, c: number): number => (a + b + c - 1.5) * 2

export const createContentSource = (seed: number, medianBytes: number): ContentSource => {
  const pool = fillPool(seed)
  const remembered = new Map<number, string>()

  const sizeOf = (number: number): number => {
    const uniform = (salt: number): number => hash(number, seed, salt) / 0x1_0000_0000
    return Math.max(
      HEADER_BYTES + 1,
      Math.round(medianBytes * Math.exp(0.9 * bell(uniform(11), uniform(12), uniform(13)))),
    )
  }
  const headerOf = (number: number): Buffer => {
    const text = `sandbox ${seed} ${number}\n`.padEnd(HEADER_BYTES - IMAGE_HEADER.length, '.')
    return Buffer.concat([IMAGE_HEADER, Buffer.from(text, 'latin1')])
  }
  const windowOf = (number: number): number => hash(number, seed, 14) % POOL_BYTES

  const read = (number: number, range: { start: number; end: number }): Buffer => {
    const out = Buffer.allocUnsafe(Math.max(0, range.end - range.start + 1))
    let filled = 0
    if (range.start < HEADER_BYTES)
      filled = headerOf(number).copy(out, 0, range.start, Math.min(HEADER_BYTES, range.end + 1))
    let from = (windowOf(number) + Math.max(0, range.start - HEADER_BYTES)) % POOL_BYTES
    while (filled < out.length) {
      filled += pool.copy(out, filled, from, Math.min(POOL_BYTES, from + out.length - filled))
      from = 0
    }
    return out
  }
  const md5Of = (number: number, size: number): string => {
    const known = remembered.get(number)
    if (known !== undefined) return known
    const md5 = createHash('md5').update(headerOf(number))
    let from = windowOf(number)
    for (let left = size - HEADER_BYTES; left > 0; from = 0) {
      const part = Math.min(left, POOL_BYTES - from)
      md5.update(pool.subarray(from, from + part))
      left -= part
    }
    const hex = md5.digest('hex')
    if (size > 16_384) {
      if (remembered.size >= REMEMBERED) remembered.clear()
      remembered.set(number, hex)
    }
    return hex
  }
  return {
    content(number) {
      const size = sizeOf(number)
      return Object.freeze({
        size,
        get md5() {
          return md5Of(number, size)
        },
        read: (start: number, end: number) => read(number, { start: Math.max(0, start), end: Math.min(end, size - 1) }),
      })
    },
  }
}
