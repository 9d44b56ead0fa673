import type { ConflictPolicy } from '../report.ts'

/** What lies in the place of a version. Links and devices are `other`, never followed. */
export type Found =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'same-bytes' }
  | { readonly kind: 'other'; readonly mtime: number }
  | { readonly kind: 'folder' }

export type FolderDecision = 'write' | 'replace' | 'rename' | 'already-there' | 'conflict' | 'newer-there' | 'blocked'

/** File systems keep times to two seconds at worst (FAT); less than that is no difference. */
const CLOCK_GRAIN = 2000

/** What to do about one version. `keptAt` is its time, milliseconds since the epoch; null when nobody knows. */
export const decideFile = (found: Found, policy: ConflictPolicy, keptAt: number | null): FolderDecision => {
  if (found.kind === 'nothing') return 'write'
  if (found.kind === 'same-bytes') return 'already-there'
  if (policy === 'rename') return 'rename'
  if (policy === 'skip') return 'conflict'
  // No policy empties a folder.
  if (found.kind === 'folder') return 'blocked'
  if (policy === 'overwrite') return 'replace'
  return keptAt !== null && keptAt >= found.mtime + CLOCK_GRAIN ? 'replace' : 'newer-there'
}
