import type { Selectable } from 'kysely'
import type { Totals } from '../../model/snapshot.ts'
import type { RunRow, ScanState } from '../catalog.ts'
import type { RunsTable } from '../schema/runs.ts'
import type { Session, WriteSession } from '../session.ts'

const toRunRow = (row: Selectable<RunsTable>): RunRow => ({
  id: row.run_id,
  cloud: row.cloud,
  command: row.command,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  status: row.status,
  snapshotId: row.snapshot_id,
  totals: row.totals === null ? null : (JSON.parse(row.totals) as Totals),
  apiCalls: row.api_calls,
  message: row.message,
})

export async function runs({ db }: Session, cloud: string | null, limit: number): Promise<readonly RunRow[]> {
  let query = db.selectFrom('runs').selectAll().orderBy('id', 'desc').limit(limit)
  if (cloud !== null) query = query.where('cloud', '=', cloud)
  return (await query.execute()).map(toRunRow)
}

export async function openRun({ db }: Session, cloud: string): Promise<RunRow | null> {
  const row = await db
    .selectFrom('runs')
    .selectAll()
    .where('cloud', '=', cloud)
    .where('command', '=', 'backup')
    .where('finished_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : toRunRow(row)
}

export async function beginRun(
  { db }: Session,
  run: { id: string; cloud: string; command: string; startedAt: string },
): Promise<void> {
  const { id, cloud, command, startedAt } = run
  await db
    .insertInto('runs')
    .values({ run_id: id, cloud, command, started_at: startedAt, status: 'running', api_calls: 0, swept: 0 })
    .execute()
}

export type RunEnd = Pick<RunRow, 'status' | 'snapshotId' | 'totals' | 'apiCalls' | 'message'> & { finishedAt: string }

export async function finishRun(on: WriteSession, id: string, end: RunEnd): Promise<void> {
  await on.db
    .updateTable('runs')
    .set({
      status: end.status,
      finished_at: end.finishedAt,
      snapshot_id: end.snapshotId,
      totals: end.totals === null ? null : JSON.stringify(end.totals),
      api_calls: end.apiCalls,
      message: end.message,
    })
    .where('run_id', '=', id)
    .execute()
  on.sweepLater()
}

export async function scanStates({ db, hot }: Session, runId: string): Promise<readonly ScanState[]> {
  const run = await hot.run(runId)
  const rows = await db.selectFrom('scan_states').selectAll().where('run', '=', run).orderBy('source').execute()
  return rows.map((row) => ({
    source: row.source,
    cursor: row.cursor,
    since: row.since,
    rows: row.rows,
    done: row.done === 1,
    savedAt: row.saved_at,
  }))
}

export async function saveScanState({ db, hot }: Session, runId: string, state: ScanState): Promise<void> {
  const { source, cursor, since, rows, savedAt } = state
  const place = { cursor, since, rows, done: state.done ? 1 : 0, saved_at: savedAt }
  await db
    .insertInto('scan_states')
    .values({ run: await hot.run(runId), source, ...place })
    .onConflict((conflict) => conflict.columns(['run', 'source']).doUpdateSet(place))
    .execute()
}

/** Rows of transferred assets stay, unlisted: a step with the same listHash finds its bytes again. */
export async function forgetScan({ db, hot }: Session, runId: string): Promise<void> {
  const run = await hot.run(runId)
  for (const table of ['scan_states', 'search_marks', 'search_records', 'run_gone'] as const) {
    await db.deleteFrom(table).where('run', '=', run).execute()
  }
  await db
    .deleteFrom('step_records')
    .where('run', '=', run)
    .where('id', 'not in', (eb) =>
      eb
        .selectFrom('steps')
        .select((e) => e.ref('record').$notNull().as('record'))
        .where('run', '=', run)
        .where('object', 'is not', null)
        .where('record', 'is not', null),
    )
    .execute()
  await db.deleteFrom('steps').where('run', '=', run).where('object', 'is', null).execute()
  await db.updateTable('steps').set({ listed: 0, searched: 0 }).where('run', '=', run).execute()
}
