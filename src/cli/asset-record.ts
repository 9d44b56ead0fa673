import type { VersionRow } from '../catalog/catalog.ts'

/**
 * A version as programs read it. The delivery type is called `deliveryType`, because `type` says what kind of line it
 * is.
 */
export const assetRecord = (row: VersionRow): object => ({
  cloud: row.cloud,
  assetId: row.assetId,
  publicId: row.publicId,
  resourceType: row.resourceType,
  deliveryType: row.type,
  format: row.format,
  version: row.version,
  cldVersion: row.cldVersion,
  object: row.object,
  size: row.size,
  md5: row.md5,
  etag: row.etag,
  proof: row.proof,
  path: row.path,
  folder: row.folder,
  displayName: row.displayName,
  width: row.width,
  height: row.height,
  duration: row.duration,
  tags: row.tags,
  createdAt: row.createdAt,
  uploadedAt: row.uploadedAt,
  updatedAt: row.updatedAt,
  capturedAt: row.capturedAt,
  change: row.change,
  current: row.untilSeq === null,
  origin: row.origin,
  since: row.since,
  until: row.until,
  cloudinaryVersionId: row.versionId,
  purged: row.purged,
})
