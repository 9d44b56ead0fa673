/** How the index of a computed asset becomes its names and its date, and how each of them becomes the index again. */
import { hash, hexOf, scramble, unscramble } from '../random.ts'
import type { ResourceType } from '../state.ts'

export interface Numbering {
  readonly count: number
  assetId(index: number): string
  indexOfId(assetId: string): number | undefined
  /** Strictly ascending with the index. */
  createdAt(index: number): number
  /** The first index created at `time` or later; `count` when there is none. */
  firstAt(time: number): number
  resourceType(index: number): ResourceType
  type(index: number): string
  folder(index: number): string
  format(index: number): string
  publicId(index: number): string
  indexOfName(resourceType: string, type: string, publicId: string): number | undefined
  /** Every folder that `folder` names, without repetition. */
  folders(): string[]
}

export interface NumberingOptions {
  readonly count: number
  readonly seed: number
  readonly createdFrom: number
  readonly createdTo: number
  /** Shares of video and of raw among all; the rest are images. */
  readonly video: number
  readonly raw: number
  /** Shares of private and of authenticated among all; the rest are uploads. */
  readonly private: number
  readonly authenticated: number
}

const FORMATS: { [type in ResourceType]: readonly string[] } = {
  image: ['jpg', 'jpg', 'jpg', 'png', 'webp'],
  video: ['mp4', 'mp4', 'mov', 'mp3'],
  raw: ['csv', 'zip', 'json', 'srt'],
}
const ASSETS_A_FOLDER = 500
const MOST_FOLDERS = 1000
const NAME = /^catalog\/(\d{3})\/item-(\d{8})(?:\.([a-z0-9]+))?$/

const share = (value: number): number => value / 0x1_0000_0000

export const createNumbering = (options: NumberingOptions): Numbering => {
  const { count, seed, createdFrom, createdTo } = options
  const step = (createdTo - createdFrom) / Math.max(count, 1)
  if (count > 0 && step < 1) throw new RangeError(`${count} assets do not fit between the two dates`)
  const mask = scramble(seed)
  const folderCount = Math.min(MOST_FOLDERS, Math.ceil(count / ASSETS_A_FOLDER))
  const folderName = (number: number): string => `catalog/${String(number).padStart(3, '0')}`

  const assetId = (index: number): string =>
    hexOf(scramble(index ^ mask)) +
    hexOf(hash(index, seed, 1)) +
    hexOf(hash(index, seed, 2)) +
    hexOf(hash(index, seed, 3))
  const createdAt = (index: number): number => createdFrom + Math.floor(index * step)
  const resourceType = (index: number): ResourceType => {
    const x = share(hash(index, seed, 4))
    return x < options.video ? 'video' : x < options.video + options.raw ? 'raw' : 'image'
  }
  const type = (index: number): string => {
    const x = share(hash(index, seed, 5))
    return x < options.private ? 'private' : x < options.private + options.authenticated ? 'authenticated' : 'upload'
  }
  const format = (index: number): string => {
    const formats = FORMATS[resourceType(index)]
    return formats[hash(index, seed, 6) % formats.length] ?? 'bin'
  }
  const folder = (index: number): string => folderName(hash(index, seed, 7) % folderCount)
  const publicId = (index: number): string => {
    const stem = `${folder(index)}/item-${String(index).padStart(8, '0')}`
    return resourceType(index) === 'raw' ? `${stem}.${format(index)}` : stem
  }
  const firstAt = (time: number): number => {
    let index = Math.min(count, Math.max(0, Math.floor((time - createdFrom) / step) - 1))
    while (index < count && createdAt(index) < time) index++
    return index
  }
  return {
    count,
    assetId,
    indexOfId(id) {
      if (id.length !== 32) return undefined
      const index = (unscramble(Number.parseInt(id.slice(0, 8), 16)) ^ mask) >>> 0
      return index < count && assetId(index) === id ? index : undefined
    },
    createdAt,
    firstAt,
    resourceType,
    type,
    folder,
    format,
    publicId,
    indexOfName(wantedResourceType, wantedType, name) {
      const index = Number(NAME.exec(name)?.[2] ?? Number.NaN)
      if (!(index < count) || resourceType(index) !== wantedResourceType || type(index) !== wantedType) return undefined
      return publicId(index) === name ? index : undefined
    },
    folders: () => (count === 0 ? [] : ['catalog', ...Array.from({ length: folderCount }, (_, n) => folderName(n))]),
  }
}
