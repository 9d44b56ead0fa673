import type { Probe } from './probe.ts'

const image = (format: string, width: number | null, height: number | null, pages: number | null = null): Probe => ({
  resourceType: 'image',
  format,
  width,
  height,
  pages,
  duration: null,
  isAudio: false,
})

const starts = (head: Buffer, text: string, at = 0): boolean => head.toString('latin1', at, at + text.length) === text

const png = (head: Buffer): Probe | null =>
  starts(head, '\x89PNG\r\n\x1a\n') && head.length >= 24
    ? image('png', head.readUInt32BE(16), head.readUInt32BE(20))
    : null

const gif = (head: Buffer): Probe | null =>
  (starts(head, 'GIF87a') || starts(head, 'GIF89a')) && head.length >= 10
    ? image('gif', head.readUInt16LE(6), head.readUInt16LE(8))
    : null

const bmp = (head: Buffer): Probe | null =>
  starts(head, 'BM') && head.length >= 26 && head.readUInt32LE(14) >= 12
    ? image('bmp', head.readInt32LE(18), Math.abs(head.readInt32LE(22)))
    : null

/** SOF0 to SOF15 carry the size; C4, C8 and CC in their midst are tables. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

const jpeg = (head: Buffer): Probe | null => {
  if (head.length < 4 || head.readUInt16BE(0) !== 0xffd8 || head[2] !== 0xff) return null
  let at = 2
  while (at + 9 < head.length && head[at] === 0xff) {
    const marker = head.readUInt8(at + 1)
    if (marker === 0xff) {
      at += 1
    } else if (isFrame(marker)) {
      return image('jpg', head.readUInt16BE(at + 7), head.readUInt16BE(at + 5))
    } else {
      at += marker >= 0xd0 && marker <= 0xd9 ? 2 : 2 + head.readUInt16BE(at + 2)
    }
  }
  // A start without a frame in the head: big embedded metadata, still a JPEG.
  return at >= head.length - 10 ? image('jpg', null, null) : null
}

const webp = (head: Buffer): Probe | null => {
  if (!starts(head, 'RIFF') || !starts(head, 'WEBP', 8) || head.length < 30) return null
  if (starts(head, 'VP8X', 12)) return image('webp', head.readUIntLE(24, 3) + 1, head.readUIntLE(27, 3) + 1)
  if (starts(head, 'VP8L', 12)) {
    const bits = head.readUInt32LE(21)
    return image('webp', (bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
  }
  return image('webp', head.readUInt16LE(26) & 0x3fff, head.readUInt16LE(28) & 0x3fff)
}

/** The first directory alone, as far as it lies in the head. */
const tiff = (head: Buffer): Probe | null => {
  const little = starts(head, 'II*\0')
  if ((!little && !starts(head, 'MM\0*')) || head.length < 8) return null
  const u16 = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at))
  const u32 = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at))
  const directory = u32(4)
  if (directory + 2 > head.length) return image('tiff', null, null)
  let width: number | null = null
  let height: number | null = null
  for (
    let entry = directory + 2;
    entry + 12 <= head.length && entry < directory + 2 + u16(directory) * 12;
    entry += 12
  ) {
    const value = u16(entry + 2) === 3 ? u16(entry + 8) : u32(entry + 8)
    if (u16(entry) === 256) width = value
    if (u16(entry) === 257) height = value
  }
  return image('tiff', width, height)
}

const length = (attributes: string, name: string): number | null => {
  const found = new RegExp(`\\s${name}\\s*=\\s*["']\\s*([0-9.]+)(?:px)?\\s*["']`).exec(attributes)
  return found?.[1] === undefined ? null : Math.round(Number(found[1]))
}

const svg = (head: Buffer): Probe | null => {
  const text = head.toString('utf8').replace(/^\uFEFF/, '')
  const found = /^\s*(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg(\s[^>]*)?\/?>/.exec(text)
  if (found === null) return null
  const attributes = found[1] ?? ''
  const box = /viewBox\s*=\s*["']\s*[-0-9.]+[\s,]+[-0-9.]+[\s,]+([0-9.]+)[\s,]+([0-9.]+)/.exec(attributes)
  const boxed = (group: 1 | 2): number | null => (box === null ? null : Math.round(Number(box[group])))
  return image('svg', length(attributes, 'width') ?? boxed(1), length(attributes, 'height') ?? boxed(2))
}

const psd = (head: Buffer): Probe | null =>
  starts(head, '8BPS') && head.length >= 26 ? image('psd', head.readUInt32BE(18), head.readUInt32BE(14)) : null

const ico = (head: Buffer): Probe | null =>
  starts(head, '\0\0\x01\0') && head.length >= 22
    ? image('ico', head.readUInt8(6) || 256, head.readUInt8(7) || 256)
    : null

const eps = (head: Buffer): Probe | null => {
  if (!starts(head, '%!PS')) return null
  const box = /%%BoundingBox:\s*(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)/.exec(head.toString('latin1'))
  if (box === null) return image('eps', null, null)
  return image('eps', Number(box[3]) - Number(box[1]), Number(box[4]) - Number(box[2]))
}

const jp2 = (head: Buffer): Probe | null => {
  if (starts(head, '\xff\x4f\xff\x51')) return image('jpc', null, null)
  if (!starts(head, 'jP  ', 4)) return null
  const box = head.indexOf('ihdr', 0, 'latin1')
  const whole = box >= 0 && box + 12 <= head.length
  return whole ? image('jp2', head.readUInt32BE(box + 8), head.readUInt32BE(box + 4)) : image('jp2', null, null)
}

/** The first page's box in points: that is the size Cloudinary states for a PDF. */
export const pdf = (text: string): Probe | null => {
  if (!text.startsWith('%PDF-')) return null
  const box = /\/MediaBox\s*\[\s*(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)/.exec(text)
  const pages = text.match(/\/Type\s*\/Page(?![a-zA-Z])/g)?.length
  const counts = [...text.matchAll(/\/Count\s+(\d+)/g)].map((found) => Number(found[1]))
  const size = (high: 3 | 4, low: 1 | 2): number | null =>
    box === null ? null : Math.round(Number(box[high]) - Number(box[low]))
  return image('pdf', size(3, 1), size(4, 2), pages ?? Math.max(1, ...counts))
}

const READERS = [png, jpeg, gif, webp, bmp, tiff, psd, ico, eps, jp2, svg]

/** What the first bytes of a file say, if they are those of an image. */
export const imageHeader = (head: Buffer): Probe | null => {
  for (const read of READERS) {
    const found = read(head)
    if (found !== null) return found
  }
  return null
}
