export interface SnapshotsTable {
  account_id: number
  /** Order in time within the account. */
  seq: number
  snapshot_id: string
  key: string
  complete: number
  /** The head as JSON. */
  head: string
}
