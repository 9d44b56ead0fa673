import type { Asset, AssetShelf, ShelfPosition } from './state.ts'

const nameKey = (resourceType: string, type: string, publicId: string): string => `${resourceType}/${type}/${publicId}`

const compare = (a: ShelfPosition, b: ShelfPosition): number =>
  a.createdAt - b.createdAt || (a.assetId < b.assetId ? -1 : a.assetId > b.assetId ? 1 : 0)

/** How many of the sorted `assets` lie before `position`; with `including`, an asset at the position counts too. */
const countBefore = (assets: readonly Asset[], position: ShelfPosition, including: boolean): number => {
  let low = 0
  let high = assets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const asset = assets[middle]
    const order = asset === undefined ? 1 : compare(asset, position)
    if (order < 0 || (including && order === 0)) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * A shelf that holds its assets in one array in the order of creation: a page starts with a binary search, and new
 * assets, being the newest, are appended. `createdAt` must not change while an asset is on the shelf. Adding an
 * asset_id that is there already replaces the asset.
 */
export const createMemoryShelf = (): AssetShelf => {
  const ordered: Asset[] = []
  const ids = new Map<string, Asset>()
  const names = new Map<string, Asset>()

  const remove = (assetId: string): void => {
    const asset = ids.get(assetId)
    if (asset === undefined) return
    ids.delete(assetId)
    const name = nameKey(asset.resourceType, asset.type, asset.publicId)
    if (names.get(name) === asset) names.delete(name)
    ordered.splice(countBefore(ordered, asset, false), 1)
  }

  return {
    get size() {
      return ordered.length
    },
    byId: (assetId) => ids.get(assetId),
    byName: (resourceType, type, publicId) => names.get(nameKey(resourceType, type, publicId)),
    *scan(after) {
      for (let i = after === undefined ? 0 : countBefore(ordered, after, true); i < ordered.length; i++) {
        const asset = ordered[i]
        if (asset !== undefined) yield asset
      }
    },
    *scanDown(before) {
      for (let i = (before === undefined ? ordered.length : countBefore(ordered, before, false)) - 1; i >= 0; i--) {
        const asset = ordered[i]
        if (asset !== undefined) yield asset
      }
    },
    add(asset) {
      remove(asset.assetId)
      ordered.splice(countBefore(ordered, asset, false), 0, asset)
      ids.set(asset.assetId, asset)
      names.set(nameKey(asset.resourceType, asset.type, asset.publicId), asset)
    },
    renamed(asset, before) {
      const name = nameKey(before.resourceType, before.type, before.publicId)
      if (names.get(name) === asset) names.delete(name)
      names.set(nameKey(asset.resourceType, asset.type, asset.publicId), asset)
    },
    remove,
  }
}
