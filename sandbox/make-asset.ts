import { createHash, randomBytes } from 'node:crypto'
import { ensureFolder, nameOf, parentOf } from './folder-records.ts'
import type { Asset, BackupVersion, Cloud, Content } from './state.ts'

export interface AssetOptions extends Partial<Omit<Asset, 'publicId' | 'content'>> {
  readonly publicId: string
  /** The original. @default some text that names the asset; null makes a placeholder */
  readonly bytes?: Buffer | null
}

export const contentOf = (bytes: Buffer): Content => ({
  size: bytes.length,
  md5: createHash('md5').update(bytes).digest('hex'),
  read: (start, end) => bytes.subarray(start, end + 1),
})

export const newId = (): string => randomBytes(16).toString('hex')

/** The entry that Cloudinary's own backup makes of an upload. */
export const backupVersionOf = (
  content: Content,
  asset: Pick<Asset, 'versionId' | 'version' | 'format' | 'uploadedAt'>,
): BackupVersion => ({
  versionId: asset.versionId,
  version: asset.version,
  format: asset.format,
  time: asset.uploadedAt,
  content,
  restorable: true,
})

const DEFAULT_FORMATS = { image: 'jpg', video: 'mp4', raw: null } as const

const plainAsset = (options: AssetOptions): Asset => {
  const resourceType = options.resourceType ?? 'image'
  const createdAt = options.createdAt ?? Date.now()
  const uploadedAt = options.uploadedAt ?? createdAt
  const { bytes, ...given } = options
  const content = contentOf(bytes ?? Buffer.from(`the original of ${resourceType}/${options.publicId}\n`))
  return {
    assetId: newId(),
    resourceType,
    type: 'upload',
    format: DEFAULT_FORMATS[resourceType],
    version: Math.floor(uploadedAt / 1000),
    versionId: newId(),
    createdAt,
    uploadedAt,
    times: { updated: uploadedAt },
    content,
    width: resourceType === 'raw' ? null : 640,
    height: resourceType === 'raw' ? null : 480,
    pages: null,
    duration: resourceType === 'video' ? 12.5 : null,
    isAudio: false,
    assetFolder: '',
    displayName: nameOf(options.publicId),
    originalFilename: nameOf(options.publicId),
    tags: [],
    context: {},
    metadata: {},
    accessMode: 'public',
    accessControl: null,
    moderation: [],
    coordinates: null,
    regions: null,
    backup: true,
    versions: [],
    related: new Set(),
    derived: [],
    extra: {},
    createdBy: '',
    ...given,
  }
}

/**
 * Puts an asset on the account's shelf as an upload would: with its MD5, a backed-up version when the account makes
 * them, and its folder. Times and ids not given are those of now.
 */
export const makeAsset = (cloud: Cloud, options: AssetOptions): Asset => {
  const fixed = cloud.settings.folderMode === 'fixed'
  const asset = plainAsset({ backup: cloud.settings.autoBackup, createdBy: cloud.keys[0]?.key ?? '', ...options })
  if (fixed) asset.assetFolder = parentOf(asset.publicId)
  if (asset.backup && asset.versions.length === 0 && asset.content !== null) {
    asset.versions.push(backupVersionOf(asset.content, asset))
  }
  if (options.bytes === null) asset.content = null
  cloud.shelf.add(asset)
  ensureFolder(cloud, asset.assetFolder, asset.createdAt)
  return asset
}
