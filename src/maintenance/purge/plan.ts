import type { Catalog, VersionRow } from '../../catalog/catalog.ts'
import type { AccountReader } from '../../cloudinary/reader.ts'
import type { Entry } from '../../model/entry.ts'
import { AppError } from '../../model/errors.ts'
import { recordsOf } from '../../restore/select.ts'
import { trashKey } from '../../vault/trash.ts'
import type { Vault } from '../../vault/vault.ts'
import { objectsOf, versionKey } from '../prune/survey.ts'
import { quarantinedOf } from '../repair/quarantine.ts'
import { type PlannedDeletion, planDeletions } from './cloudinary.ts'
import { type Shelf, shownFiles } from './library.ts'
import { type Namer, namersOf } from './names.ts'

/** Which versions of an account are to go. */
export interface PurgeWish {
  readonly cloud: string
  readonly versions: readonly Pick<VersionRow, 'assetId' | 'version'>[]
  readonly atCloudinary: boolean
}

export interface PurgeSources {
  readonly vault: Vault
  readonly catalog: Catalog
  /** Null where the vault is not on this disk: there is no library then. */
  readonly shelf: Shelf | null
  /** Null unless Cloudinary's backup is meant too. */
  readonly reader: Pick<AccountReader, 'backupHistory'> | null
}

export interface PlannedVersion {
  readonly row: VersionRow
  readonly entry: Entry
  /** The state in which its asset was in the account at the last backup. */
  readonly isCurrent: boolean
}

export interface PlannedObject {
  readonly digest: string
  /** Null when the vault does not have it. */
  readonly size: number | null
  /** Nothing else names it. */
  readonly goes: boolean
  readonly because: readonly Namer[]
  /** Copies outside of its place: keys in the trash and in quarantine. */
  readonly besides: readonly string[]
}

/** What a purge would do: a value, for people to look at before it is done. */
export interface PurgePlan {
  readonly cloud: string
  readonly versions: readonly PlannedVersion[]
  /** Originals and bytes of derived assets that these versions name. */
  readonly objects: readonly PlannedObject[]
  /** Files of the library that show them. */
  readonly files: readonly string[]
  readonly deletions: readonly PlannedDeletion[]
}

/**
 * Changes nothing. Throws VERSION_NOT_FOUND for a version that is not kept, and what a manifest throws that cannot be
 * read. A version that is purged already is planned again: what a purge that was killed left behind goes then.
 */
export async function planPurge(sources: PurgeSources, wish: PurgeWish, signal: AbortSignal): Promise<PurgePlan> {
  const { vault, catalog, shelf, reader } = sources
  const { cloud } = wish
  const rows = await rowsOf(catalog, wish)
  const entries = await recordsOf({ vault, catalog }, cloud, rows, signal)
  const versions = rows.flatMap((row, i): PlannedVersion[] => {
    const entry = entries[i]
    return entry === undefined ? [] : [{ row, entry, isCurrent: row.origin === 'snapshot' && row.untilSeq === null }]
  })
  const purged = new Set(rows.map(versionKey))
  const digests = new Set(versions.flatMap(({ entry }) => objectsOf(entry)))
  return {
    cloud,
    versions,
    objects: await planObjects(sources, { digests, without: { cloud, versions: purged } }, signal),
    files: shelf === null ? [] : await shownFiles(shelf, catalog, { cloud, rows, purged }),
    deletions:
      reader === null || !wish.atCloudinary
        ? []
        : await planDeletions(reader, catalog, { cloud, entries: versions, purged }, signal),
  }
}

/** True when nothing of it is left to be done. */
export const isDone = ({ versions, objects, files, deletions }: PurgePlan): boolean =>
  versions.every(({ row }) => row.purged !== null) &&
  objects.every(({ goes, size, besides }) => !goes || (size === null && besides.length === 0)) &&
  files.length === 0 &&
  deletions.every(({ versionId }) => versionId === null)

/** True when two plans do the same. */
export const isSamePlan = (one: PurgePlan, other: PurgePlan): boolean => gistOf(one) === gistOf(other)

const gistOf = ({ versions, objects, files, deletions }: PurgePlan): string =>
  JSON.stringify([
    versions.map(({ row, isCurrent }) => [versionKey(row), isCurrent]),
    objects.map(({ digest, goes }) => [digest, goes]),
    files,
    deletions.map(({ versionId }) => versionId),
  ])

/** Each version once, though a state that came back is recorded twice: then its latest time counts. */
async function rowsOf(catalog: Catalog, { cloud, versions }: PurgeWish): Promise<readonly VersionRow[]> {
  const rows = new Map<string, VersionRow>()
  for (const wanted of versions) {
    const all = await catalog.read((tx) => tx.versionsOf(cloud, wanted.assetId))
    const row = all.findLast(({ version }) => version === wanted.version)
    if (row === undefined) {
      throw new AppError('VERSION_NOT_FOUND', `version ${wanted.version} of ${wanted.assetId} is not kept`)
    }
    rows.set(versionKey(row), row)
  }
  return [...rows.values()]
}

async function planObjects(
  { vault, catalog }: PurgeSources,
  of: { readonly digests: ReadonlySet<string>; readonly without: { cloud: string; versions: ReadonlySet<string> } },
  signal: AbortSignal,
): Promise<readonly PlannedObject[]> {
  if (of.digests.size === 0) return []
  const namers = await namersOf(vault, { candidates: of.digests, without: of.without }, signal)
  const inRuns = new Set<string>()
  for await (const digest of catalog.stream((tx) => tx.openRunObjects())) if (of.digests.has(digest)) inRuns.add(digest)
  const objects: PlannedObject[] = []
  for (const digest of [...of.digests].sort()) {
    const because: Namer[] = [...(namers.get(digest) ?? []), ...(inRuns.has(digest) ? [{ kind: 'run' } as const] : [])]
    const inTrash = (await vault.store.stat(trashKey(digest), signal)) === null ? [] : [trashKey(digest)]
    objects.push({
      digest,
      size: (await vault.statObject(digest, signal))?.size ?? null,
      goes: because.length === 0,
      because,
      besides: [...inTrash, ...(await quarantinedOf(vault.store, digest, signal))],
    })
  }
  return objects
}
