import type { Content } from '../state.ts'
import type { Probe } from './probe.ts'

const audio = (format: string, duration: number | null): Probe => ({
  resourceType: 'video',
  format,
  width: null,
  height: null,
  pages: null,
  duration,
  isAudio: true,
})

const wav = (content: Content, head: Buffer): Probe | null => {
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WAVE') return null
  let [at, bytesPerSecond] = [12, 0]
  while (at + 8 <= head.length) {
    const type = head.toString('latin1', at, at + 4)
    const size = head.readUInt32LE(at + 4)
    if (type === 'fmt ' && at + 20 <= head.length) bytesPerSecond = head.readUInt32LE(at + 16)
    // A writer that streamed did not know the size: what the file holds counts.
    if (type === 'data') {
      const played = Math.min(size, content.size - at - 8)
      return audio('wav', bytesPerSecond === 0 ? null : played / bytesPerSecond)
    }
    at += 8 + size + (size % 2)
  }
  return audio('wav', null)
}

const flac = (_content: Content, head: Buffer): Probe | null => {
  if (head.toString('latin1', 0, 4) !== 'fLaC' || head.length < 26) return null
  const rate = head.readUIntBE(18, 3) >>> 4
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22)
  return audio('flac', rate === 0 ? null : samples / rate)
}

/** The rate is in the first packet, the number of samples in the last page's position. */
const ogg = (content: Content, head: Buffer): Probe | null => {
  if (head.toString('latin1', 0, 4) !== 'OggS') return null
  const text = head.toString('latin1')
  if (text.includes('\x80theora')) return { ...audio('ogv', null), isAudio: false }
  const vorbis = text.indexOf('\x01vorbis')
  const rate =
    vorbis >= 0 && vorbis + 16 <= head.length ? head.readUInt32LE(vorbis + 12) : text.includes('OpusHead') ? 48000 : 0
  const tail = content.read(Math.max(0, content.size - 65536), content.size - 1)
  const last = tail.lastIndexOf('OggS', undefined, 'latin1')
  const known = rate > 0 && last >= 0 && last + 14 <= tail.length
  return audio('ogg', known ? Number(tail.readBigUInt64LE(last + 6)) / rate : null)
}

const KBIT_V1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
const KBIT_V2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]

/** Past an ID3 tag, whose length is written in seven bits a byte. */
const pastId3 = (head: Buffer): number => {
  if (head.toString('latin1', 0, 3) !== 'ID3' || head.length < 10) return 0
  const part = (at: number): number => head.readUInt8(at) & 0x7f
  return 10 + part(6) * 2 ** 21 + part(7) * 2 ** 14 + part(8) * 2 ** 7 + part(9)
}

/** By the first frame's bit rate: exact for constant rates, near for others. */
const mp3 = (content: Content, head: Buffer): Probe | null => {
  const start = pastId3(head)
  const tagged = start > 0
  if (start + 4 > content.size) return null
  const frame = content.read(start, start + 3)
  const sync = frame[0] === 0xff && (frame.readUInt8(1) & 0xe0) === 0xe0
  const layer3 = (frame.readUInt8(1) & 0x06) === 0x02
  if (!sync || !layer3) return tagged ? audio('mp3', null) : null
  const version1 = (frame.readUInt8(1) & 0x18) === 0x18
  const kbit = (version1 ? KBIT_V1 : KBIT_V2)[frame.readUInt8(2) >>> 4]
  return audio('mp3', kbit === undefined || kbit === 0 ? null : (content.size - start) / (kbit * 125))
}

const others = (_content: Content, head: Buffer): Probe | null => {
  const text = head.toString('latin1', 0, 12)
  if (text.startsWith('FORM') && /^AIF[FC]/.test(text.slice(8))) return audio('aiff', null)
  if (text.startsWith('#!AMR')) return audio('amr', null)
  if (text.startsWith('MThd')) return audio('midi', null)
  const adts = head.length > 2 && head[0] === 0xff && (head.readUInt8(1) & 0xf6) === 0xf0
  return adts ? audio('aac', null) : null
}

/** What the bytes say, if they are those of sound. */
export const audioHeader = (content: Content, head: Buffer): Probe | null => {
  for (const read of [wav, flac, ogg, others, mp3]) {
    const found = read(content, head)
    if (found !== null) return found
  }
  return null
}
