import type { Generated } from 'kysely'

/** One row per version and stretch of snapshots in which it was current. */
export interface VersionsTable {
  id: Generated<number>
  account_id: number
  asset_id: string
  version: string
  public_id: string
  resource_type: string
  type: string
  cld_version: number
  etag: string | null
  bytes: number | null
  object: string | null
  size: number | null
  md5: string | null
  proof: 'md5' | 'length' | null
  folder: string | null
  display_name: string | null
  updated_at: string | null
  list_hash: string
  path: string | null
  /** `path` as file systems that ignore case and composition see it. */
  path_key: string | null
  has_details: number
  format: string | null
  width: number | null
  height: number | null
  /** Seconds. */
  duration: number | null
  created_at: string | null
  uploaded_at: string | null
  /** JSON array. */
  tags: string
  captured_at: string
  change: 'new' | 'replaced' | 'renamed' | 'relabelled'
  /** Below zero for what only a history record names, the same in `until_seq`, so that no snapshot has it. */
  from_seq: number
  /** First snapshot without it; null while current. */
  until_seq: number | null
  origin: Generated<'snapshot' | 'import' | 'retention'>
  /** The row in `records`. */
  record: number | null
  since: string | null
  until: string | null
  version_id: string | null
  purged_at: string | null
  purged_reason: string | null
}
