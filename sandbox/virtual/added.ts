/** The assets that were added to a computed library, in order of (createdAt, assetId), found by id and by name. */
import type { Asset, ShelfPosition } from '../state.ts'

export interface Added {
  readonly size: number
  byId(assetId: string): Asset | undefined
  all(): readonly Asset[]
  insert(asset: Asset): void
  remove(assetId: string): boolean
  /** The first strictly after the position; the very first without one. */
  after(position?: ShelfPosition): Asset | undefined
  /** The last strictly before the position; the very last without one. */
  before(position?: ShelfPosition): Asset | undefined
}

export const compare = (a: ShelfPosition, b: ShelfPosition): number =>
  a.createdAt - b.createdAt || (a.assetId < b.assetId ? -1 : a.assetId > b.assetId ? 1 : 0)

export const createAdded = (): Added => {
  const ordered: Asset[] = []
  const ids = new Map<string, Asset>()

  /** How many stand before the position, counting the one at it when `inclusive`. */
  const countBefore = (position: ShelfPosition, inclusive: boolean): number => {
    let low = 0
    let high = ordered.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = ordered[middle]
      const order = found === undefined ? 1 : compare(found, position)
      if (order < 0 || (inclusive && order === 0)) low = middle + 1
      else high = middle
    }
    return low
  }
  const remove = (assetId: string): boolean => {
    const asset = ids.get(assetId)
    if (asset === undefined) return false
    ids.delete(assetId)
    ordered.splice(ordered.indexOf(asset, countBefore(asset, false)), 1)
    return true
  }
  return {
    get size() {
      return ordered.length
    },
    byId: (assetId) => ids.get(assetId),
    all: () => ordered,
    insert(asset) {
      remove(asset.assetId)
      ids.set(asset.assetId, asset)
      ordered.splice(countBefore(asset, true), 0, asset)
    },
    remove,
    after: (position) => ordered[position === undefined ? 0 : countBefore(position, true)],
    before: (position) => ordered[(position === undefined ? ordered.length : countBefore(position, false)) - 1],
  }
}
