import { sha256Hex } from '../../lib/hash.ts'
import type { Chosen } from '../selection.ts'
import { sidecarName } from './names.ts'
import { placeFile, type Restoring } from './place.ts'
import type { Sidecar } from './report.ts'
import { jsonSidecar } from './sidecar.ts'
import { xmpSidecar } from './xmp.ts'

export interface SidecarPath {
  readonly kind: Sidecar
  readonly path: string
}

/**
 * The places of a version's sidecars beside `path`. XMP speaks about a file; the JSON is the record itself, and worth
 * having without one. An account may hold a raw file that is called as a sidecar would be: then the later one of both
 * gets a mark.
 */
export const nameSidecars = (on: Restoring, { entry, purged }: Chosen, path: string): readonly SidecarPath[] => {
  const hasBytes = entry.object !== null && !purged
  return on.options.sidecars
    .filter((kind) => kind === 'json' || hasBytes)
    .map((kind) => ({ kind, path: on.names.nameOf({ ...entry, path: sidecarName(path, kind) }) }))
}

/** Writes them, as the policy says. `paths` are there now; `conflict` names the first that gave way to another file. */
export async function placeSidecars(
  on: Restoring,
  chosen: Chosen,
  sidecars: readonly SidecarPath[],
): Promise<{ written: number; paths: readonly string[]; conflict: string | null }> {
  let written = 0
  const paths: string[] = []
  let conflict: string | null = null
  for (const { kind, path } of sidecars) {
    const { entry, purged } = chosen
    const memory = Buffer.from(kind === 'json' ? jsonSidecar(entry, { purged }) : xmpSidecar(entry), 'utf8')
    const time = Date.parse(entry.facts.updatedAt ?? entry.capturedAt)
    const mtime = Number.isFinite(time) ? time : null
    const content = { digest: sha256Hex(memory), size: memory.length, mtime, memory }
    const placed = await placeFile(on, { path, content })
    if (placed.outcome === 'conflict') conflict ??= placed.path
    else paths.push(placed.path)
    if (['restored', 'renamed', 'replaced'].includes(placed.outcome)) written += 1
  }
  return { written, paths, conflict }
}
