import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOf } from '../make-asset.ts'
import { colour, createCanvas, fillRect } from '../sample/canvas.ts'
import { encodeCsv, encodePdf, encodeSrt, encodeZip } from '../sample/documents.ts'
import { encodeJpeg } from '../sample/encode-jpeg.ts'
import { encodePng } from '../sample/encode-png.ts'
import { encodeAvi, encodeMovie } from '../sample/encode-video.ts'
import { encodeWav, melodySeconds } from '../sample/encode-wav.ts'
import { probe } from './probe.ts'

const canvas = createCanvas(31, 17)
fillRect(canvas, { x: 3, y: 3, width: 9, height: 9 }, colour('#c81e3c'))
const jpeg = encodeJpeg(canvas)
const film = { width: 31, height: 17, framesPerSecond: 10, frames: Array.from({ length: 25 }, () => jpeg) }
const melody = [[440, 1] as const, [null, 2] as const]

const latin = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))

const look = (bytes: Buffer) => probe(contentOf(bytes))

const bmp = (): Buffer => {
  const bytes = Buffer.alloc(54)
  bytes.write('BM')
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(31, 18)
  bytes.writeInt32LE(-17, 22)
  return bytes
}

const tiff = (bigEndian: boolean): Buffer => {
  const order = bigEndian
    ? (n: number, size: number) => [...Array(size - 1).fill(0), n]
    : (n: number, size: number) => [n, ...Array(size - 1).fill(0)]
  const entry = (tag: number[], value: number) => [...tag, ...order(3, 2), ...order(1, 4), ...order(value, 2), 0, 0]
  const tags = bigEndian
    ? [
        [1, 0],
        [1, 1],
      ]
    : [
        [0, 1],
        [1, 1],
      ]
  const head = bigEndian ? latin('MM\0*') : latin('II*\0')
  return latin(head.toString('latin1'), order(8, 4), order(2, 2), entry(tags[0] ?? [], 31), entry(tags[1] ?? [], 17))
}

const flac = (): Buffer => {
  const bytes = Buffer.alloc(42)
  bytes.write('fLaC')
  bytes.writeUIntBE(44_100 * 16, 18, 3)
  bytes.writeUInt32BE(88_200, 22)
  return bytes
}

const ogg = (): Buffer => {
  const page = (position: number, body: Buffer): Buffer => {
    const head = Buffer.alloc(28)
    head.write('OggS')
    head.writeBigUInt64LE(BigInt(position), 6)
    return Buffer.concat([head, body])
  }
  const first = Buffer.alloc(30)
  first.write('\x01vorbis', 0, 'latin1')
  first.writeUInt32LE(44_100, 12)
  return Buffer.concat([page(0, first), page(132_300, Buffer.alloc(50))])
}

const mp3 = (seconds: number): Buffer => {
  const tag = latin('ID3', [3, 0, 0, 0, 0, 1, 0], '\0'.repeat(128))
  const frames = Buffer.alloc(seconds * 16_000)
  frames.set([0xff, 0xfb, 0x90, 0x00])
  return Buffer.concat([tag, frames])
}

const image = { resourceType: 'image', width: 31, height: 17, duration: null, isAudio: false }

describe('what the bytes say', () => {
  it.each([
    ['png', encodePng(canvas)],
    ['jpg', jpeg],
    ['gif', latin('GIF89a', [31, 0, 17, 0], '\0'.repeat(20))],
    ['bmp', bmp()],
    ['tiff', tiff(true)],
    ['tiff', tiff(false)],
    ['webp', latin('RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0', [30, 0, 0], [16, 0, 0], '\0')],
    ['webp', latin('RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a', [31, 0, 17, 0], '\0')],
    [
      'svg',
      Buffer.from('\uFEFF<?xml version="1.0"?>\n<!-- a > b -->\n<svg xmlns="x" width="31px" height="17"><g/></svg>'),
    ],
    ['svg', Buffer.from('<svg viewBox="0 0 31 17"/>')],
    ['eps', latin('%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 31 17\n')],
  ])('finds the size of a %s', (format, bytes) => {
    expect(look(bytes)).toEqual({ ...image, format, pages: null })
  })

  it('counts the pages of a PDF', () => {
    const page = { title: 'a', lines: [] }
    const pages = [page, page, page]
    expect(look(encodePdf(pages, colour('#000000')))).toMatchObject({ resourceType: 'image', format: 'pdf', pages: 3 })
  })

  it.each([
    ['mp4', encodeMovie(film, 'mp4')],
    ['mov', encodeMovie(film, 'mov')],
  ])('reads length and size of an %s', (format, bytes) => {
    expect(look(bytes)).toMatchObject({
      resourceType: 'video',
      format,
      width: 31,
      height: 17,
      duration: 2.5,
      isAudio: false,
    })
  })

  it('knows an AVI', () => {
    expect(look(encodeAvi(film))).toMatchObject({ resourceType: 'video', format: 'avi', width: 31, height: 17 })
  })

  it.each([
    ['wav', encodeWav(melody, 0.5), melodySeconds(melody, 0.5)],
    ['flac', flac(), 2],
    ['ogg', ogg(), 3],
    ['mp3', mp3(4), 4],
  ])('takes %s for sound, with its length', (format, bytes, seconds) => {
    const found = look(bytes)
    expect(found).toMatchObject({ resourceType: 'video', format, width: null, isAudio: true })
    expect(found?.duration).toBeCloseTo(seconds, 1)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('hello')],
    ['HTML with a drawing in it', Buffer.from('<html><svg width="1"/></html>')],
    ['a table', encodeCsv(['a'], [['b']])],
    ['subtitles', encodeSrt(['hello'])],
    ['an archive', encodeZip([])],
    ['a picture of an unknown kind', latin('\x89PNX\r\n\x1a\n')],
    ['a movie without an index', latin('\0\0\0\x14ftypisom\0\0\0\0mp41\0\0\0\x08mdat')],
  ])('takes %s for no media', (_name, bytes) => {
    expect(look(bytes)).toBeNull()
  })

  it('survives files that are cut off or damaged anywhere', () => {
    const whole = [
      jpeg,
      encodePng(canvas),
      encodeMovie(film, 'mp4'),
      encodeWav(melody, 0.1),
      tiff(true),
      ogg(),
      mp3(1),
      flac(),
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...whole),
        fc.nat(),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255))),
        (bytes, cut, hits) => {
          const damaged = Buffer.from(bytes.subarray(0, cut % (bytes.length + 1)))
          for (const [at, value] of hits) if (at < damaged.length) damaged[at] = value
          look(damaged)
        },
      ),
      { numRuns: 1500 },
    )
  })
})
