import type { AssetFacts } from '../model/asset.ts'
import { MEMORY_LIMIT } from './part.ts'
import type { BackupDeps } from './run-state.ts'
import { openScratch, SCRATCH_LIMIT, type ScratchBudget, type ScratchSpace } from './scratch-budget.ts'

/** The scratch of one run. */
export interface Scratch {
  readonly budget: ScratchBudget
  readonly space: ScratchSpace
  /** Says by name when an asset does not fit into what was free at the beginning; once an asset, the larger ones only. */
  warn(facts: Pick<AssetFacts, 'publicId' | 'resourceType' | 'type' | 'bytes'>): void
}

type Saying = (event: { readonly type: 'note'; readonly message: string }) => void

/** Opens scratch, and says beforehand when the disk has less room than a run may take. */
export async function openRunScratch(
  { scratch, scratchLimit, now }: Pick<BackupDeps, 'scratch' | 'scratchLimit' | 'now'>,
  listen: Saying,
): Promise<Scratch> {
  const { budget, space } = await openScratch(scratch, scratchLimit ?? SCRATCH_LIMIT, now())
  const { limit, free } = space
  if (free !== null && free < limit) {
    listen({
      type: 'note',
      message: `up to ${sizeText(limit)} may be needed in ${scratch}, and ${sizeText(free)} are free there`,
    })
  }
  let largest = Math.max(MEMORY_LIMIT, free ?? Number.POSITIVE_INFINITY)
  return {
    budget,
    space,
    warn({ publicId, resourceType, type, bytes }) {
      if (bytes === null || bytes <= largest) return
      largest = bytes
      const name = `${resourceType}/${type}/${publicId}`
      const room = `${sizeText(free ?? 0)} were free in ${scratch}`
      listen({ type: 'note', message: `${name} has ${sizeText(bytes)}, and only ${room} when the run began` })
    },
  }
}

/** For runs whose estimate has no place for it. */
export const sayScratch = ({ folder, limit, free }: ScratchSpace): string =>
  `large bodies go through ${folder}: up to ${sizeText(limit)}${free === null ? '' : `, ${sizeText(free)} are free`}`

const sizeText = (bytes: number): string =>
  bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
