import type { SegmentRef } from '../../model/snapshot.ts'
import type { Verdict } from './retention.ts'

/** A segment, once for all snapshots that share it. */
export interface Part {
  readonly digest: string
  /** The newest snapshot that has it, counted from the newest one, which is 0. */
  readonly newest: number
  /** True when a snapshot that stays has it. */
  readonly keep: boolean
}

/** Everything that snapshots say about the assets whose ids begin alike. */
export interface Group {
  readonly prefix: string
  /** Of the newest snapshot first. */
  readonly parts: readonly Part[]
}

/**
 * Cuts the manifests of an account's snapshots where all of them are cut, so that a piece of every snapshot fits into
 * memory and none is read twice. In order of prefix. `length` is that of the prefixes.
 */
export function groupsOf(newestFirst: readonly Verdict[]): {
  readonly length: number
  readonly groups: readonly Group[]
} {
  const length = newestFirst.reduce((min, { stored }) => Math.min(min, stored.snapshot.prefixLength), 16)
  const made = new Map<string, Map<string, Part>>()
  for (const [i, { stored, keep }] of newestFirst.entries()) {
    for (const ref of stored.snapshot.segments) add(made, ref.prefix.slice(0, length), { ref, i, keep })
  }
  const groups = [...made]
    .map(([prefix, parts]) => ({ prefix, parts: [...parts.values()].sort((a, b) => a.newest - b.newest) }))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  return { length, groups }
}

function add(
  made: Map<string, Map<string, Part>>,
  prefix: string,
  { ref, i, keep }: { readonly ref: SegmentRef; readonly i: number; readonly keep: boolean },
): void {
  const parts = made.get(prefix) ?? new Map<string, Part>()
  made.set(prefix, parts)
  const known = parts.get(ref.object)
  if (known === undefined) parts.set(ref.object, { digest: ref.object, newest: i, keep })
  else if (keep && !known.keep) parts.set(ref.object, { ...known, keep })
}
