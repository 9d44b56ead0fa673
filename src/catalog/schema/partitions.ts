/** Sums over the current versions, kept up with every snapshot so that a run need not read them all. */
export interface PartitionsTable {
  account_id: number
  resource_type: string
  type: string
  assets: number
  bytes: number
}
