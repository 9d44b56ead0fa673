/** Films of JPEG frames: in AVI as motion JPEG, in the boxes of QuickTime and MP4 as photo JPEG. */

export interface Film {
  readonly width: number
  readonly height: number
  readonly framesPerSecond: number
  /** Each a whole JPEG file. */
  readonly frames: readonly Buffer[]
}

const big = (...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4)
  values.forEach((value, n) => {
    out.writeUInt32BE(value >>> 0, n * 4)
  })
  return out
}
const big16 = (...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 2)
  values.forEach((value, n) => {
    out.writeUInt16BE(value, n * 2)
  })
  return out
}
const box = (name: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([big(body.length + 8), Buffer.from(name, 'latin1'), body])
}
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1')

const TIMESCALE = 600
const IDENTITY = big(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

/** MP4 knows JPEG only as an MPEG-4 stream of object type 0x6c; QuickTime has a codec of that name. */
const sampleEntry = (film: Film, brand: 'mov' | 'mp4'): Buffer => {
  const visual = Buffer.concat([
    Buffer.alloc(6),
    big16(1, 0, 0),
    Buffer.alloc(12),
    big16(film.width, film.height),
    big(0x480000, 0x480000, 0),
    big16(1),
    Buffer.alloc(32),
    big16(24, 0xffff),
  ])
  if (brand === 'mov') return box('jpeg', visual)
  const decoder = Buffer.concat([Buffer.of(0x04, 13, 0x6c, 0x11, 0, 0, 0), big(0, 0)])
  const descriptor = Buffer.concat([Buffer.of(0x03, decoder.length + 6, 0, 1, 0), decoder, Buffer.of(0x06, 1, 2)])
  return box('mp4v', visual, box('esds', big(0), descriptor))
}

const sampleTable = (film: Film, brand: 'mov' | 'mp4', offset: number): Buffer => {
  const { frames } = film
  let at = offset
  const offsets = frames.map((frame) => {
    at += frame.length
    return at - frame.length
  })
  return box(
    'stbl',
    box('stsd', big(0, 1), sampleEntry(film, brand)),
    box('stts', big(0, 1, frames.length, TIMESCALE / film.framesPerSecond)),
    box('stsc', big(0, 1, 1, 1, 1)),
    box('stsz', big(0, 0, frames.length, ...frames.map((frame) => frame.length))),
    box('stco', big(0, frames.length, ...offsets)),
  )
}

const movie = (film: Film, brand: 'mov' | 'mp4', offset: number): Buffer => {
  const duration = (film.frames.length * TIMESCALE) / film.framesPerSecond
  const header = box(
    'mvhd',
    big(0, 0, 0, TIMESCALE, duration, 0x10000),
    big16(0x100, 0),
    big(0, 0),
    IDENTITY,
    Buffer.alloc(24),
    big(2),
  )
  const track = box(
    'tkhd',
    big(3, 0, 0, 1, 0, duration, 0, 0),
    big16(0, 0, 0, 0),
    IDENTITY,
    big(film.width << 16, film.height << 16),
  )
  const handler = box(
    'hdlr',
    big(0),
    ascii(brand === 'mov' ? 'mhlrvide' : '\0\0\0\0vide'),
    Buffer.alloc(12),
    ascii('\0'),
  )
  const source = box('dinf', box('dref', big(0, 1), box('url ', big(1))))
  const media = box(
    'mdia',
    box('mdhd', big(0, 0, 0, TIMESCALE, duration), big16(0x55c4, 0)),
    handler,
    box('minf', box('vmhd', big(1), big16(0, 0, 0, 0)), source, sampleTable(film, brand, offset)),
  )
  return box('moov', header, box('trak', track, media))
}

/** The film's frames per second must divide 600. */
export const encodeMovie = (film: Film, brand: 'mov' | 'mp4'): Buffer => {
  const type =
    brand === 'mov'
      ? box('ftyp', ascii('qt  '), big(0), ascii('qt  '))
      : box('ftyp', ascii('isom'), big(0x200), ascii('isomiso2mp41'))
  // The index stands before the pictures; its length doesn't depend on the offsets in it.
  const offset = type.length + movie(film, brand, 0).length + 8
  return Buffer.concat([type, movie(film, brand, offset), box('mdat', ...film.frames)])
}

const little = (...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4)
  values.forEach((value, n) => {
    out.writeUInt32LE(value >>> 0, n * 4)
  })
  return out
}
const riff = (name: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([ascii(name), little(body.length), body, Buffer.alloc(body.length % 2)])
}

export const encodeAvi = (film: Film): Buffer => {
  const { width, height, frames, framesPerSecond } = film
  const largest = Math.max(...frames.map((frame) => frame.length))
  const main = riff(
    'avih',
    little(
      1e6 / framesPerSecond,
      largest * framesPerSecond,
      0,
      0x10,
      frames.length,
      0,
      1,
      largest,
      width,
      height,
      0,
      0,
      0,
      0,
    ),
  )
  const stream = riff(
    'strh',
    ascii('vidsMJPG'),
    little(0, 0, 0, 1, framesPerSecond, 0, frames.length, largest, 0xffffffff, 0),
    Buffer.alloc(4),
    Buffer.from(big16(((width & 255) << 8) | (width >> 8), ((height & 255) << 8) | (height >> 8))),
  )
  const format = riff(
    'strf',
    little(40, width, height, 1 | (24 << 16)),
    ascii('MJPG'),
    little(width * height * 3, 0, 0, 0, 0),
  )
  const chunks = frames.map((frame) => riff('00dc', frame))
  let at = 4
  const index = chunks.flatMap((chunk, n) => {
    const entry = [ascii('00dc'), little(0x10, at, frames[n]?.length ?? 0)]
    at += chunk.length
    return entry
  })
  const headers = riff('LIST', ascii('hdrl'), main, riff('LIST', ascii('strl'), stream, format))
  return riff('RIFF', ascii('AVI '), headers, riff('LIST', ascii('movi'), ...chunks), riff('idx1', ...index))
}
