import type { ProofOfVault } from '../../model/proof.ts'
import { type DrillRecord, FOLDER_TARGET } from '../drill/record.ts'
import type { Restorability } from './restorable.ts'

/** One reason why not everything is restorable. */
export type Obstacle =
  | { readonly kind: 'no-snapshot' }
  /** No snapshot is complete; `failed` assets of the newest could not be kept. */
  | { readonly kind: 'only-partial'; readonly takenAt: string; readonly failed: number }
  | {
      readonly kind: 'absent-objects'
      readonly objects: number
      readonly assets: number
      readonly names: readonly string[]
    }
  | { readonly kind: 'lost-lists'; readonly lists: number; readonly assets: number }
  | { readonly kind: 'unreadable-snapshots'; readonly keys: readonly string[] }
  /** Older snapshots with lists that could not be read. */
  | { readonly kind: 'damaged-history'; readonly keys: readonly string[] }
  /** The last check found errors that nothing has mended since. */
  | { readonly kind: 'errors-found'; readonly errors: number; readonly at: string }
  /** Rehearsals could not restore assets, and nothing has shown since that they can be restored now. */
  | { readonly kind: 'drill-failed'; readonly names: readonly string[] }

export interface Verdict {
  readonly ok: boolean
  /** The begin of the run that made the newest complete snapshot: what changed later may not be in it. Null: none. */
  readonly asOf: string | null
  /** What needs a person first comes first. */
  readonly obstacles: readonly Obstacle[]
}

export interface VerdictFacts {
  readonly look: Restorability
  readonly lastVerify: ProofOfVault | null
  /** The newest check that had read every byte. */
  readonly everyByte: ProofOfVault | null
  /** Newest first. */
  readonly drills: readonly Pick<DrillRecord, 'at' | 'target' | 'everything' | 'results'>[]
  /** Keys of snapshots that the index has with gaps. */
  readonly damagedSnapshots: readonly string[]
}

/** Whether everything is restorable, from what lies in the vault and from evidence, never from exit codes. */
export function judgeRestorability(facts: VerdictFacts): Verdict {
  const { look, lastVerify, damagedSnapshots } = facts
  const { newest, newestComplete, unreadable } = look.points
  const obstacles: Obstacle[] = []
  if (unreadable.length > 0) obstacles.push({ kind: 'unreadable-snapshots', keys: unreadable.map(({ key }) => key) })
  if (newest === null && unreadable.length === 0) obstacles.push({ kind: 'no-snapshot' })
  if (look.lost.length > 0) {
    const assets = look.lost.reduce((sum, { segment }) => sum + segment.entries, 0)
    obstacles.push({ kind: 'lost-lists', lists: look.lost.length, assets })
  }
  if (look.absent > 0) obstacles.push({ kind: 'absent-objects', objects: look.absent, ...look.affected })
  const errors = lastVerify?.errors ?? 0
  if (lastVerify !== null && errors > 0) obstacles.push({ kind: 'errors-found', errors, at: lastVerify.at })
  const failed = unmended(facts)
  if (failed.length > 0) obstacles.push({ kind: 'drill-failed', names: failed })
  const older = damagedSnapshots.filter((key) => key !== newest?.key && key !== newestComplete?.key)
  if (older.length > 0) obstacles.push({ kind: 'damaged-history', keys: older })
  if (newest !== null && newestComplete === null) {
    const { takenAt, totals } = newest.snapshot
    obstacles.push({ kind: 'only-partial', takenAt, failed: totals.failed })
  }
  return { ok: obstacles.length === 0, asOf: newestComplete?.snapshot.startedAt ?? null, obstacles }
}

/** Public ids of what a rehearsal in a folder could not restore, and that no later reading has shown to be right. */
function unmended({ drills, everyByte }: VerdictFacts): readonly string[] {
  const readSince = everyByte !== null && everyByte.errors === 0 ? everyByte.at : ''
  const right = new Set<string>()
  const names = new Map<string, string>()
  for (const { at, target, everything, results } of drills) {
    if (everything || Date.parse(at) <= Date.parse(readSince)) break
    for (const { assetId, version, outcome, code, publicId } of results) {
      const id = `${assetId}@${version}`
      if (outcome === 'same') right.add(id)
      // Absence is looked for anew each time, and another account has reasons of its own to refuse an asset.
      else if (!right.has(id) && code !== 'OBJECT_NOT_FOUND' && target === FOLDER_TARGET) names.set(id, publicId)
    }
  }
  return [...names.values()]
}
