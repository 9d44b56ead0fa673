import type { Connection } from './connection.ts'

/**
 * How many rows a large catalog has, and how many of them share the first columns of each index. Without figures
 * SQLite takes the primary key of `steps` (all rows of a run) for as good as an index of a hundred of them. They are
 * written by hand instead of measured, so that every catalog answers in the same way, the new and empty one too.
 */
const STATISTICS: readonly (readonly [table: string, index: string, figures: string])[] = [
  ['versions', 'versions_current', '1000000 1000000 1'],
  ['versions', 'versions_asset', '1500000 1500000 2 1'],
  ['versions', 'versions_public_id', '1500000 1500000 2 2'],
  ['versions', 'versions_path', '1500000 1500000 2'],
  ['versions', 'versions_without_details', '100000 100000 1'],
  ['versions', 'versions_from', '1500000 1500000 15000'],
  ['versions', 'versions_until', '500000 500000 5000'],
  ['versions', 'versions_record', '1000 10'],
  ['versions', 'versions_object', '1500000 1500000 2'],
  ['records', 'sqlite_autoindex_records_1', '100 50 1'],
  ['purged', 'purged', '1000 500 2 1 1'],
  ['steps', 'steps', '1000000 1000000 1'],
  ['steps', 'steps_queue', '10000 10000 5000 1'],
  ['steps', 'steps_written', '10000 10000 1'],
  ['steps', 'steps_failed', '100 100 1'],
  ['steps', 'steps_path', '10000 10000 1'],
  ['search_marks', 'search_marks', '1000000 1000000 1'],
  ['run_gone', 'run_gone', '10000 10000 1'],
]

/** Inside the transaction that made tables or indexes. */
export function writeStatistics(on: Connection): void {
  // Of the schema's own table only: it makes the table of figures, and afterwards reads them, without measuring any.
  on.exec('analyze sqlite_schema')
  on.exec('delete from sqlite_stat1')
  for (const row of STATISTICS) on.prepare('insert into sqlite_stat1 (tbl, idx, stat) values (?, ?, ?)').run(...row)
  on.exec('analyze sqlite_schema')
}
