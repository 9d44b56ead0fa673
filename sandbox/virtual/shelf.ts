/**
 * An account of up to fifty million assets that are computed when they are asked for. Memory is spent only on what was
 * added, changed or removed since.
 */
import type { Asset, AssetShelf, ShelfFilter, ShelfPosition } from '../state.ts'
import { type Added, compare, createAdded } from './added.ts'
import { makeVirtualAsset } from './assets.ts'
import { type ContentSource, createContentSource } from './content.ts'
import { createNumbering, type Numbering } from './numbering.ts'
import { createWatcher } from './watched.ts'

export interface VirtualShelfOptions {
  /** How many, 0 to 50 million. */
  readonly assets: number
  readonly seed: number
  /** Half the contents are smaller than this. @default 1024 */
  readonly medianBytes?: number
  /** Milliseconds; the assets are spread evenly between the two. @default 2019-01-01 */
  readonly createdFrom?: number
  /** @default five years after `createdFrom` */
  readonly createdTo?: number
  /** Shares among all assets; the rest are images of type upload. @default video 0.08, raw 0.06, private 0.02, authenticated 0.02 */
  readonly shares?: {
    readonly video?: number
    readonly raw?: number
    readonly private?: number
    readonly authenticated?: number
  }
}

export interface VirtualShelf extends AssetShelf {
  /** The folders that the computed assets are in, parents included. */
  folders(): string[]
  changed(): Iterable<Asset>
  /** How many assets are held in memory because they were added or changed. */
  readonly held: number
}

const MOST_ASSETS = 50_000_000
const FIVE_YEARS = 5 * 365 * 86_400_000
/** Whoever asks twice for an asset within one request gets the same object. */
const RECENT = 512

const nameKey = (resourceType: string, type: string, publicId: string): string =>
  `${resourceType}\n${type}\n${publicId}`
const keyOf = (asset: Asset): string => nameKey(asset.resourceType, asset.type, asset.publicId)

export const createVirtualShelf = (options: VirtualShelfOptions): VirtualShelf => {
  if (options.assets > MOST_ASSETS) throw new RangeError(`${options.assets} assets are more than ${MOST_ASSETS}`)
  const createdFrom = options.createdFrom ?? Date.UTC(2019, 0, 1)
  const numbering = createNumbering({
    count: options.assets,
    seed: options.seed,
    createdFrom,
    createdTo: options.createdTo ?? createdFrom + FIVE_YEARS,
    video: options.shares?.video ?? 0.08,
    raw: options.shares?.raw ?? 0.06,
    private: options.shares?.private ?? 0.02,
    authenticated: options.shares?.authenticated ?? 0.02,
  })
  return overlaid(computed(numbering, createContentSource(options.seed, options.medianBytes ?? 1024)))
}

interface Computed {
  readonly numbering: Numbering
  /** Assets that somebody changed; kept for good. */
  readonly changed: Map<number, Asset>
  readonly removed: Set<number>
  /** Undefined when it was removed. */
  at(index: number): Asset | undefined
  /** The same, without remembering it: for scans, which would push everything else out. */
  peek(index: number): Asset | undefined
}

const computed = (numbering: Numbering, contents: ContentSource): Computed => {
  const changed = new Map<number, Asset>()
  const removed = new Set<number>()
  const recent = new Map<number, Asset>()

  const stand = createWatcher({
    quick: {
      assetId: numbering.assetId,
      publicId: numbering.publicId,
      resourceType: numbering.resourceType,
      type: numbering.type,
      createdAt: numbering.createdAt,
    },
    make: (index) => makeVirtualAsset(index, numbering, contents),
    onChange: (index, asset) => {
      if (!changed.has(index)) changed.set(index, asset)
    },
  })
  const peek = (index: number): Asset | undefined =>
    removed.has(index) ? undefined : (changed.get(index) ?? recent.get(index) ?? stand(index))
  const at = (index: number): Asset | undefined => {
    const asset = peek(index)
    if (asset === undefined || changed.has(index)) return asset
    recent.set(index, asset)
    if (recent.size > RECENT) {
      const oldest = recent.keys().next()
      if (oldest.done !== true) recent.delete(oldest.value)
    }
    return asset
  }
  return { numbering, changed, removed, at, peek }
}

