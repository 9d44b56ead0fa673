import { backupVersionOf, newId } from '../make-asset.ts'
import { probe } from '../media/probe.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, BackupVersion, Cloud, World } from '../state.ts'

/**
 * Keeps the present binary as a version. A binary that is kept already, and a placeholder, change nothing; neither do
 * fetched and generated assets, which Cloudinary never backs up.
 */
export const backUp = (asset: Asset): void => {
  if (asset.content === null || !isKept(asset.type)) return
  asset.backup = true
  if (asset.versions.some((version) => version.versionId === asset.versionId)) return
  asset.versions.push(backupVersionOf(asset.content, asset))
}

/** Unix seconds; two changes within a second still get different numbers, so that a version never stays nor goes back. */
export const versionAfter = (version: number, now: number): number => Math.max(Math.floor(now / 1000), version + 1)

/** The delivery types that have backups and can be restored. */
export const isKept = (type: string): boolean => type === 'upload' || type === 'private' || type === 'authenticated'

const forgetAttributes = (asset: Asset): void => {
  asset.tags = []
  asset.context = {}
  asset.metadata = {}
  asset.coordinates = null
  asset.regions = null
  asset.moderation = []
}

const unrelate = (cloud: Cloud, asset: Asset): void => {
  for (const other of asset.related) cloud.shelf.byId(other)?.related.delete(asset.assetId)
  asset.related.clear()
}

/**
 * Deletes: an asset with backups leaves a placeholder that keeps its ids, name and folder reserved; any other is gone.
 * What a placeholder forgets (tags, context, metadata, relations, derived) a later restore doesn't bring back, which
 * is the worse of the two readings of the documentation. Tells no webhook: one message may name many assets.
 */
export const removeAsset = (world: World, cloud: Cloud, asset: Asset): 'placeholder' | 'gone' => {
  beforeChange(world, cloud, asset)
  unrelate(cloud, asset)
  asset.derived = []
  if (asset.versions.length === 0) {
    asset.content = null
    cloud.shelf.remove(asset.assetId)
    return 'gone'
  }
  asset.content = null
  forgetAttributes(asset)
  asset.times = { ...asset.times, updated: world.now() }
  return 'placeholder'
}

/** Sizes and lengths follow the binary; one that says nothing about itself, as computed accounts have, keeps what it had. */
const describeContent = (asset: Asset): void => {
  if (asset.content === null || asset.resourceType === 'raw') return
  const found = probe(asset.content)
  if (found === null) return
  const { width, height, pages, duration, isAudio } = found
  Object.assign(asset, { width, height, pages, duration, isAudio })
}

/** Makes a kept version the present binary, as a new version of its own. */
export const restoreVersion = (world: World, cloud: Cloud, restored: { asset: Asset; kept: BackupVersion }): void => {
  const { asset, kept } = restored
  const now = world.now()
  beforeChange(world, cloud, asset)
  asset.content = kept.content
  asset.format = kept.format
  asset.version = versionAfter(asset.version, now)
  asset.versionId = newId()
  asset.uploadedAt = now
  asset.times = { ...asset.times, updated: now }
  asset.derived = []
  describeContent(asset)
  backUp(asset)
}
