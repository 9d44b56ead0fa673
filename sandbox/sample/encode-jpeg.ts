/** Baseline JPEG (JFIF, 4:2:0): colour planes, cosine transform, quantization, Huffman codes. */
import type { Canvas } from './canvas.ts'
import { HUFFMAN, type HuffmanTable, quantization, ZIGZAG } from './jpeg-tables.ts'

interface Plane {
  readonly width: number
  /** Around zero. */
  readonly samples: Int16Array
}

interface Planes {
  readonly y: Plane
  readonly cb: Plane
  readonly cr: Plane
}

/** Whole 16 by 16 units; beyond the edge the last pixel goes on. Colour is kept at half the width and height. */
const planesOf = ({ width, height, pixels }: Canvas): Planes => {
  const wide = Math.ceil(width / 16) * 16
  const high = Math.ceil(height / 16) * 16
  const y = new Int16Array(wide * high)
  const cb = new Int16Array((wide * high) / 4)
  const cr = new Int16Array((wide * high) / 4)
  for (let row = 0; row < high; row++) {
    let at = Math.min(row, height - 1) * width * 3
    const start = row * wide
    for (let column = 0; column < width; column++, at += 3) {
      y[start + column] =
        ((77 * (pixels[at] ?? 0) + 150 * (pixels[at + 1] ?? 0) + 29 * (pixels[at + 2] ?? 0) + 128) >> 8) - 128
    }
    y.fill(y[start + width - 1] ?? 0, start + width, start + wide)
  }
  for (let row = 0; row < high; row += 2) {
    const upper = Math.min(row, height - 1) * width
    const lower = Math.min(row + 1, height - 1) * width
    for (let column = 0; column < wide; column += 2) {
      const left = Math.min(column, width - 1)
      const right = Math.min(column + 1, width - 1)
      const a = (upper + left) * 3
      const b = (upper + right) * 3
      const c = (lower + left) * 3
      const d = (lower + right) * 3
      const red = (pixels[a] ?? 0) + (pixels[b] ?? 0) + (pixels[c] ?? 0) + (pixels[d] ?? 0)
      const green = (pixels[a + 1] ?? 0) + (pixels[b + 1] ?? 0) + (pixels[c + 1] ?? 0) + (pixels[d + 1] ?? 0)
      const blue = (pixels[a + 2] ?? 0) + (pixels[b + 2] ?? 0) + (pixels[c + 2] ?? 0) + (pixels[d + 2] ?? 0)
      // Sums of four, so all shares are of 1024.
      const luma = (77 * red + 150 * green + 29 * blue) >> 8
      const at = (row >> 1) * (wide >> 1) + (column >> 1)
      cb[at] = ((blue - luma) * 144 + 512) >> 10
      cr[at] = ((red - luma) * 183 + 512) >> 10
    }
  }
  return {
    y: { width: wide, samples: y },
    cb: { width: wide >> 1, samples: cb },
    cr: { width: wide >> 1, samples: cr },
  }
}

const C4 = Math.SQRT1_2
const C6 = Math.sin(Math.PI / 8)
const C2_MINUS_C6 = Math.cos(Math.PI / 8) - C6
const C2_PLUS_C6 = Math.cos(Math.PI / 8) + C6

/** Eight samples, `step` apart, by the scheme of Arai, Agui and Nakajima: five multiplications, the rest is in the quantizer. */
const transformEight = (block: Float32Array, at: number, step: number): void => {
  const i1 = at + step * 1
  const i2 = at + step * 2
  const i3 = at + step * 3
  const i4 = at + step * 4
  const i5 = at + step * 5
  const i6 = at + step * 6
  const i7 = at + step * 7
  const b0 = block[at] ?? 0
  const b1 = block[i1] ?? 0
  const b2 = block[i2] ?? 0
  const b3 = block[i3] ?? 0
  const b4 = block[i4] ?? 0
  const b5 = block[i5] ?? 0
  const b6 = block[i6] ?? 0
  const b7 = block[i7] ?? 0
  const outer = b0 + b7 + b3 + b4
  const inner = b1 + b6 + b2 + b5
  const turn = (b0 + b7 - b3 - b4 + (b1 + b6 - b2 - b5)) * C4
  block[at] = outer + inner
  block[i4] = outer - inner
  block[i2] = b0 + b7 - b3 - b4 + turn
  block[i6] = b0 + b7 - b3 - b4 - turn
  const d10 = b3 - b4 + b2 - b5
  const d12 = b1 - b6 + b0 - b7
  const z5 = (d10 - d12) * C6
  const z2 = C2_MINUS_C6 * d10 + z5
  const z4 = C2_PLUS_C6 * d12 + z5
  const z3 = (b2 - b5 + b1 - b6) * C4
  block[i5] = b0 - b7 - z3 + z2
  block[i3] = b0 - b7 - z3 - z2
  block[i1] = b0 - b7 + z3 + z4
  block[i7] = b0 - b7 + z3 - z4
}

