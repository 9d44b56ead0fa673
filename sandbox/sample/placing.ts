/** How the pieces of the sample account get onto its shelf. */
import { makeAsset } from '../make-asset.ts'
import { createRandom, type Random } from '../random.ts'
import type { Asset, BackupVersion, Cloud } from '../state.ts'
import { lazyContent } from './lazy-content.ts'

export interface Piece extends Partial<Omit<Asset, 'assetId' | 'publicId' | 'content' | 'assetFolder' | 'versions'>> {
  readonly folder: string
  /** The last part of the public_id; with the extension for raw files. */
  readonly name: string
  /** Stands alone as public_id in dynamic mode, as the ids that Cloudinary makes up do. */
  readonly ownId?: string
  readonly createdAt: number
  readonly make: () => Buffer
  /** What the asset was before, oldest first. */
  readonly earlier?: readonly (() => Buffer)[]
  /** Deleted, with its backups kept. */
  readonly deleted?: boolean
}

export interface Album {
  readonly cloud: Cloud
  readonly random: Random
  readonly now: number
  put(piece: Piece): Asset
  /** A moment between that many days ago and that many. */
  daysAgo(most: number, least: number): number
  /** Twenty small letters and digits. */
  madeUpId(): string
}

const DAY = 86_400_000
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

export const openAlbum = (cloud: Cloud, now: number): Album => {
  const random = createRandom(20_240)
  const album: Album = {
    cloud,
    random,
    now,
    // Whole seconds: the service's times have no finer ones, and a version is the second of its upload.
    daysAgo: (most, least) => Math.floor((now - (least + random.next() * (most - least)) * DAY) / 1000) * 1000,
    madeUpId: () => Array.from({ length: 20 }, () => LETTERS[random.below(LETTERS.length)] ?? 'a').join(''),
    put: (piece) => place(album, piece),
  }
  return album
}

const idOf = ({ cloud }: Album, { folder, name, ownId }: Piece): string => {
  if (ownId !== undefined && cloud.settings.folderMode === 'dynamic') return ownId
  return folder === '' ? name : `${folder}/${name}`
}

const place = (album: Album, piece: Piece): Asset => {
  const { folder, name, ownId: _, make, earlier = [], deleted = false, ...fields } = piece
  const { cloud, now, random } = album
  const kept = fields.type === undefined || ['upload', 'private', 'authenticated'].includes(fields.type)
  const makers = [...earlier, make]
  // Every replacement came some weeks after the upload before it, and none in the future.
  const step = Math.floor(Math.min(45 * DAY, (now - piece.createdAt) / (makers.length + 1)) / 1000) * 1000
  const versions = makers.map((maker, n): BackupVersion => {
    const time = piece.createdAt + n * step
    return {
      versionId: random.hex(32),
      version: Math.floor(time / 1000),
      format: fields.format ?? null,
      time,
      content: lazyContent(maker),
      restorable: true,
    }
  })
  const last = versions.at(-1)
  if (last === undefined) throw new Error('a piece has at least one version')
  const touched = fields.times?.updated ?? last.time
  const asset = makeAsset(cloud, {
    pages: fields.resourceType === undefined || fields.resourceType === 'image' ? 1 : null,
    originalFilename: name.replace(/\.[^.]*$/, ''),
    displayName: name.replace(/\.[^.]*$/, ''),
    ...fields,
    assetId: random.hex(32),
    publicId: idOf(album, piece),
    assetFolder: folder,
    bytes: null,
    versionId: last.versionId,
    version: last.version,
    uploadedAt: last.time,
    times: { updated: touched, ...(fields.tags === undefined ? {} : { tags: touched }) },
    backup: kept,
    versions: kept ? versions : [],
  })
  asset.content = deleted ? null : last.content
  return asset
}
