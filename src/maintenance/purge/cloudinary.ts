import type { Catalog, VersionRow } from '../../catalog/catalog.ts'
import type { AccountReader, BackupVersion } from '../../cloudinary/reader.ts'
import type { AccountWriter } from '../../cloudinary/writer.ts'
import type { Entry } from '../../model/entry.ts'
import { AppError } from '../../model/errors.ts'
import { versionKey } from '../prune/survey.ts'

/** What becomes of a version in Cloudinary's own backup. */
export interface PlannedDeletion {
  readonly assetId: string
  readonly version: string
  readonly publicId: string
  /** Null: nothing is deleted, for the reason. */
  readonly versionId: string | null
  readonly reason: string | null
}

export interface Deletions {
  readonly deleted: number
  readonly failed: readonly { readonly publicId: string; readonly versionId: string; readonly reason: string }[]
}

/**
 * Finds the versions in Cloudinary's own backup, one call an asset. Throws VERSION_NOT_FOUND when one cannot be told
 * from another: what is deleted there is gone too.
 */
export async function planDeletions(
  reader: Pick<AccountReader, 'backupHistory'>,
  catalog: Catalog,
  of: {
    readonly cloud: string
    readonly entries: readonly { readonly row: VersionRow; readonly entry: Entry }[]
    readonly purged: ReadonlySet<string>
  },
  signal: AbortSignal,
): Promise<readonly PlannedDeletion[]> {
  const planned: PlannedDeletion[] = []
  const histories = new Map<string, readonly BackupVersion[]>()
  for (const { row, entry } of of.entries) {
    if (row.object === null) continue
    const named = { assetId: row.assetId, version: row.version, publicId: row.publicId }
    const sharing = await keptWithSameBytes(catalog, of, row)
    if (sharing !== null) {
      const reason = `version ${sharing.version}, which is kept, has the same bytes`
      planned.push({ ...named, versionId: null, reason })
      continue
    }
    const held = histories.get(row.assetId) ?? (await reader.backupHistory(entry, signal))?.versions ?? []
    histories.set(row.assetId, held)
    const versionId = versionIn(held, row)
    const isKnown = versionId !== null && !planned.some((one) => one.versionId === versionId)
    if (isKnown) planned.push({ ...named, versionId, reason: null })
    else if (versionId === null) planned.push({ ...named, versionId, reason: "Cloudinary's backup does not hold it" })
  }
  return planned
}

/** A state of the same asset that differs in its metadata only. */
async function keptWithSameBytes(
  catalog: Catalog,
  { cloud, purged }: { readonly cloud: string; readonly purged: ReadonlySet<string> },
  row: VersionRow,
): Promise<VersionRow | null> {
  const versions = await catalog.read((tx) => tx.versionsOf(cloud, row.assetId))
  const same = versions.find(
    (other) => other.object === row.object && other.purged === null && !purged.has(versionKey(other)),
  )
  return same ?? null
}

function versionIn(held: readonly BackupVersion[], row: VersionRow): string | null {
  if (row.versionId !== null) return held.find(({ versionId }) => versionId === row.versionId)?.versionId ?? null
  const alike = held.filter(
    ({ cldVersion, size }) =>
      cldVersion === row.cldVersion && (size === null || row.size === null || size === row.size),
  )
  const [only, ...others] = alike
  if (only === undefined) {
    if (held.every(({ cldVersion }) => cldVersion !== null)) return null
    throw unclear(row, held.length)
  }
  if (others.length > 0) throw unclear(row, alike.length)
  return only.versionId
}

const unclear = (row: VersionRow, among: number): AppError =>
  new AppError(
    'VERSION_NOT_FOUND',
    `it cannot be told which of ${among} versions in Cloudinary's backup is version ${row.version} of "${row.publicId}"`,
    { hint: 'purge it here without --at-cloudinary, and there by hand: Media Library, the asset, Revisions' },
  )

/** Deletes asset by asset; what the service refuses is told and the others go on. */
export async function deleteAtCloudinary(
  writer: Pick<AccountWriter, 'deleteVersions'>,
  planned: readonly PlannedDeletion[],
  signal: AbortSignal,
): Promise<Deletions> {
  let deleted = 0
  const failed: Deletions['failed'][number][] = []
  const byAsset = new Map<string, { readonly publicId: string; readonly ids: string[] }>()
  for (const { assetId, publicId, versionId } of planned) {
    if (versionId === null) continue
    const one = byAsset.get(assetId) ?? { publicId, ids: [] }
    one.ids.push(versionId)
    byAsset.set(assetId, one)
  }
  for (const [assetId, { publicId, ids }] of byAsset) {
    const done = await writer.deleteVersions(assetId, ids, signal)
    deleted += done.deleted.length
    for (const { versionId, reason } of done.failed) failed.push({ publicId, versionId, reason })
  }
  return { deleted, failed }
}
