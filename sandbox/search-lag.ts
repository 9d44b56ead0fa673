import type { Asset, Cloud, World } from './state.ts'

const copyOf = (asset: Asset): Asset => ({
  ...asset,
  times: { ...asset.times },
  tags: [...asset.tags],
  context: { ...asset.context },
  metadata: { ...asset.metadata },
  moderation: asset.moderation.map((entry) => ({ ...entry })),
  versions: [...asset.versions],
  related: new Set(asset.related),
  derived: [...asset.derived],
})

/**
 * To be called before an asset is changed or removed: while the account's search lags, its results show the asset as
 * it was. Does nothing in an account without lag.
 */
export const beforeChange = (world: World, cloud: Cloud, asset: Asset): void => {
  const lag = cloud.settings.searchLagMs
  if (lag <= 0) return
  const now = world.now()
  while (cloud.before[0] !== undefined && cloud.before[0].at <= now - lag) cloud.before.shift()
  cloud.before.push({ assetId: asset.assetId, asset: copyOf(asset), at: now })
}

/** The assets that search shows otherwise than they are, by id: as they were, or null for those it has not seen yet. */
export const laggingAssets = (world: World, cloud: Cloud): ReadonlyMap<string, Asset | null> => {
  const since = world.now() - cloud.settings.searchLagMs
  const lagging = new Map<string, Asset | null>()
  if (cloud.settings.searchLagMs <= 0) return lagging
  for (const entry of cloud.before) {
    // The oldest record within the lag is what the index holds.
    if (entry.at > since && !lagging.has(entry.assetId)) lagging.set(entry.assetId, entry.asset)
  }
  for (const asset of cloud.shelf.scanDown()) {
    if (asset.createdAt <= since) break
    lagging.set(asset.assetId, null)
  }
  return lagging
}