const overlaid = (base: Computed): VirtualShelf => {
  const { numbering, changed, removed } = base
  const added = createAdded()
  /** Names that the numbering can't tell: of added assets and of renamed ones. */
  const names = new Map<string, string>()

  const byId = (assetId: string): Asset | undefined => {
    const index = numbering.indexOfId(assetId)
    return index === undefined ? added.byId(assetId) : base.at(index)
  }
  return {
    get size() {
      return numbering.count - removed.size + added.size
    },
    get held() {
      return changed.size + added.size
    },
    byId,
    byName(resourceType, type, publicId) {
      const key = nameKey(resourceType, type, publicId)
      const renamed = names.get(key)
      if (renamed !== undefined) return byId(renamed)
      const index = numbering.indexOfName(resourceType, type, publicId)
      const asset = index === undefined ? undefined : base.at(index)
      return asset !== undefined && keyOf(asset) === key ? asset : undefined
    },
    scan: (after, filter) => wanted(filter, scanUp({ base, added, skips: skipping(base, filter) }, after)),
    scanDown: (before, filter) => wanted(filter, scanDown({ base, added, skips: skipping(base, filter) }, before)),
    changed: () => [...changed.values(), ...added.all()],
    add(asset) {
      const index = numbering.indexOfId(asset.assetId)
      if (index === undefined) added.insert(asset)
      else {
        removed.delete(index)
        changed.set(index, asset)
      }
      names.set(keyOf(asset), asset.assetId)
    },
    renamed(asset, before) {
      const old = nameKey(before.resourceType, before.type, before.publicId)
      if (names.get(old) === asset.assetId) names.delete(old)
      names.set(keyOf(asset), asset.assetId)
    },
    remove(assetId) {
      const asset = byId(assetId)
      if (asset === undefined) return
      if (names.get(keyOf(asset)) === assetId) names.delete(keyOf(asset))
      const index = numbering.indexOfId(assetId)
      if (index === undefined) added.remove(assetId)
      else {
        changed.delete(index)
        removed.add(index)
      }
    },
    folders: () => numbering.folders(),
  }
}

interface Walk {
  readonly base: Computed
  readonly added: Added
  /** Whether the computed asset is known to be unwanted, without making it. */
  skips(index: number): boolean
}

const skipping = ({ numbering, changed }: Computed, filter: ShelfFilter | undefined): Walk['skips'] => {
  const { resourceType, type } = filter ?? {}
  if (resourceType === undefined && type === undefined) return () => false
  return (index) =>
    !changed.has(index) &&
    ((type !== undefined && numbering.type(index) !== type) ||
      (resourceType !== undefined && numbering.resourceType(index) !== resourceType))
}

function* wanted({ resourceType, type }: ShelfFilter = {}, assets: Iterable<Asset>): Generator<Asset> {
  for (const asset of assets) {
    if (type !== undefined && asset.type !== type) continue
    if (resourceType === undefined || asset.resourceType === resourceType) yield asset
  }
}

function* scanUp({ base, added, skips }: Walk, after?: ShelfPosition): Generator<Asset> {
  const { numbering, peek } = base
  const { count, createdAt, assetId } = numbering
  let index = after === undefined ? 0 : numbering.firstAt(after.createdAt)
  // Dates of computed assets differ, so only the first can stand at the position or before it.
  if (after !== undefined && index < count && createdAt(index) === after.createdAt && assetId(index) <= after.assetId)
    index++
  let passed = after
  for (;;) {
    // Asked again at each step: assets may be added while somebody is reading.
    const next = added.after(passed)
    const computedFirst = next === undefined || compareComputed(numbering, index, next) < 0
    if (index < count && computedFirst) {
      const asset = skips(index) ? undefined : peek(index)
      index++
      if (asset !== undefined) yield asset
    } else if (next !== undefined) {
      passed = { createdAt: next.createdAt, assetId: next.assetId }
      yield next
    } else return
  }
}

function* scanDown({ base, added, skips }: Walk, before?: ShelfPosition): Generator<Asset> {
  const { numbering, peek } = base
  const { count, createdAt, assetId } = numbering
  let index = before === undefined ? count - 1 : numbering.firstAt(before.createdAt)
  if (before !== undefined) {
    const first = index < count && createdAt(index) === before.createdAt && assetId(index) < before.assetId
    if (!first) index--
  }
  let passed = before
  for (;;) {
    const next = added.before(passed)
    const computedFirst = next === undefined || compareComputed(numbering, index, next) > 0
    if (index >= 0 && computedFirst) {
      const asset = skips(index) ? undefined : peek(index)
      index--
      if (asset !== undefined) yield asset
    } else if (next !== undefined) {
      passed = { createdAt: next.createdAt, assetId: next.assetId }
      yield next
    } else return
  }
}

/** The id is a hash that costs something, so it is made only where the dates agree. */
const compareComputed = (numbering: Numbering, index: number, other: ShelfPosition): number => {
  const createdAt = numbering.createdAt(index)
  return createdAt - other.createdAt || compare({ createdAt, assetId: numbering.assetId(index) }, other)
}
