export interface SnapshotsTable {
  account_id: number
  /** Order in time within the account. */
  seq: number
  snapshot_id: string
  key: string
  complete: number
  /** The head as JSON. */
  head: string
  /** JSON array of the objects that could not be read when it was added; null when all could. */
  damage: string | null
}
