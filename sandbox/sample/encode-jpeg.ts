/** Baseline JPEG (JFIF, 4:2:0): colour planes, cosine transform, quantization, Huffman codes. */
import type { Canvas } from './canvas.ts'
import { HUFFMAN, type HuffmanTable, quantization, ZIGZAG } from './jpeg-tables.ts'

interface Plane {
  readonly width: number
  readonly samples: Float32Array
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
  const y = new Float32Array(wide * high)
  const cb = new Float32Array((wide * high) / 4)
  const cr = new Float32Array((wide * high) / 4)
  for (let row = 0; row < high; row++) {
    const source = Math.min(row, height - 1) * width
    const coarse = (row >> 1) * (wide >> 1)
    for (let column = 0; column < wide; column++) {
      const at = (source + (column < width ? column : width - 1)) * 3
      const red = pixels[at] ?? 0
      const green = pixels[at + 1] ?? 0
      const blue = pixels[at + 2] ?? 0
      const luma = 0.299 * red + 0.587 * green + 0.114 * blue
      const fourth = coarse + (column >> 1)
      y[row * wide + column] = luma - 128
      cb[fourth] = (cb[fourth] ?? 0) + (blue - luma) * 0.141
      cr[fourth] = (cr[fourth] ?? 0) + (red - luma) * 0.178317
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
  const [i1, i2, i3, i4, i5, i6, i7] = [
    at + step,
    at + step * 2,
    at + step * 3,
    at + step * 4,
    at + step * 5,
    at + step * 6,
    at + step * 7,
  ]
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

const putValue = (bits: BitWriter, value: number, length: number): void =>
  bits.put(value < 0 ? value + (1 << length) - 1 : value, length)
const lengthOf = (value: number): number => 32 - Math.clz32(value < 0 ? -value : value)

/** Copies 8 by 8 samples; says whether they are all the same, which in pictures made of shapes most are. */
const load = ({ samples, width }: Plane, x: number, y: number): boolean => {
  const first = samples[y * width + x] ?? 0
  let flat = true
  for (let row = 0; row < 8; row++) {
    const from = (y + row) * width + x
    for (let column = 0; column < 8; column++) {
      const sample = samples[from + column] ?? 0
      if (sample !== first) flat = false
      block[row * 8 + column] = sample
    }
  }
  return flat
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

const putBlock = (bits: BitWriter, component: Component, place: { x: number; y: number }): void => {
  if (load(component.plane, place.x, place.y)) {
    putDc(bits, component, Math.round((block[0] ?? 0) * 64 * (component.divisors[0] ?? 0)))
    bits.put(component.ac.codes[0] ?? 0, component.ac.lengths[0] ?? 0)
    return
  }
  for (let n = 0; n < 8; n++) transformEight(block, n * 8, 1)
  for (let n = 0; n < 8; n++) transformEight(block, n, 8)
  let last = 0
  for (let n = 0; n < 64; n++) {
    const at = ZIGZAG[n] ?? 0
    const value = Math.round((block[at] ?? 0) * (component.divisors[at] ?? 0))
    coefficients[n] = value
    if (value !== 0) last = n
  }
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
  const coarse = { divisors: divisors(tables.chrominance), dc: HUFFMAN.dcChrominance, ac: HUFFMAN.acChrominance }
  const luma: Component = {
    plane: planes.y,
    divisors: divisors(tables.luminance),
    dc: HUFFMAN.dcLuminance,
    ac: HUFFMAN.acLuminance,
    previous: 0,
  }
  const cb: Component = { plane: planes.cb, ...coarse, previous: 0 }
  const cr: Component = { plane: planes.cr, ...coarse, previous: 0 }
  const bits = createBitWriter(Math.ceil((canvas.width * canvas.height) / 8) + 1024)
  for (let y = 0; y < canvas.height; y += 16) {
    for (let x = 0; x < canvas.width; x += 16) {
      for (const [dx, dy] of QUARTERS) putBlock(bits, luma, { x: x + dx, y: y + dy })
      putBlock(bits, cb, { x: x >> 1, y: y >> 1 })
      putBlock(bits, cr, { x: x >> 1, y: y >> 1 })
    }
  }
  return Buffer.concat([...headers(canvas, tables), bits.finish(), Buffer.of(0xff, 0xd9)])
}

const QUARTERS: readonly (readonly [number, number])[] = [
  [0, 0],
  [8, 0],
  [0, 8],
  [8, 8],
]
