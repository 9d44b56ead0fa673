import type { Selectable } from 'kysely'
import type { Entry } from '../model/entry.ts'
import { pathKey } from '../model/path-key.ts'
import type { Known, VersionRow } from './catalog.ts'
import type { VersionsTable } from './schema/versions.ts'
import { fromText, fromTextOrNull, toText, toTextOrNull } from './text.ts'

type VersionRecord = Selectable<VersionsTable>
/** What an entry says, as columns; the rest of a row says when it was so. */
export type EntryColumns = Omit<
  VersionRecord,
  'id' | 'account_id' | 'change' | 'from_seq' | 'until_seq' | keyof BesideColumns
>
/** What only versions beside the snapshots, and purged ones, have. */
type BesideColumns = Pick<
  VersionRecord,
  'origin' | 'record' | 'since' | 'until' | 'version_id' | 'purged_at' | 'purged_reason'
>

/** Numbers of an account are not ours to trust: what the database could not give back is left unknown. */
const integer = (value: number | null): number | null => (value !== null && Number.isSafeInteger(value) ? value : null)

export function toColumns(entry: Entry): EntryColumns {
  const { facts } = entry
  return {
    asset_id: entry.assetId,
    version: entry.version,
    public_id: toText(entry.publicId),
    resource_type: entry.resourceType,
    type: entry.type,
    cld_version: integer(entry.cldVersion) ?? 0,
    etag: facts.etag,
    bytes: integer(facts.bytes),
    object: entry.object,
    size: integer(entry.size),
    md5: entry.md5,
    proof: entry.proof,
    folder: toTextOrNull(facts.folder),
    display_name: toTextOrNull(facts.displayName),
    updated_at: facts.updatedAt,
    list_hash: entry.listHash,
    path: entry.path,
    path_key: entry.path === null ? null : pathKey(entry.path),
    has_details: entry.raw.details === undefined ? 0 : 1,
    format: facts.format,
    width: integer(facts.width),
    height: integer(facts.height),
    duration: facts.duration,
    created_at: facts.createdAt,
    uploaded_at: facts.uploadedAt,
    // JSON escapes what the database could not hold.
    tags: JSON.stringify(facts.tags),
    captured_at: entry.capturedAt,
  }
}

export const toKnown = (row: KnownRecord): Known => ({
  assetId: row.asset_id,
  version: row.version,
  publicId: fromText(row.public_id),
  resourceType: row.resource_type,
  type: row.type,
  cldVersion: row.cld_version,
  etag: row.etag,
  bytes: row.bytes,
  object: row.object,
  size: row.size,
  md5: row.md5,
  proof: row.proof,
  folder: fromTextOrNull(row.folder),
  displayName: fromTextOrNull(row.display_name),
  updatedAt: row.updated_at,
  listHash: row.list_hash,
  path: row.path,
  hasDetails: row.has_details === 1,
})

export const KNOWN_COLUMNS = [
  'asset_id',
  'version',
  'public_id',
  'resource_type',
  'type',
  'cld_version',
  'etag',
  'bytes',
  'object',
  'size',
  'md5',
  'proof',
  'folder',
  'display_name',
  'updated_at',
  'list_hash',
  'path',
  'has_details',
] as const
type KnownColumn = (typeof KNOWN_COLUMNS)[number]
export type KnownRecord = Pick<VersionRecord, KnownColumn>

/** What a row of a listing needs. Each column costs as much as reading it twice, so there are no others. */
const ROW_COLUMNS = [
  ...KNOWN_COLUMNS,
  'id',
  'format',
  'width',
  'height',
  'duration',
  'created_at',
  'uploaded_at',
  'tags',
  'captured_at',
  'change',
  'from_seq',
  'until_seq',
  'purged_at',
  'purged_reason',
] as const
const BESIDE_COLUMNS = ['origin', 'since', 'until', 'version_id'] as const

/** A version as listings read it, and with what those beside the snapshots have, where those are read too. */
export type RowRecord = Pick<VersionRecord, (typeof ROW_COLUMNS)[number]> &
  Partial<Pick<VersionRecord, (typeof BESIDE_COLUMNS)[number]>> & { readonly history_key?: string | null }

export const ROW = ROW_COLUMNS.map((column) => `v.${column}` as const)
export const ROW_OF_ANY_ORIGIN = [...ROW_COLUMNS, ...BESIDE_COLUMNS].map((column) => `v.${column}` as const)

/** One literal with all its fields: an object that is put together of two takes several times as long to make. */
export const toVersionRow = (row: RowRecord, cloud: string): VersionRow => ({
  assetId: row.asset_id,
  version: row.version,
  publicId: fromText(row.public_id),
  resourceType: row.resource_type,
  type: row.type,
  cldVersion: row.cld_version,
  etag: row.etag,
  bytes: row.bytes,
  object: row.object,
  size: row.size,
  md5: row.md5,
  proof: row.proof,
  folder: fromTextOrNull(row.folder),
  displayName: fromTextOrNull(row.display_name),
  updatedAt: row.updated_at,
  listHash: row.list_hash,
  path: row.path,
  hasDetails: row.has_details === 1,
  cloud,
  format: row.format,
  width: row.width,
  height: row.height,
  duration: row.duration,
  createdAt: row.created_at,
  uploadedAt: row.uploaded_at,
  tags: JSON.parse(row.tags) as string[],
  capturedAt: row.captured_at,
  change: row.change,
  fromSeq: Math.max(0, row.from_seq),
  untilSeq: row.until_seq === null ? null : Math.max(0, row.until_seq),
  origin: row.origin ?? 'snapshot',
  historyKey: row.history_key ?? null,
  since: row.since ?? null,
  until: row.until ?? null,
  versionId: fromTextOrNull(row.version_id ?? null),
  purged: row.purged_at === null ? null : { at: row.purged_at, reason: fromText(row.purged_reason ?? '') },
})
