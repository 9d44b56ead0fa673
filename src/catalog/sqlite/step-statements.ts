import { pathKey } from '../../model/path-key.ts'
import type { NewStep, SearchMark, StepKind, Transferred } from '../catalog.ts'
import type { Connection } from './connection.ts'
import type { SqlValue } from './driver.ts'

const INSERT_STEP = `insert into steps
  (run, asset_id, kind, state, why, list_hash, listed, searched, record)
  values (?, ?, ?, ?, ?, ?, 1, ?, ?) on conflict do nothing`
const FIND_STEP = 'select kind, list_hash, listed, record, object from steps where run = ? and asset_id = ?'
const REPLACE_STEP = `update steps set kind = ?, state = ?, why = ?, list_hash = ?, listed = 1, searched = ?, record = ?,
  object = null, size = null, md5 = null, proof = null, path = null, path_key = null, code = null, reason = null
  where run = ? and asset_id = ?`
const LIST_AGAIN = 'update steps set listed = 1, searched = ? where run = ? and asset_id = ?'
const INSERT_RECORD = 'insert into step_records (run, list_raw, details_raw) values (?, ?, ?)'
const DELETE_RECORD = 'delete from step_records where id = ?'
const SET_RECORD = 'update steps set record = ? where run = ? and asset_id = ?'
const FIND_MARKED = `select m.asset_id from search_marks m
  where m.run = ? and m.asset_id in (select value from json_each(?))`

export async function saveSteps(on: Connection, run: number, steps: readonly NewStep[]): Promise<void> {
  const insert = on.prepare(INSERT_STEP)
  const marked = findMarked(on, run, steps)
  for (const step of steps) {
    const searched = marked.has(step.assetId) ? 1 : 0
    const record = step.listRaw === null ? null : on.prepare(INSERT_RECORD).run(run, step.listRaw, null).lastInsertRowid
    const verdict = [step.kind, step.state, step.why, step.listHash] as const
    if (Number(insert.run(run, step.assetId, ...verdict, searched, record).changes) === 1) continue
    if (giveWay(on, run, { ...step, searched })) {
      on.prepare(REPLACE_STEP).run(...verdict, searched, record, run, step.assetId)
    } else if (record !== null) {
      on.prepare(DELETE_RECORD).run(record)
    }
  }
}

/** Which of the assets to be fetched the search index has told of. */
function findMarked(on: Connection, run: number, steps: readonly NewStep[]): ReadonlySet<string> {
  const ids = steps.filter((step) => step.kind === 'fetch').map((step) => step.assetId)
  if (ids.length === 0) return new Set()
  const rows = on.prepare(FIND_MARKED).all(run, JSON.stringify(ids))
  return new Set(rows.map((row) => String(row['asset_id'])))
}

/** Makes room for a new step of an asset that has one, and answers whether the new one is to be written. */
function giveWay(on: Connection, run: number, step: NewStep & { searched: number }): boolean {
  const old = on.prepare(FIND_STEP).get(run, step.assetId) as unknown as {
    kind: StepKind
    list_hash: string
    listed: number
    record: number | null
  }
  if (old.list_hash === step.listHash && !outranks(step.kind, old.kind)) {
    if (old.listed === 0) on.prepare(LIST_AGAIN).run(step.searched, run, step.assetId)
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
const INSERT_MARK = `insert into search_marks (run, asset_id, etag, updated_at, record) values (?, ?, ?, ?, ?)
  on conflict do nothing`
const REPLACE_MARK = 'update search_marks set etag = ?, updated_at = ?, record = ? where run = ? and asset_id = ?'
const FIND_MARKS = `select m.asset_id as "assetId", m.etag, m.updated_at as "updatedAt", r.raw
  from search_marks m left join search_records r on r.id = m.record
  where m.run = ? and m.asset_id in (select value from json_each(?))`
const NOW_SEARCHED = `update steps set searched = 1
  where run = ? and asset_id in (select value from json_each(?)) and kind = 'fetch' and searched = 0`

export async function saveSearchMarks(on: Connection, run: number, marks: readonly SearchMark[]): Promise<void> {
  const insert = on.prepare(INSERT_MARK)
  for (const { assetId, etag, updatedAt, raw } of marks) {
    const record = raw === null ? null : on.prepare(INSERT_SEARCH_RECORD).run(run, raw).lastInsertRowid
    if (Number(insert.run(run, assetId, etag, updatedAt, record).changes) === 1) continue
    const old = on.prepare(FIND_MARK).get(run, assetId)?.['record'] ?? null
    if (old !== null) on.prepare(DELETE_SEARCH_RECORD).run(old)
    on.prepare(REPLACE_MARK).run(etag, updatedAt, record, run, assetId)
  }
  on.prepare(NOW_SEARCHED).run(run, JSON.stringify(marks.map((mark) => mark.assetId)))
}

export async function searchMarks(
  on: Connection,
  run: number,
  assetIds: readonly string[],
): Promise<Map<string, SearchMark>> {
  const marks = on.prepare(FIND_MARKS).all(run, JSON.stringify(assetIds)) as unknown as SearchMark[]
  return new Map(marks.map((mark) => [mark.assetId, mark]))
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
