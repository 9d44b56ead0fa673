import type { CatalogReader, SnapshotRow, VersionRow } from '../catalog/catalog.ts'

/** What one asset did under a name, or on its way to it. */
export interface ChainPart {
  readonly assetId: string
  /** Oldest first; never empty. */
  readonly versions: readonly VersionRow[]
  /** Where the asset went from the name; null when it bears it still or is gone. */
  readonly movedTo: VersionRow | null
}

type Lookup = Pick<CatalogReader, 'byPublicId' | 'versionsOf'>

/**
 * The history of an asset as one line: before it, the assets that bore its resource_type, type and public_id earlier,
 * each up to its last version under that name. The asset itself is the last part, with all its names. Empty when
 * nothing is kept of it.
 */
export async function chainOf(reader: Lookup, cloud: string, assetId: string): Promise<readonly ChainPart[]> {
  const own = await reader.versionsOf(cloud, assetId)
  const newest = own.at(-1)
  if (newest === undefined) return []
  const { publicId, resourceType, type } = newest
  const begins = firstWith(own, newest)
  const parts: { readonly part: ChainPart; readonly begins: VersionRow }[] = []
  for (const bearer of await reader.byPublicId(cloud, publicId, { resourceType, type })) {
    if (bearer.assetId === assetId) continue
    const versions = await reader.versionsOf(cloud, bearer.assetId)
    const last = versions.findLastIndex((row) => isNamedLike(row, newest))
    const first = firstWith(versions, newest)
    if (last === -1 || !isEarlier(first, begins)) continue
    const part = {
      assetId: bearer.assetId,
      versions: versions.slice(0, last + 1),
      movedTo: versions[last + 1] ?? null,
    }
    parts.push({ part, begins: first })
  }
  parts.sort((a, b) => (isEarlier(a.begins, b.begins) ? -1 : 1))
  return [...parts.map(({ part }) => part), { assetId, versions: own, movedTo: null }]
}

type Name = Pick<VersionRow, 'publicId' | 'resourceType' | 'type'>

export const isNamedLike = (row: Name, name: Name): boolean =>
  row.publicId === name.publicId && row.resourceType === name.resourceType && row.type === name.type

const firstWith = (versions: readonly VersionRow[], name: VersionRow): VersionRow =>
  versions.find((row) => isNamedLike(row, name)) ?? name

/** In snapshots their order decides, elsewhere the time; what was imported without a time was there before everything. */
function isEarlier(one: VersionRow, other: VersionRow): boolean {
  if (one.origin === 'snapshot' && other.origin === 'snapshot' && one.fromSeq !== other.fromSeq) {
    return one.fromSeq < other.fromSeq
  }
  const [left, right] = [beganAt(one), beganAt(other)]
  return left === right ? one.assetId < other.assetId : left < right
}

/** Milliseconds since the epoch. */
function beganAt(row: VersionRow): number {
  const time = Date.parse(row.origin === 'import' ? (row.since ?? '') : row.capturedAt)
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time
}

/** A line of a chain as people read it. */
export type ChainLine =
  | {
      readonly kind: 'version'
      readonly row: VersionRow
      readonly ordinal: number
      /** Null for the first version, and after the asset was gone. */
      readonly before: VersionRow | null
    }
  /** `at` is null when nobody knows. */
  | { readonly kind: 'gone'; readonly assetId: string; readonly at: string | null }
  | { readonly kind: 'moved'; readonly assetId: string; readonly at: string | null; readonly to: VersionRow }
  /** The next version begins anew: another asset under the name, or the same one that came back. */
  | { readonly kind: 'again'; readonly assetId: string; readonly at: string; readonly isSame: boolean }

/** The versions of a chain in their order, and between them what became of their assets. */
export function linesOf(parts: readonly ChainPart[], snapshots: readonly SnapshotRow[]): readonly ChainLine[] {
  const takenAt = new Map(snapshots.map((row) => [row.seq, row.snapshot.takenAt]))
  const lines: ChainLine[] = []
  let ordinal = 0
  for (const [i, part] of parts.entries()) {
    if (i > 0) lines.push(again(part.versions[0], part.assetId, false))
    let recorded: VersionRow | null = null
    let before: VersionRow | null = null
    for (const row of part.versions) {
      if (row.origin === 'snapshot') {
        if (recorded !== null && recorded.untilSeq !== row.fromSeq) {
          lines.push(goneAfter(recorded, takenAt), again(row, part.assetId, true))
          before = null
        }
        recorded = row
      }
      ordinal += 1
      lines.push({ kind: 'version', row, ordinal, before })
      before = row
    }
    lines.push(...endOf(part, recorded, takenAt))
  }
  return lines
}

const again = (row: VersionRow | undefined, assetId: string, isSame: boolean): ChainLine => ({
  kind: 'again',
  assetId,
  at: row?.since ?? row?.capturedAt ?? '',
  isSame,
})

const goneAfter = (row: VersionRow, takenAt: ReadonlyMap<number, string>): ChainLine => ({
  kind: 'gone',
  assetId: row.assetId,
  at: takenAt.get(row.untilSeq ?? 0) ?? null,
})

function endOf(
  { assetId, versions, movedTo }: ChainPart,
  recorded: VersionRow | null,
  takenAt: ReadonlyMap<number, string>,
): readonly ChainLine[] {
  if (movedTo !== null) return [{ kind: 'moved', assetId, at: movedTo.since ?? movedTo.capturedAt, to: movedTo }]
  if (recorded !== null) return recorded.untilSeq === null ? [] : [goneAfter(recorded, takenAt)]
  // Known from history alone: the account does not have it any more.
  return [{ kind: 'gone', assetId, at: versions.at(-1)?.until ?? null }]
}
