import type { BackupVersion } from '../../cloudinary/reader.ts'
import type { AssetFacts } from '../../model/asset.ts'
import type { HistoryLine } from '../../model/history.ts'
import { versionId } from '../../model/next-entry.ts'
import type { Judged } from './decide.ts'
import type { Received } from './journal.ts'

const REASON = "Cloudinary's backup"

/**
 * An imported version as the vault keeps it. Of its own time only the bytes are known: tags, folder and all other
 * labels that the asset has now are of now, and say nothing about then.
 */
export function lineOf(
  asset: AssetFacts,
  judged: Pick<Judged, 'version' | 'since' | 'until'>,
  kept: Received,
  capturedAt: string,
): HistoryLine {
  const { version, since, until } = judged
  const facts = factsThen(asset, version, kept.size)
  const { assetId, publicId, resourceType, type, cldVersion } = facts
  const identity = { assetId, cldVersion, object: kept.object, listHash: version.hash, updatedAt: null }
  const entry = {
    assetId,
    version: versionId(identity),
    publicId,
    resourceType,
    type,
    cldVersion,
    object: kept.object,
    size: kept.size,
    md5: kept.md5,
    proof: kept.proof,
    path: null,
    capturedAt,
    listHash: version.hash,
    facts,
    raw: { details: version.raw },
  }
  return { entry, since, until, reason: REASON, keepUntil: null, versionId: version.versionId }
}

const factsThen = (asset: AssetFacts, version: BackupVersion, size: number): AssetFacts => ({
  assetId: asset.assetId,
  publicId: asset.publicId,
  resourceType: asset.resourceType,
  type: asset.type,
  format: asset.resourceType === 'raw' ? null : version.format,
  cldVersion: version.cldVersion ?? 0,
  bytes: size,
  etag: null,
  width: null,
  height: null,
  duration: null,
  pages: null,
  folder: null,
  displayName: null,
  createdAt: asset.createdAt,
  uploadedAt: version.time,
  updatedAt: null,
  tags: [],
  context: null,
  metadata: null,
  accessMode: null,
  accessControl: null,
  moderation: [],
  coordinates: null,
  regions: null,
  originalFilename: null,
  status: null,
  isAudio: null,
  secureUrl: null,
})
