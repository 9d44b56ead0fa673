import { pathKey } from '../../model/path-key.ts'
import type { NewStep, SearchMark, StepKind, Transferred } from '../catalog.ts'
import type { Connection } from './connection.ts'
import type { SqlValue } from './driver.ts'

const INSERT_STEP = `insert into steps (run, asset_id, kind, state, why, list_hash, listed, searched, record)
  values (?, ?, ?, ?, ?, ?, 1, 0, null) on conflict do nothing`
const FIND_STEP = 'select kind, list_hash, listed, record, object from steps where run = ? and asset_id = ?'
const REPLACE_STEP = `update steps set kind = ?, state = ?, why = ?, list_hash = ?, listed = 1, record = null,
  object = null, size = null, md5 = null, proof = null, path = null, path_key = null, code = null, reason = null
  where run = ? and asset_id = ?`
const LIST_AGAIN = 'update steps set listed = 1 where run = ? and asset_id = ?'
const INSERT_RECORD = 'insert into step_records (run, list_raw, details_raw) values (?, ?, ?)'
const DELETE_RECORD = 'delete from step_records where id = ?'
const SET_RECORD = 'update steps set record = ? where run = ? and asset_id = ?'
const IS_MARKED = `update steps set searched = 1 where run = ? and asset_id = ?
  and exists (select 1 from search_marks m where m.run = steps.run and m.asset_id = steps.asset_id)`

export async function saveSteps(on: Connection, run: number, steps: readonly NewStep[]): Promise<void> {
  const insert = on.prepare(INSERT_STEP)
  for (const step of steps) {
    const verdict = [step.kind, step.state, step.why, step.listHash] as const
    const isNew = Number(insert.run(run, step.assetId, ...verdict).changes) === 1
    if (!isNew && !giveWay(on, run, step)) continue
    if (!isNew) on.prepare(REPLACE_STEP).run(...verdict, run, step.assetId)
    if (step.listRaw !== null) {
      const record = on.prepare(INSERT_RECORD).run(run, step.listRaw, null).lastInsertRowid
      on.prepare(SET_RECORD).run(record, run, step.assetId)
    }
    if (step.kind === 'fetch') on.prepare(IS_MARKED).run(run, step.assetId)
  }
}

/** Makes room for a new step of an asset that has one, and answers whether the new one is to be written. */
function giveWay(on: Connection, run: number, step: NewStep): boolean {
  const old = on.prepare(FIND_STEP).get(run, step.assetId) as unknown as {
    kind: StepKind
    list_hash: string
    listed: number
    record: number | null
  }
  if (old.list_hash === step.listHash && !outranks(step.kind, old.kind)) {
    if (old.listed === 0) on.prepare(LIST_AGAIN).run(run, step.assetId)
    return false
  }
  if (old.record !== null) on.prepare(DELETE_RECORD).run(old.record)
  return true
}

/**
 * The same record can be judged again with more knowledge: what was to be kept may have to be fetched after all, and
 * rules may have changed when a run is resumed. A lesser verdict never takes the place of a greater one.
 */
const RANK: Readonly<Record<StepKind, number>> = { keep: 0, relabel: 1, rename: 1, record: 1, fetch: 2, exclude: 3 }
const outranks = (next: StepKind, old: StepKind): boolean =>
  old === 'exclude' ? next !== 'exclude' : RANK[next] > RANK[old]

const INSERT_SEARCH_RECORD = 'insert into search_records (run, raw) values (?, ?)'
const FIND_MARK = 'select record from search_marks where run = ? and asset_id = ?'
const DELETE_SEARCH_RECORD = 'delete from search_records where id = ?'
const SAVE_MARK = `insert into search_marks (run, asset_id, etag, updated_at, record) values (?, ?, ?, ?, ?)
  on conflict (run, asset_id) do update set etag = excluded.etag, updated_at = excluded.updated_at, record = excluded.record`
const FIND_MARK_OF = `select m.asset_id, m.etag, m.updated_at, r.raw
  from search_marks m left join search_records r on r.id = m.record where m.run = ? and m.asset_id = ?`
const NOW_SEARCHED = `update steps set searched = 1 where run = ? and asset_id = ? and kind = 'fetch' and searched = 0`

export async function saveSearchMarks(on: Connection, run: number, marks: readonly SearchMark[]): Promise<void> {
  const [find, save, searched] = [on.prepare(FIND_MARK), on.prepare(SAVE_MARK), on.prepare(NOW_SEARCHED)]
  for (const mark of marks) {
    const old = find.get(run, mark.assetId)?.['record'] ?? null
    if (old !== null) on.prepare(DELETE_SEARCH_RECORD).run(old)
    const record = mark.raw === null ? null : on.prepare(INSERT_SEARCH_RECORD).run(run, mark.raw).lastInsertRowid
    save.run(run, mark.assetId, mark.etag, mark.updatedAt, record)
    searched.run(run, mark.assetId)
  }
}

export async function searchMarks(
  on: Connection,
  run: number,
  assetIds: readonly string[],
): Promise<Map<string, SearchMark>> {
  const find = on.prepare(FIND_MARK_OF)
  const found = new Map<string, SearchMark>()
  for (const assetId of assetIds) {
    const row = find.get(run, assetId) as unknown as
      | { etag: string | null; updated_at: string | null; raw: string | null }
      | undefined
    if (row !== undefined) found.set(assetId, { assetId, etag: row.etag, updatedAt: row.updated_at, raw: row.raw })
  }
  return found
}

const HASHED = `update steps set state = 'hashed', object = ?, size = ?, md5 = ?, proof = ?, code = null, reason = null
  where run = ? and asset_id = ?`
const DONE = `update steps set state = 'done' where run = ? and asset_id = ?`
const PATH = 'update steps set path = ?, path_key = ? where run = ? and asset_id = ?'
const SET_DETAILS = 'update step_records set details_raw = ? where id = ?'
const GONE = 'insert into run_gone (run, asset_id) values (?, ?) on conflict do nothing'

export async function markHashed(on: Connection, run: number, t: Transferred): Promise<void> {
  on.prepare(HASHED).run(t.object, t.size, t.md5, t.proof, run, t.assetId)
}

export async function markDone(on: Connection, run: number, assetIds: readonly string[]): Promise<void> {
  const done = on.prepare(DONE)
  for (const assetId of assetIds) done.run(run, assetId)
}

export async function markGone(on: Connection, run: number, assetIds: readonly string[]): Promise<void> {
  const gone = on.prepare(GONE)
  for (const assetId of assetIds) gone.run(run, assetId)
}

export async function savePath(on: Connection, run: number, at: { assetId: string; path: string }): Promise<void> {
  on.prepare(PATH).run(at.path, pathKey(at.path), run, at.assetId)
}

export async function saveDetails(
  on: Connection,
  run: number,
  of: { assetId: string; detailsRaw: string },
): Promise<void> {
  const step = on.prepare(FIND_STEP).get(run, of.assetId)
  if (step === undefined) return
  const record: SqlValue | undefined = step['record']
  if (record !== null && record !== undefined) {
    on.prepare(SET_DETAILS).run(of.detailsRaw, record)
    return
  }
  const added = on.prepare(INSERT_RECORD).run(run, null, of.detailsRaw).lastInsertRowid
  on.prepare(SET_RECORD).run(added, run, of.assetId)
}
