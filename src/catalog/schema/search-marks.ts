export interface SearchMarksTable {
  run: number
  asset_id: string
  etag: string | null
  updated_at: string | null
  /** Row of `search_records`; null when the record only repeats what is known. */
  record: number | null
}
