/** People at work in an account: random uploads, overwrites, renames, relabelling and deletions, without HTTP. */
import { backUp, removeAsset, versionAfter } from './backups/versions.ts'
import { ensureFolder } from './folder-records.ts'
import { contentOf, makeAsset } from './make-asset.ts'
import { createRandom, type Random } from './random.ts'
import { beforeChange } from './search-lag.ts'
import type { Asset, Cloud, World } from './state.ts'

type ChangeKind = 'upload' | 'overwrite' | 'rename' | 'relabel' | 'delete'

export interface Change {
  readonly kind: ChangeKind
  readonly assetId: string
  /** After the change. */
  readonly publicId: string
}

export interface HistoryOptions {
  /** The clock of the sandbox that serves the account. @default Date.now */
  readonly now?: () => number
  /** Which changes happen; a kind that is named twice happens twice as often. @default all, the gentle ones more often */
  readonly kinds?: readonly ChangeKind[]
}

const USUAL: readonly ChangeKind[] = [
  'upload',
  'upload',
  'upload',
  'overwrite',
  'overwrite',
  'relabel',
  'relabel',
  'relabel',
  'rename',
  'delete',
]

interface Hand {
  readonly world: World
  readonly cloud: Cloud
  readonly random: Random
}

const openHand = (cloud: Cloud, seed: number, now: () => number): Hand => ({
  cloud,
  random: createRandom(seed),
  world: { clouds: new Map([[cloud.name, cloud]]), cursorEpoch: 0, now, baseUrl: '', log: [] },
})

/** One of those with a binary, about as likely as any other; undefined in an empty account. */
const anyAsset = ({ cloud, random }: Hand): Asset | undefined => {
  const oldest = firstOf(cloud.shelf.scan())
  const newest = firstOf(cloud.shelf.scanDown())
  if (oldest === undefined || newest === undefined) return undefined
  const createdAt = oldest.createdAt + Math.floor(random.next() * (newest.createdAt - oldest.createdAt + 1))
  const position = { createdAt, assetId: random.hex(32) }
  return firstWithContent(cloud.shelf.scan(position)) ?? firstWithContent(cloud.shelf.scanDown(position))
}

const firstOf = (assets: Iterable<Asset>): Asset | undefined => {
  for (const asset of assets) return asset
  return undefined
}

const firstWithContent = (assets: Iterable<Asset>): Asset | undefined => {
  for (const asset of assets) if (asset.content !== null) return asset
  return undefined
}

const PNG_HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

/** A file that an upload would take, small and like no other: of an image its size is written in it. */
const newBytes = ({ random }: Hand, asset?: Asset): Buffer => {
  const text = Buffer.from(`${random.hex(16)}\n`.repeat(random.between(1, 200)))
  if (asset?.resourceType === 'raw') return text
  if (asset?.resourceType === 'video' && asset.content !== null) {
    return Buffer.concat([asset.content.read(0, asset.content.size - 1), text])
  }
  const size = Buffer.alloc(17)
  size.writeUInt32BE(640, 0)
  size.writeUInt32BE(480, 4)
  return Buffer.concat([PNG_HEAD, size, text])
}

const upload = (hand: Hand): Asset => {
  const { cloud, random, world } = hand
  const now = world.now()
  const folder = random.pick(['', 'incoming', 'incoming/today', 'shared'])
  const name = `new-${random.hex(10)}`
  return makeAsset(cloud, {
    assetId: hand.random.hex(32),
    versionId: hand.random.hex(32),
    publicId: folder === '' ? name : `${folder}/${name}`,
    assetFolder: folder,
    format: 'png',
    createdAt: now,
    bytes: newBytes(hand),
    tags: random.chance(0.5) ? ['new'] : [],
  })
}

const overwrite = (hand: Hand, asset: Asset): void => {
  const now = hand.world.now()
  asset.content = contentOf(newBytes(hand, asset))
  if (asset.resourceType === 'image') Object.assign(asset, { format: 'png', width: 640, height: 480 })
  asset.version = versionAfter(asset.version, now)
  asset.versionId = hand.random.hex(32)
  asset.uploadedAt = now
  asset.times = { ...asset.times, updated: now }
  asset.derived = []
  if (asset.backup) backUp(asset)
}

const rename = ({ cloud, random, world }: Hand, asset: Asset): void => {
  const before = { resourceType: asset.resourceType, type: asset.type, publicId: asset.publicId }
  const now = world.now()
  asset.publicId = `${asset.publicId.replace(/-renamed-[0-9a-f]{6}$/, '')}-renamed-${random.hex(6)}`
  asset.times = { ...asset.times, updated: now, publicId: now }
  cloud.shelf.renamed(asset, before)
}

const relabel = ({ cloud, random, world }: Hand, asset: Asset): void => {
  const now = world.now()
  const times = { ...asset.times, updated: now }
  const choice = random.below(cloud.settings.folderMode === 'dynamic' ? 4 : 2)
  if (choice === 0) {
    asset.tags = [...new Set([...asset.tags.slice(-5), random.pick(['sale', 'hero', 'draft', 'approved', 'old'])])]
    times.tags = now
  } else if (choice === 1) {
    asset.context = { ...asset.context, alt: `Described by ${random.hex(6)}` }
    times.context = now
  } else if (choice === 2) {
    asset.displayName = `Shown as ${random.hex(4)}`
  } else {
    asset.assetFolder = random.pick(['incoming', 'sorted', 'sorted/later', 'archive'])
    ensureFolder(cloud, asset.assetFolder, now)
  }
  asset.times = times
}

const step = (hand: Hand, kind: ChangeKind): Change => {
  const asset = kind === 'upload' ? undefined : anyAsset(hand)
  if (asset === undefined) {
    const made = upload(hand)
    return { kind: 'upload', assetId: made.assetId, publicId: made.publicId }
  }
  beforeChange(hand.world, hand.cloud, asset)
  if (kind === 'overwrite') overwrite(hand, asset)
  else if (kind === 'rename') rename(hand, asset)
  else if (kind === 'relabel') relabel(hand, asset)
  else removeAsset(hand.world, hand.cloud, asset)
  return { kind, assetId: asset.assetId, publicId: asset.publicId }
}

/**
 * Changes the account that many times, at once. The same seed and clock do the same to the same account. Returns what
 * it did, in order.
 */
export const applyRandomHistory = (
  cloud: Cloud,
  seed: number,
  options: HistoryOptions & { steps: number },
): Change[] => {
  const hand = openHand(cloud, seed, options.now ?? Date.now)
  return Array.from({ length: options.steps }, () => step(hand, hand.random.pick(options.kinds ?? USUAL)))
}

export interface Changing {
  /** What was done so far. */
  readonly changes: readonly Change[]
  /** No change happens after it resolves. May be called again. */
  stop(): Promise<void>
}

/** Changes the account once every `everyMs`, while clients look at it, until it is stopped. */
export const keepChanging = (
  cloud: Cloud,
  options: HistoryOptions & { readonly everyMs: number; readonly seed: number },
): Changing => {
  const hand = openHand(cloud, options.seed, options.now ?? Date.now)
  const changes: Change[] = []
  const timer = setInterval(() => {
    changes.push(step(hand, hand.random.pick(options.kinds ?? USUAL)))
  }, options.everyMs)
  return {
    changes,
    stop: async () => clearInterval(timer),
  }
}
