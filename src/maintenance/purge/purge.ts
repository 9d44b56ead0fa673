import type { AccountWriter } from '../../cloudinary/writer.ts'
import type { Json } from '../../model/json.ts'
import type { Purge, PurgedVersion } from '../../model/purge.ts'
import type { Library } from '../../vault/library.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import type { Vault } from '../../vault/vault.ts'
import { objectsOf } from '../prune/survey.ts'
import { type Deletions, deleteAtCloudinary } from './cloudinary.ts'
import type { PlannedVersion, PurgePlan } from './plan.ts'

export interface PurgeHands {
  readonly vault: Vault
  readonly sweeper: Sweeper
  readonly library: Library | null
  /** Null unless Cloudinary's backup is meant too. */
  readonly writer: Pick<AccountWriter, 'deleteVersions'> | null
}

export interface PurgeDeed {
  readonly id: string
  readonly at: string
  readonly reason: string
  readonly tool: string
}

export interface PurgeReport {
  readonly record: string
  readonly versions: number
  readonly objects: number
  readonly bytes: number
  readonly files: number
  readonly atCloudinary: Deletions
}

/**
 * Does what was planned, under the locks of runs and of prunes. The record comes first, so that a kill at any moment
 * leaves an absence that is explained; the same purge again removes what was left. Files of the library go before the
 * objects that tell whether they are the right ones.
 */
export async function applyPurge(
  hands: PurgeHands,
  plan: PurgePlan,
  deed: PurgeDeed,
  signal: AbortSignal,
): Promise<PurgeReport> {
  const { vault, sweeper, library } = hands
  const purge = purgeOf(plan, deed)
  const record = await writePurge(vault, purge, signal)
  for (const path of plan.files) await library?.remove(path)
  await library?.flush()
  let [objects, bytes] = [0, 0]
  for (const { digest, goes, size, besides } of plan.objects) {
    if (!goes) continue
    signal.throwIfAborted()
    await sweeper.removeObject(digest, signal)
    for (const key of besides) await sweeper.removeCopy(key, signal)
    objects += size === null && besides.length === 0 ? 0 : 1
    bytes += size ?? 0
  }
  const atCloudinary =
    hands.writer === null ? { deleted: 0, failed: [] } : await deleteAtCloudinary(hands.writer, plan.deletions, signal)
  if (atCloudinary.deleted > 0 && atCloudinary.failed.length === 0) {
    await writePurge(vault, { ...purge, alsoAtCloudinary: true }, signal)
  }
  return { record, versions: plan.versions.length, objects, bytes, files: plan.files.length, atCloudinary }
}

/** A record with the same time and id is replaced in one step. */
const writePurge = (vault: Vault, purge: Purge, signal: AbortSignal): Promise<string> =>
  vault.writeRecord(
    { kind: 'purges', cloud: purge.cloud },
    { id: purge.id, at: purge.at, value: encodePurge(purge) },
    signal,
  )

const encodePurge = (purge: Purge): Json => ({
  ...purge,
  versions: purge.versions.map((version) => ({ ...version, derived: [...version.derived] })),
})

function purgeOf(plan: PurgePlan, deed: PurgeDeed): Purge {
  const gone = new Set(plan.objects.filter(({ goes }) => goes).map(({ digest }) => digest))
  return {
    format: 1,
    cloud: plan.cloud,
    ...deed,
    alsoAtCloudinary: false,
    versions: plan.versions.map((version) => purgedVersion(version, gone)),
  }
}

function purgedVersion({ row, entry }: PlannedVersion, gone: ReadonlySet<string>): PurgedVersion {
  const { object } = entry
  return {
    assetId: row.assetId,
    version: row.version,
    publicId: row.publicId,
    object,
    objectRemoved: object !== null && gone.has(object),
    derived: objectsOf(entry).filter((digest) => digest !== object && gone.has(digest)),
  }
}
