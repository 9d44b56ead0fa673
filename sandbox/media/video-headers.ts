import type { Content } from '../state.ts'
import type { Probe } from './probe.ts'

const video = (format: string, facts: Partial<Probe> = {}): Probe => ({
  resourceType: 'video',
  format,
  width: null,
  height: null,
  pages: null,
  duration: null,
  isAudio: false,
  ...facts,
})

interface Box {
  readonly type: string
  /** Of the payload. */
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/** ISO base media boxes between two offsets; stops at the first that is not one. */
function* boxes(content: Content, from: number, to: number): Generator<Box> {
  let at = from
  while (at + 8 <= to) {
    const head = content.read(at, Math.min(at + 15, to - 1))
    const size32 = head.readUInt32BE(0)
    const type = head.toString('latin1', 4, 8)
    const long = size32 === 1 && head.length >= 16
    const size = size32 === 0 ? to - at : long ? Number(head.readBigUInt64BE(8)) : size32
    const header = long ? 16 : 8
    if (size < header || at + size > to) return
    yield { type, start: at + header, end: at + size }
    at += size
  }
}

const child = (content: Content, box: Box, type: string): Box | undefined => {
  for (const inner of boxes(content, box.start, box.end)) if (inner.type === type) return inner
  return undefined
}

const readBox = (content: Content, box: Box): Buffer => content.read(box.start, box.end - 1)

const movieDuration = (content: Content, moov: Box): number | null => {
  const mvhd = child(content, moov, 'mvhd')
  if (mvhd === undefined || mvhd.end - mvhd.start < 20) return null
  const bytes = readBox(content, mvhd)
  const wide = bytes[0] === 1 && bytes.length >= 32
  const scale = bytes.readUInt32BE(wide ? 20 : 12)
  const duration = wide ? Number(bytes.readBigUInt64BE(24)) : bytes.readUInt32BE(16)
  return scale === 0 ? null : duration / scale
}

/** The size of the first track that has one: sound tracks say 0 by 0. */
const movieSize = (content: Content, moov: Box): { width: number; height: number } | null => {
  for (const box of boxes(content, moov.start, moov.end)) {
    if (box.type !== 'trak') continue
    const tkhd = child(content, box, 'tkhd')
    if (tkhd === undefined || tkhd.end - tkhd.start < 84) continue
    const bytes = readBox(content, tkhd)
    // 16.16 fixed point, in the last eight bytes of either version of the box.
    const [width, height] = [bytes.readUInt16BE(bytes.length - 8), bytes.readUInt16BE(bytes.length - 4)]
    if (width > 0 && height > 0) return { width, height }
  }
  return null
}

const BRANDS: readonly (readonly [RegExp, string])[] = [
  [/^qt/, 'mov'],
  [/^(M4A|M4B|F4A)/, 'm4a'],
  [/^3g[pgers]/, '3gp'],
  [/^3g2/, '3g2'],
]

const STILL_BRANDS: readonly (readonly [RegExp, string])[] = [
  [/^avi[fs]/, 'avif'],
  [/^(heic|heix|hevc|hevx|mif1|msf1)/, 'heic'],
]

const named = (brands: typeof BRANDS, brand: string): string | undefined =>
  brands.find(([pattern]) => pattern.test(brand))?.[1]

/** Of the first item that has one; an image in tiles states the size of a tile first, which is as good as most tools do. */
const stillSize = (head: Buffer): Partial<Probe> => {
  const box = head.indexOf('ispe', 0, 'latin1')
  if (box < 0 || box + 16 > head.length) return {}
  return { width: head.readUInt32BE(box + 8), height: head.readUInt32BE(box + 12) }
}

/** MP4, MOV, M4A, 3GP, and the still images in the same container; QuickTime files may begin without `ftyp`. */
export const isoMedia = (content: Content, head: Buffer): Probe | null => {
  const type = head.toString('latin1', 4, 8)
  if (!['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip'].includes(type)) return null
  const brand = type === 'ftyp' ? head.toString('latin1', 8, 12) : 'qt  '
  const still = named(STILL_BRANDS, brand)
  if (still !== undefined) return { ...video(still, stillSize(head)), resourceType: 'image' }
  let moov: Box | undefined
  for (const box of boxes(content, 0, content.size)) if (box.type === 'moov') moov = box
  if (moov === undefined) return null
  const size = movieSize(content, moov)
  return video(named(BRANDS, brand) ?? 'mp4', {
    ...(size ?? {}),
    duration: movieDuration(content, moov),
    isAudio: size === null,
  })
}

/** Containers that are known by their first bytes and not looked into. */
export const otherVideo = (head: Buffer): Probe | null => {
  const text = head.toString('latin1', 0, 512)
  if (text.startsWith('\x1a\x45\xdf\xa3')) return video(text.includes('webm') ? 'webm' : 'mkv')
  if (text.startsWith('RIFF') && text.startsWith('AVI ', 8)) {
    const big = head.length >= 72 && text.startsWith('avih', 24)
    return video('avi', big ? { width: head.readUInt32LE(64), height: head.readUInt32LE(68) } : {})
  }
  if (text.startsWith('FLV\x01')) return video('flv')
  if (text.startsWith('\0\0\x01\xba') || text.startsWith('\0\0\x01\xb3')) return video('mpeg')
  if (text.startsWith('\x30\x26\xb2\x75\x8e\x66\xcf\x11')) return video('wmv')
  return text[0] === 'G' && text[188] === 'G' && text[376] === 'G' ? video('ts') : null
}