const AAN = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => (k === 0 ? 1 : Math.cos((k * Math.PI) / 16) * Math.SQRT2))
const divisors = (table: Uint8Array): Float32Array =>
  Float32Array.from(table, (value, n) => 1 / (value * (AAN[n >> 3] ?? 1) * (AAN[n & 7] ?? 1) * 8))

interface BitWriter {
  put(code: number, length: number): void
  finish(): Buffer
}

const createBitWriter = (guess: number): BitWriter => {
  let bytes = new Uint8Array(guess)
  let size = 0
  let held = 0
  let holding = 0
  const flushByte = (): void => {
    if (size + 2 > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
    const byte = (held >> (holding - 8)) & 0xff
    bytes[size++] = byte
    // Within the coded data ff means a marker, unless 00 follows.
    if (byte === 0xff) bytes[size++] = 0
    holding -= 8
  }
  return {
    put(code, length) {
      held = ((held & ((1 << holding) - 1)) << length) | code
      holding += length
      while (holding >= 8) flushByte()
    },
    finish() {
      if (holding > 0) this.put(0x7f >> (holding - 1), 8 - holding)
      return Buffer.from(bytes.buffer, 0, size)
    },
  }
}

interface Component {
  readonly plane: Plane
  readonly divisors: Float32Array
  readonly dc: HuffmanTable
  readonly ac: HuffmanTable
  previous: number
}

const block = new Float32Array(64)
const coefficients = new Int16Array(64)
/** Of this module's own, because the innermost loop reads it. */
const zigzag = ZIGZAG

const putValue = (bits: BitWriter, value: number, length: number): void =>
  bits.put(value < 0 ? value + (1 << length) - 1 : value, length)
const lengthOf = (value: number): number => 32 - Math.clz32(value < 0 ? -value : value)

/**
 * Copies 8 by 8 samples, and says how they vary: not at all, only from row to row, or any way. In pictures made of
 * shapes and skies most blocks are of the first two kinds, which need little or no work.
 */
const load = ({ samples, width }: Plane, start: number): 'none' | 'down' | 'any' => {
  let across = false
  for (let row = 0; row < 8; row++) {
    const from = start + row * width
    const first = samples[from] ?? 0
    for (let column = 0; column < 8; column++) {
      const sample = samples[from + column] ?? 0
      if (sample !== first) across = true
      block[row * 8 + column] = sample
    }
  }
  if (across) return 'any'
  for (let row = 8; row < 64; row += 8) if (block[row] !== block[0]) return 'down'
  return 'none'
}

/** Rounds to nearest: much faster than Math.round, and right between -16384 and 16384, where coefficients are. */
const round = (value: number): number => ((value + 16384.5) | 0) - 16384

/** Where the first column's coefficients stand in the order of the zigzag. */
const FIRST_COLUMN = Array.from({ length: 8 }, (_, row) => ZIGZAG.indexOf(row * 8))

/** Of the first column alone, whose samples stand for their whole rows. */
const transformRows = (divisors: Float32Array): number => {
  for (let row = 0; row < 64; row += 8) block[row] = (block[row] ?? 0) * 8
  transformEight(block, 0, 8)
  coefficients.fill(0)
  let last = 0
  for (let row = 0; row < 8; row++) {
    const value = round((block[row * 8] ?? 0) * (divisors[row * 8] ?? 0))
    const n = FIRST_COLUMN[row] ?? 0
    coefficients[n] = value
    if (value !== 0) last = n
  }
  return last
}

const transformAll = (divisors: Float32Array): number => {
  for (let n = 0; n < 8; n++) transformEight(block, n * 8, 1)
  for (let n = 0; n < 8; n++) transformEight(block, n, 8)
  let last = 0
  for (let n = 0; n < 64; n++) {
    const at = zigzag[n] ?? 0
    const value = round((block[at] ?? 0) * (divisors[at] ?? 0))
    coefficients[n] = value
    if (value !== 0) last = n
  }
  return last
}

const putDc = (bits: BitWriter, component: Component, value: number): void => {
  const difference = value - component.previous
  component.previous = value
  const length = lengthOf(difference)
  bits.put(component.dc.codes[length] ?? 0, component.dc.lengths[length] ?? 0)
  if (length > 0) putValue(bits, difference, length)
}

const putAc = (bits: BitWriter, { codes, lengths }: HuffmanTable, last: number): void => {
  let zeros = 0
  for (let n = 1; n <= last; n++) {
    const value = coefficients[n] ?? 0
    if (value === 0) {
      zeros++
      continue
    }
    for (; zeros > 15; zeros -= 16) bits.put(codes[0xf0] ?? 0, lengths[0xf0] ?? 0)
    const length = lengthOf(value)
    const symbol = (zeros << 4) | length
    bits.put(codes[symbol] ?? 0, lengths[symbol] ?? 0)
    putValue(bits, value, length)
    zeros = 0
  }
  if (last < 63) bits.put(codes[0] ?? 0, lengths[0] ?? 0)
}

const putBlock = (bits: BitWriter, component: Component, start: number): void => {
  const varies = load(component.plane, start)
  if (varies === 'none') {
    putDc(bits, component, round((block[0] ?? 0) * 64 * (component.divisors[0] ?? 0)))
    bits.put(component.ac.codes[0] ?? 0, component.ac.lengths[0] ?? 0)
    return
  }
  const last = varies === 'down' ? transformRows(component.divisors) : transformAll(component.divisors)
  putDc(bits, component, coefficients[0] ?? 0)
  putAc(bits, component.ac, last)
}

const marker = (code: number, ...body: (number | Uint8Array)[]): Buffer => {
  const data = Buffer.concat(body.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)))
  const head = Buffer.of(0xff, code, (data.length + 2) >> 8, (data.length + 2) & 0xff)
  return Buffer.concat([head, data])
}

