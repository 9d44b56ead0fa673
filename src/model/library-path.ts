import { createHash } from 'node:crypto'
import type { AssetFacts, FolderMode } from './asset.ts'

/** Bytes that a new segment may have; every file system takes 255, the rest is room for a suffix. */
const SEGMENT = 240
const SEGMENT_LIMIT = 255
/** Bytes of all folders together; with the file name a path stays far below what Linux and macOS take (1024). */
const FOLDERS = 640
/** Longer ones are part of a name, not extensions. */
const EXTENSION = 16

/**
 * Windows forbids the first nine; controls, line separators and non-characters break terminals and file systems; bidi
 * controls show `gpj.exe` as `exe.jpg`; halves of a surrogate pair have no UTF-8.
 */
const FORBIDDEN =
  /[<>:"|?*\\/\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Noncharacter_Code_Point}|\p{Surrogate}/gu

/** Devices on Windows, whatever follows the first dot. */
const RESERVED = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)/i

const bytesIn = (text: string): number => Buffer.byteLength(text)

const hex = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

const percent = (char: string): string => {
  const code = char.codePointAt(0) ?? 0
  // A lone surrogate as UTF-8 would write it if it could, so that two different ones stay different.
  const isSurrogate = code >= 0xd800 && code <= 0xdfff
  const bytes = isSurrogate
    ? [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]
    : [...Buffer.from(char)]
  return bytes.map(hex).join('')
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

const markOf = (assetId: string): string => assetId.slice(0, 8).replace(/[^A-Za-z0-9_-]/g, '_')

/** `['photo', '.jpg']`; a name that only begins with a dot has no extension. */
const splitExtension = (segment: string): [stem: string, extension: string] => {
  const dot = segment.lastIndexOf('.')
  if (dot <= 0 || bytesIn(segment.slice(dot)) > EXTENSION + 1) return [segment, '']
  return [segment.slice(0, dot), segment.slice(dot)]
}

const cutTo = (text: string, limit: number): string => {
  let bytes = 0
  let end = 0
  for (const char of text) {
    bytes += bytesIn(char)
    if (bytes > limit) break
    end += char.length
  }
  return text.slice(0, end)
}

/** Puts `~mark` before the extension and shortens what is before it until all fits. */
const marked = (segment: string, mark: string, limit: number): string => {
  const [stem, extension] = splitExtension(segment)
  return `${cutTo(stem, limit - bytesIn(extension) - mark.length - 1)}~${mark}${extension}`
}

/** One name as every system can hold it. What is safe already comes back as it is. `mark` tells cut names apart. */
const safeSegment = (name: string, mark: string): string => {
  const encoded = name.normalize('NFC').replace(FORBIDDEN, percent)
  const ended = encoded.replace(/[. ]+$/, (run) => [...run].map(percent).join(''))
  // Once more: an accent after an encoded character may join with its last letter.
  const composed = ended.normalize('NFC')
  const free = RESERVED.test(composed) ? `_${composed}` : composed
  return bytesIn(free) > SEGMENT ? marked(free, mark, SEGMENT) : free
}

/**
 * A Cloudinary folder as a folder of the library: safe, relative, `/`-separated, '' for the root. The same folder
 * always gives the same path, whatever is in it.
 */
export const libraryFolder = (folder: string): string => {
  const segments = folder.split('/').filter((segment) => segment !== '')
  const safe = segments.map((segment) => safeSegment(segment, hashOf(segment)))
  if (bytesIn(safe.join('/')) <= FOLDERS) return safe.join('/')
  let kept = 0
  let bytes = 9
  for (const segment of safe) {
    bytes += bytesIn(segment) + 1
    if (bytes > FOLDERS) break
    kept += 1
  }
  return [...safe.slice(0, kept), `~${hashOf(segments.slice(kept).join('/'))}`].join('/')
}

/** Spellings that mean the same format; Cloudinary reports the first. */
const SPELLINGS: readonly (readonly string[])[] = [
  ['jpg', 'jpeg', 'jpe'],
  ['tiff', 'tif'],
  ['heic', 'heif'],
  ['mp4', 'm4v'],
  ['aiff', 'aif'],
]

const withExtension = (name: string, extension: string): string => {
  if (extension === '') return name
  const same = SPELLINGS.find((spellings) => spellings.includes(extension.toLowerCase())) ?? [extension.toLowerCase()]
  const lower = name.toLowerCase()
  return same.some((spelling) => lower.endsWith(`.${spelling}`) && lower.length > spelling.length + 1)
    ? name
    : `${name}.${extension}`
}

const splitLast = (path: string): [folder: string, name: string] => {
  const trimmed = path.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  return [trimmed.slice(0, Math.max(slash, 0)), trimmed.slice(slash + 1)]
}

/** Where the Media Library shows the asset, and under which name; neither is safe yet. */
const shownAs = (facts: LibraryFacts, mode: FolderMode): { folder: string; name: string } => {
  const [idFolder, idName] = splitLast(facts.publicId)
  const isRaw = facts.resourceType === 'raw'
  const extension = isRaw ? splitExtension(idName)[1].slice(1) : (facts.format ?? '')
  if (mode === 'fixed' || (facts.folder === null && facts.displayName === null)) {
    return { folder: idFolder, name: isRaw || extension === '' || idName === '' ? idName : `${idName}.${extension}` }
  }
  const shown = facts.displayName ?? idName
  return { folder: facts.folder ?? '', name: shown === '' ? '' : withExtension(shown, extension) }
}

export type LibraryFacts = Pick<
  AssetFacts,
  'assetId' | 'publicId' | 'resourceType' | 'format' | 'folder' | 'displayName'
>

/**
 * The relative path of an asset in the library, as the Media Library shows it: `folder/display name.ext` with dynamic
 * folders, `public_id.ext` with fixed ones. Safe on Linux, macOS and Windows; the same facts always give the same path.
 * Different assets may give the same path (see `withSuffix`) or one that only differs in case (see `pathKey`).
 */
export const libraryPath = (facts: LibraryFacts, mode: FolderMode): string => {
  const { folder, name } = shownAs(facts, mode)
  const file = safeSegment(name === '' ? facts.assetId : name, markOf(facts.assetId))
  const parent = libraryFolder(folder)
  return parent === '' ? file : `${parent}/${file}`
}

/** `a/name.jpg` as `a/name~<first 8 of assetId>.jpg`, for the later of two assets that want the same path. */
export const withSuffix = (path: string, assetId: string): string => {
  const slash = path.lastIndexOf('/') + 1
  return `${path.slice(0, slash)}${marked(path.slice(slash), markOf(assetId), SEGMENT_LIMIT)}`
}
