export interface FailuresTable {
  snapshot_id: string
  position: number
  asset_id: string
  public_id: string
  resource_type: string
  type: string
  code: string
  reason: string
}
