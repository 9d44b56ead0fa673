/** What a snapshot changed, counted when it was added. */
export interface ChangeCountsTable {
  account_id: number
  seq: number
  change: 'new' | 'replaced' | 'renamed' | 'relabelled' | 'gone'
  count: number
}
