export interface ScanStatesTable {
  run: number
  source: string
  cursor: string | null
  since: string | null
  rows: number
  done: number
  saved_at: string
}
