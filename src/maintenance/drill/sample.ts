import { sha256Hex } from '../../lib/hash.ts'
import type { Entry } from '../../model/entry.ts'

/** How much is rehearsed. */
export type SampleSize =
  | { readonly kind: 'all' }
  | { readonly kind: 'count'; readonly count: number }
  /** Of the assets of the snapshot, in percent. */
  | { readonly kind: 'share'; readonly percent: number }

/** Gathers a sample from entries that pass by once, in memory that follows the sample and not the account. */
export interface Sampler {
  offer(entry: Entry, isDrilled: boolean): void
  /** assetIds. */
  chosen(): ReadonlySet<string>
}

interface Ranked {
  readonly assetId: string
  readonly isDrilled: boolean
  readonly rank: string
}

/**
 * The sample of a drill: the largest asset, the oldest, one of each resource and delivery type, and then by lot until
 * there are `size`, those never drilled before first. The same seed, entries and past draw the same sample.
 */
export function createSampler(seed: string, size: number): Sampler {
  let drawn: Ranked[] = []
  let largest: { assetId: string; size: number; rank: string } | null = null
  let oldest: { assetId: string; time: number; rank: string } | null = null
  const types = new Map<string, Ranked>()

  return {
    offer: (entry, isDrilled) => {
      const { assetId } = entry
      const rank = sha256Hex(`${seed} ${assetId} ${entry.version}`)
      const ranked = { assetId, isDrilled, rank }
      const bytes = entry.size ?? 0
      const time = timeOf(entry)
      if (largest === null || bytes > largest.size || (bytes === largest.size && rank < largest.rank))
        largest = { assetId, size: bytes, rank }
      if (oldest === null || time < oldest.time || (time === oldest.time && rank < oldest.rank))
        oldest = { assetId, time, rank }
      const type = `${entry.resourceType}/${entry.type}`
      const known = types.get(type)
      if (known === undefined || inOrder(ranked, known) < 0) types.set(type, ranked)
      drawn.push(ranked)
      if (drawn.length >= 2 * size + 1000) drawn = drawn.sort(inOrder).slice(0, size)
    },
    chosen: () => {
      const musts = [largest, oldest, ...types.values()].flatMap((must) => (must === null ? [] : [must.assetId]))
      const chosen = new Set(musts)
      for (const { assetId } of drawn.sort(inOrder)) {
        if (chosen.size >= size) break
        chosen.add(assetId)
      }
      return chosen
    },
  }
}

const inOrder = (a: Ranked, b: Ranked): number =>
  Number(a.isDrilled) - Number(b.isDrilled) || (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0)

const timeOf = ({ facts, capturedAt }: Entry): number => {
  const time = Date.parse(facts.createdAt ?? capturedAt)
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time
}

/** How many assets of so many. At least one; null for all. */
export const sampleCount = (size: SampleSize, assets: number): number | null => {
  if (size.kind === 'all') return null
  return size.kind === 'count' ? size.count : Math.max(1, Math.ceil((assets * size.percent) / 100))
}

export const sampleText = (size: SampleSize): string =>
  size.kind === 'all' ? 'all' : size.kind === 'count' ? String(size.count) : `${size.percent}%`
