import type { Generated } from 'kysely'
import type { RunStatus } from '../catalog.ts'

export interface RunsTable {
  /** Names the run in the tables of its rows: shorter than `run_id` a million times over. */
  id: Generated<number>
  run_id: string
  cloud: string
  command: string
  started_at: string
  finished_at: string | null
  status: RunStatus
  snapshot_id: string | null
  /** JSON. */
  totals: string | null
  api_calls: number
  message: string | null
  /** 1 when the steps, marks and scan states of the finished run have been dropped. */
  swept: number
}
