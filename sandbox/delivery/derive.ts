import { createHash } from 'node:crypto'
import { contentOf } from '../make-asset.ts'
import type { Asset, Content } from '../state.ts'

export type Derived = Asset['derived'][number]

const FIRST_BYTES: Readonly<Record<string, string>> = {
  jpg: '\xff\xd8\xff\xe0\x00\x10JFIF\x00',
  png: '\x89PNG\r\n\x1a\n',
  gif: 'GIF89a',
  webp: 'RIFF\x00\x02\x00\x00WEBP',
  mp4: '\x00\x00\x00\x18ftypisom',
  webm: '\x1aE\xdf\xa3',
  mp3: 'ID3\x03',
  pdf: '%PDF-1.4\n',
}

/** Small bytes that stand for the rendering: the same for the same original, transformation and format, else others. */
const renderingOf = (original: Content, transformation: string, format: string): Content => {
  const seed = createHash('sha256').update(`${original.md5}\n${transformation}\n${format}`).digest()
  const pieces = [Buffer.from(FIRST_BYTES[format] ?? '', 'latin1')]
  for (let block = 0; block < 16; block++) {
    pieces.push(createHash('sha256').update(seed).update(String(block)).digest())
  }
  return contentOf(Buffer.concat(pieces))
}

/** The rendering, made now unless it exists. `transformation` is '' for a mere conversion. Needs a binary. */
export const deriveFrom = (asset: Asset, transformation: string, format: string): Derived => {
  const known = asset.derived.find((one) => one.transformation === transformation && one.format === format)
  if (known !== undefined) return known
  if (asset.content === null) throw new TypeError(`${asset.publicId} has no binary to derive from`)
  const content = renderingOf(asset.content, transformation, format)
  const id = createHash('md5').update(`${asset.assetId}\n${transformation}\n${format}`).digest('hex')
  const derived: Derived = { id, transformation, format, bytes: content.size, content }
  asset.derived = [...asset.derived, derived]
  return derived
}

/** What an incoming transformation, or `format`, makes of a file before it is stored. */
export const converted = (original: Content, transformation: string, format: string): Content =>
  renderingOf(original, transformation, format)
