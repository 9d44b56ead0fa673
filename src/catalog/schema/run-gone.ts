/** Assets that the run found to be no longer in the account. */
export interface RunGoneTable {
  run: number
  asset_id: string
}
