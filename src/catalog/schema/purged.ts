/** What purge records name. */
export interface PurgedTable {
  account_id: number
  asset_id: string
  version: string
  record: number
  /** ISO-8601. */
  at: string
  reason: string
}
