import type { Rules } from '../../backup/rules.ts'
import type { Catalog, Known, SnapshotRow } from '../../catalog/catalog.ts'
import type { AccountReader, AccountRow, Partition } from '../../cloudinary/reader.ts'
import type { DigestSet } from '../../lib/digest-set.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { type AssetIdentity, RESOURCE_TYPES, type ResourceType } from '../../model/asset.ts'
import { type AppError, isAppError } from '../../model/errors.ts'
import type { Finding, LiveCode, VerifyEvent } from './report.ts'

export interface LiveDeps {
  /** Reads; it has no method that changes the account. */
  readonly reader: AccountReader
  readonly catalog: Catalog
  readonly listen: (event: VerifyEvent) => void
}

export type Counts = Record<LiveCode | 'scanned' | 'excluded', number>

/** A comparison under way. */
export interface Live extends LiveDeps {
  readonly cloud: string
  readonly snapshot: SnapshotRow
  readonly rules: Rules
  readonly signal: AbortSignal
  readonly counts: Counts
  /** Asset ids, hashed; marked when a difference was told. */
  readonly seen: DigestSet
  readonly expected: number
}

export function tell(live: Live): void {
  const { scanned } = live.counts
  const total = Math.max(live.expected, scanned)
  live.listen({ type: 'progress', progress: { phase: 'live', done: scanned, total, bytes: 0, totalBytes: 0 } })
}

export const label = ({ resourceType, type }: Partition): string => `${resourceType}/${type}`

/** One listing that fails must not cost the others. */
export const isPartOnly = (error: unknown): error is AppError =>
  isAppError(error) &&
  (error.code === 'API_REFUSED' ||
    error.code === 'API_UNAVAILABLE' ||
    error.code === 'API_UNEXPECTED' ||
    error.code === 'CURSOR_EXPIRED' ||
    error.code === 'RESOURCE_NOT_FOUND')

export const toResourceType = (text: string): ResourceType => RESOURCE_TYPES.find((type) => type === text) ?? 'raw'

export const knownOf = ({ catalog, cloud }: Live, rows: readonly AccountRow[]): Promise<ReadonlyMap<string, Known>> =>
  catalog.read((tx) =>
    tx.known(
      cloud,
      rows.map(({ facts }) => facts.assetId),
    ),
  )

export function differ(
  live: Live,
  asset: Pick<AssetIdentity, 'assetId' | 'publicId' | 'resourceType' | 'type'>,
  { code, message }: { readonly code: LiveCode; readonly message: string },
): void {
  const finding: Finding = {
    severity: 'warning',
    code,
    subject: `${asset.resourceType}/${asset.type}/${asset.publicId}`,
    message,
    affects: [{ cloud: live.cloud, publicId: asset.publicId, snapshot: live.snapshot.snapshot.id }],
  }
  live.counts[code] += 1
  live.seen.mark(sha256Hex(asset.assetId))
  live.listen({ type: 'difference', finding })
}
