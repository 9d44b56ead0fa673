/** GIF: flat frames, drawn with palette indexes, packed with LZW. */
import type { Colour } from './canvas.ts'

export interface GifOptions {
  readonly width: number
  readonly height: number
  /** Up to 16. */
  readonly colours: readonly Colour[]
  /** One palette index a pixel. */
  readonly frames: readonly Uint8Array[]
  /** Hundredths of a second a frame. */
  readonly delay: number
}

const COLOUR_BITS = 4
const CLEAR = 1 << COLOUR_BITS
const END = CLEAR + 1

const lzw = (indexes: Uint8Array): Buffer => {
  const out: number[] = []
  let held = 0
  let holding = 0
  let bits = COLOUR_BITS + 1
  let next = END + 1
  let codes = new Map<number, number>()
  const put = (code: number): void => {
    held |= code << holding
    for (holding += bits; holding >= 8; holding -= 8) {
      out.push(held & 0xff)
      held >>>= 8
    }
  }
  put(CLEAR)
  let prefix = indexes[0] ?? 0
  for (const index of indexes.subarray(1)) {
    const key = (prefix << 8) | index
    const known = codes.get(key)
    if (known !== undefined) {
      prefix = known
      continue
    }
    put(prefix)
    prefix = index
    if (next < 4096) {
      // The reader learns each code one step later, so codes grow when the one before is full.
      if (next === 1 << bits) bits++
      codes.set(key, next++)
    } else {
      put(CLEAR)
      bits = COLOUR_BITS + 1
      next = END + 1
      codes = new Map()
    }
  }
  put(prefix)
  if (next === 1 << bits && bits < 12) bits++
  put(END)
  if (holding > 0) out.push(held & 0xff)
  return Buffer.from(out)
}

/** Data in pieces of up to 255 bytes, each after its length. */
const pieces = (data: Buffer): Buffer => {
  const parts: Buffer[] = []
  for (let at = 0; at < data.length; at += 255) {
    const part = data.subarray(at, at + 255)
    parts.push(Buffer.of(part.length), part)
  }
  return Buffer.concat([...parts, Buffer.of(0)])
}

const word = (value: number): Buffer => Buffer.of(value & 0xff, value >> 8)

export const encodeGif = ({ width, height, colours, frames, delay }: GifOptions): Buffer => {
  const table = Buffer.alloc(16 * 3)
  colours.forEach((entry, n) => {
    table.set(entry.map(Math.round), n * 3)
  })
  const screen = Buffer.concat([word(width), word(height), Buffer.of(0xf0 | (COLOUR_BITS - 1), 0, 0)])
  const loop = Buffer.concat([
    Buffer.of(0x21, 0xff, 11),
    Buffer.from('NETSCAPE2.0', 'latin1'),
    Buffer.of(3, 1, 0, 0, 0),
  ])
  const pictures = frames.flatMap((frame) => [
    Buffer.concat([Buffer.of(0x21, 0xf9, 4, 4), word(delay), Buffer.of(0, 0)]),
    Buffer.concat([Buffer.of(0x2c, 0, 0, 0, 0), word(width), word(height), Buffer.of(0, COLOUR_BITS)]),
    pieces(lzw(frame)),
  ])
  return Buffer.concat([Buffer.from('GIF89a', 'latin1'), screen, table, loop, ...pictures, Buffer.of(0x3b)])
}
