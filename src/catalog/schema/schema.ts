import type { AccountsTable } from './accounts.ts'
import type { ChangeCountsTable } from './change-counts.ts'
import type { FailuresTable } from './failures.ts'
import type { PartitionsTable } from './partitions.ts'
import type { PurgedTable } from './purged.ts'
import type { RecordsTable } from './records.ts'
import type { RunGoneTable } from './run-gone.ts'
import type { RunsTable } from './runs.ts'
import type { ScanStatesTable } from './scan-states.ts'
import type { SearchMarksTable } from './search-marks.ts'
import type { SearchRecordsTable } from './search-records.ts'
import type { SnapshotsTable } from './snapshots.ts'
import type { StepRecordsTable } from './step-records.ts'
import type { StepsTable } from './steps.ts'
import type { VersionsTable } from './versions.ts'

export interface Schema {
  accounts: AccountsTable
  snapshots: SnapshotsTable
  versions: VersionsTable
  partitions: PartitionsTable
  change_counts: ChangeCountsTable
  failures: FailuresTable
  runs: RunsTable
  steps: StepsTable
  step_records: StepRecordsTable
  search_marks: SearchMarksTable
  search_records: SearchRecordsTable
  scan_states: ScanStatesTable
  run_gone: RunGoneTable
  records: RecordsTable
  purged: PurgedTable
}
