import type { VersionRow } from '../../catalog/catalog.ts'
import type { BackupHistory, BackupSigns, BackupVersion } from '../../cloudinary/reader.ts'
import { MANAGED_TYPES } from '../../model/asset.ts'
import type { Entry } from '../../model/entry.ts'

export type Known = Pick<VersionRow, 'cldVersion' | 'object' | 'versionId' | 'purged'>

/**
 * fetch: the vault lacks it. kept, purged: the vault has it, or had it removed. current: what the account has now.
 * not-restorable: the service says that it cannot be had.
 */
export type Verdict = 'fetch' | 'kept' | 'purged' | 'current' | 'not-restorable'

export interface Judged {
  readonly version: BackupVersion
  readonly verdict: Verdict
  /** When this was the asset's state; null: nobody knows. */
  readonly since: string | null
  readonly until: string | null
}

/** Is this the version? By the service's id where it was imported, else by cld_version, which changes with the bytes. */
const isSame = (version: BackupVersion, known: Known): boolean =>
  known.versionId === version.versionId || (version.cldVersion !== null && known.cldVersion === version.cldVersion)

/** What is to be done about each version that Cloudinary's backup holds of an asset. */
export function sortOut(history: BackupHistory, known: readonly Known[]): readonly Judged[] {
  const { row, versions } = history
  const isNow = (version: BackupVersion): boolean => !row.placeholder && version.cldVersion === row.facts.cldVersion
  return versions.map((version, i) => ({
    version,
    verdict: verdictOn(version, known, isNow(version)),
    since: version.time,
    until: isNow(version) ? null : (versions[i + 1]?.time ?? whenReplaced(history, version)),
  }))
}

function verdictOn(version: BackupVersion, known: readonly Known[], isNow: boolean): Verdict {
  const same = known.filter((one) => isSame(version, one))
  if (same.some((one) => one.object !== null && one.purged === null)) return 'kept'
  if (same.some((one) => one.purged !== null)) return 'purged'
  if (isNow) return 'current'
  return version.restorable ? 'fetch' : 'not-restorable'
}

/** The last one of an asset that has other bytes now ended with their upload; of a deleted one nobody says when. */
function whenReplaced({ row }: BackupHistory, version: BackupVersion): string | null {
  const { uploadedAt } = row.facts
  const at = uploadedAt === null ? Number.NaN : Date.parse(uploadedAt)
  if (row.placeholder || version.time === null || !(at > Date.parse(version.time))) return null
  return new Date(at).toISOString()
}

/** An asset of the account that is worth a call. */
export interface Candidate {
  readonly assetId: string
  readonly publicId: string
  readonly resourceType: Entry['resourceType']
  readonly type: string
  readonly cldVersion: number
  /** Milliseconds since the epoch; 0 when nobody knows. */
  readonly changedAt: number
  /** The search index says that there is more than the bytes that the asset has now. */
  readonly sure: boolean
  /** Length of what there is besides these; null when nobody knows. */
  readonly olderBytes: number | null
}

/** May Cloudinary's backup hold anything at all of an asset? */
export const isBackedUp = (entry: Pick<Entry, 'type'>, signs: BackupSigns): boolean =>
  MANAGED_TYPES.includes(entry.type) && (signs.backedUp || (signs.bytes !== null && signs.bytes > 0))

/**
 * False when the call can be spared, because the records of an asset say that its backup holds nothing that the vault
 * lacks: its details name every version and each is known; or it has never been replaced since its first upload, by
 * its times and by the length of its backup both, and the vault has its bytes.
 */
export function mayHoldMore(entry: Entry, signs: BackupSigns, known: readonly Known[]): boolean {
  const { facts, object } = entry
  const isKnown = (version: BackupVersion): boolean => known.some((one) => one.object !== null && isSame(version, one))
  if (signs.versions?.every(isKnown)) return false
  const uploaded = timeOf(facts.uploadedAt)
  const isFirst = uploaded > 0 && uploaded === timeOf(facts.createdAt)
  return !(isFirst && object !== null && facts.bytes !== null && signs.bytes === facts.bytes)
}

export function candidateOf(entry: Entry, signs: BackupSigns): Candidate {
  const { facts } = entry
  const olderBytes = signs.bytes === null || facts.bytes === null ? null : Math.max(0, signs.bytes - facts.bytes)
  return {
    assetId: entry.assetId,
    publicId: entry.publicId,
    resourceType: entry.resourceType,
    type: entry.type,
    cldVersion: entry.cldVersion,
    changedAt: timeOf(facts.uploadedAt) || timeOf(facts.updatedAt) || timeOf(facts.createdAt),
    sure: olderBytes !== null && olderBytes > 0,
    olderBytes,
  }
}

const timeOf = (text: string | null): number => (text === null ? 0 : Date.parse(text) || 0)

/** Those that surely have a history first, and of each kind the newest changed first. A total order. */
export const compareCandidates = (a: Candidate, b: Candidate): number =>
  Number(b.sure) - Number(a.sure) ||
  b.changedAt - a.changedAt ||
  (a.assetId < b.assetId ? -1 : Number(a.assetId > b.assetId))