const word = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff)
const huffman = (id: number, table: HuffmanTable): Buffer => marker(0xc4, id, table.counts, table.symbols)
const inZigzag = (table: Uint8Array): Uint8Array => Uint8Array.from(ZIGZAG, (at) => table[at] ?? 1)

const headers = (canvas: Canvas, tables: ReturnType<typeof quantization>): Buffer[] => [
  Buffer.of(0xff, 0xd8),
  marker(0xe0, Buffer.from('JFIF\0', 'latin1'), Buffer.of(1, 1, 1), word(72), word(72), 0, 0),
  marker(0xdb, 0, inZigzag(tables.luminance)),
  marker(0xdb, 1, inZigzag(tables.chrominance)),
  marker(0xc0, 8, word(canvas.height), word(canvas.width), Buffer.of(3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1)),
  huffman(0x00, HUFFMAN.dcLuminance),
  huffman(0x10, HUFFMAN.acLuminance),
  huffman(0x01, HUFFMAN.dcChrominance),
  huffman(0x11, HUFFMAN.acChrominance),
  marker(0xda, Buffer.of(3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0)),
]

/** Quality from 1 to 100. @default 84 */
export const encodeJpeg = (canvas: Canvas, quality = 84): Buffer => {
  const tables = quantization(quality)
  const planes = planesOf(canvas)
  const chrominance = { divisors: divisors(tables.chrominance), dc: HUFFMAN.dcChrominance, ac: HUFFMAN.acChrominance }
  const luma: Component = {
    plane: planes.y,
    divisors: divisors(tables.luminance),
    dc: HUFFMAN.dcLuminance,
    ac: HUFFMAN.acLuminance,
    previous: 0,
  }
  const cb: Component = { plane: planes.cb, ...chrominance, previous: 0 }
  const cr: Component = { plane: planes.cr, ...chrominance, previous: 0 }
  const bits = createBitWriter(Math.ceil((canvas.width * canvas.height) / 8) + 1024)
  for (let y = 0; y < canvas.height; y += 16) {
    for (let x = 0; x < canvas.width; x += 16) {
      const at = y * planes.y.width + x
      const coarse = (y >> 1) * planes.cb.width + (x >> 1)
      putBlock(bits, luma, at)
      putBlock(bits, luma, at + 8)
      putBlock(bits, luma, at + planes.y.width * 8)
      putBlock(bits, luma, at + planes.y.width * 8 + 8)
      putBlock(bits, cb, coarse)
      putBlock(bits, cr, coarse)
    }
  }
  return Buffer.concat([...headers(canvas, tables), bits.finish(), Buffer.of(0xff, 0xd9)])
}
