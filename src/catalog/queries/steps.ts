import { sql } from 'kysely'
import type { SearchMark, StepKind, StepRow, StepState } from '../catalog.ts'
import { paged, type Session } from '../session.ts'
import { afterPrefix, toText } from '../text.ts'

/** What a partial index is made for is written out in the query: a bound value cannot be matched with it. */
const LISTED = sql<boolean>`s.listed = 1`
const WRITTEN = sql<boolean>`s.state = 'done' and s.kind in ('fetch', 'relabel', 'rename', 'record') and s.listed = 1`
const QUEUED = sql<boolean>`s.kind = 'fetch' and s.state = 'queued' and s.listed = 1`
const FAILED = sql<boolean>`s.state = 'failed' and s.listed = 1`

const stepsOf = ({ db }: Session, run: number) =>
  db
    .selectFrom('steps as s')
    .leftJoin('step_records as r', 'r.id', 's.record')
    .leftJoin('search_marks as m', (join) => join.onRef('m.run', '=', 's.run').onRef('m.asset_id', '=', 's.asset_id'))
    .leftJoin('search_records as q', 'q.id', 'm.record')
    .where('s.run', '=', run)
    .select([
      's.asset_id as assetId',
      's.kind',
      's.state',
      's.why',
      's.list_hash as listHash',
      'r.list_raw as listRaw',
      'q.raw as searchRaw',
      'r.details_raw as detailsRaw',
      's.object',
      's.size',
      's.md5',
      's.proof',
      's.path',
      's.code',
      's.reason',
    ])

export interface StepFilter {
  readonly kind?: StepKind
  readonly state?: StepState
  readonly after?: string
  readonly limit: number
}

const isWritten = ({ kind, state }: StepFilter): boolean =>
  state === 'done' && kind !== undefined && kind !== 'keep' && kind !== 'exclude'

export async function steps(on: Session, runId: string, filter: StepFilter): Promise<readonly StepRow[]> {
  let query = stepsOf(on, await on.hot.run(runId))
    .orderBy('s.asset_id')
    .limit(filter.limit)
  query = query.where(filter.state === 'failed' ? FAILED : isWritten(filter) ? WRITTEN : LISTED)
  if (filter.kind !== undefined) query = query.where('s.kind', '=', filter.kind)
  if (filter.state !== undefined) query = query.where('s.state', '=', filter.state)
  if (filter.after !== undefined) query = query.where('s.asset_id', '>', filter.after)
  return await query.execute()
}

export async function stepCounts(
  { db, hot }: Session,
  runId: string,
): Promise<readonly { kind: StepKind; state: StepState; why: string; count: number; bytes: number }[]> {
  const run = await hot.run(runId)
  return await db
    .selectFrom('steps as s')
    .select(['kind', 'state', 'why'])
    .select(({ fn, lit }) => [
      fn.countAll<number>().as('count'),
      fn.coalesce(fn.sum<number>('size'), lit(0)).as('bytes'),
    ])
    .where('run', '=', run)
    .where(LISTED)
    .groupBy(['kind', 'state', 'why'])
    .orderBy('kind')
    .orderBy('state')
    .orderBy('why')
    .execute()
}

export async function queuedFetches(
  on: Session,
  runId: string,
  options: { limit: number; except: ReadonlySet<string>; withSearch: boolean },
): Promise<readonly StepRow[]> {
  const { limit, except, withSearch } = options
  let query = stepsOf(on, await on.hot.run(runId))
    .where(QUEUED)
    .limit(limit + except.size)
  query = withSearch ? query.where('s.searched', '=', 1) : query.orderBy('s.searched', 'desc')
  const rows = await query.orderBy('s.asset_id', withSearch ? 'asc' : 'desc').execute()
  return rows.filter((row) => !except.has(row.assetId)).slice(0, limit)
}

export async function changedPrefixes(
  { db, hot }: Session,
  runId: string,
  prefixLength: number,
): Promise<ReadonlyMap<string, number>> {
  const run = await hot.run(runId)
  const prefix = sql<string>`substr(asset_id, 1, ${prefixLength})`
  const written = db.selectFrom('steps as s').select(prefix.as('prefix')).where('s.run', '=', run).where(WRITTEN)
  const gone = db.selectFrom('run_gone').select(prefix.as('prefix')).where('run', '=', run)
  const rows = await db
    .selectFrom(written.unionAll(gone).as('changed'))
    .select(['prefix', (eb) => eb.fn.countAll<number>().as('count')])
    .groupBy('prefix')
    .orderBy('prefix')
    .execute()
  return new Map(rows.map((row) => [row.prefix, row.count]))
}

export function doneSteps(on: Session, runId: string, prefix: string): AsyncIterable<StepRow> {
  return paged<StepRow>(on, async (last, limit) =>
    stepsOf(on, await on.hot.run(runId))
      .where(WRITTEN)
      .where('s.asset_id', last === null ? '>=' : '>', last?.assetId ?? prefix)
      .where('s.asset_id', '<', afterPrefix(prefix))
      .orderBy('s.asset_id')
      .limit(limit)
      .execute(),
  )
}

export async function* goneIds(on: Session, runId: string, prefix: string): AsyncIterable<string> {
  const rows = paged<{ asset_id: string }>(on, async (last, limit) =>
    on.db
      .selectFrom('run_gone')
      .select('asset_id')
      .where('run', '=', await on.hot.run(runId))
      .where('asset_id', last === null ? '>=' : '>', last?.asset_id ?? prefix)
      .where('asset_id', '<', afterPrefix(prefix))
      .orderBy('asset_id')
      .limit(limit)
      .execute(),
  )
  for await (const row of rows) yield row.asset_id
}

export interface MarkPage {
  readonly after: string
  readonly limit: number
}

export async function unlistedMarks(
  { db, hot }: Session,
  runId: string,
  page: MarkPage,
): Promise<readonly SearchMark[]> {
  return await db
    .selectFrom('search_marks as m')
    .leftJoin('search_records as q', 'q.id', 'm.record')
    .select(['m.asset_id as assetId', 'm.etag', 'm.updated_at as updatedAt', 'q.raw'])
    .where('m.run', '=', await hot.run(runId))
    .where('m.asset_id', '>', page.after)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('steps as s')
            .select(sql`1`.as('one'))
            .whereRef('s.run', '=', 'm.run')
            .whereRef('s.asset_id', '=', 'm.asset_id')
            .where(LISTED),
        ),
      ),
    )
    .orderBy('m.asset_id')
    .limit(page.limit)
    .execute()
}

const oneStep = ({ db }: Session, run: number, assetId: string) =>
  db.updateTable('steps').where('run', '=', run).where('asset_id', '=', assetId)

export async function markFailed(
  on: Session,
  runId: string,
  of: { assetId: string; code: string; reason: string },
): Promise<void> {
  await oneStep(on, await on.hot.run(runId), of.assetId)
    .set({ state: 'failed', code: of.code, reason: toText(of.reason) })
    .execute()
}

export async function markVanished(on: Session, runId: string, assetId: string): Promise<void> {
  await oneStep(on, await on.hot.run(runId), assetId)
    .set({ state: 'vanished' })
    .execute()
}

export async function requeueFailed({ db, hot }: Session, runId: string): Promise<void> {
  await db
    .updateTable('steps as s')
    .set({ state: 'queued', code: null, reason: null })
    .where('run', '=', await hot.run(runId))
    .where(FAILED)
    .execute()
}

export async function promoteKeep(
  on: Session,
  runId: string,
  of: { assetId: string; detailsRaw: string },
): Promise<void> {
  const run = await on.hot.run(runId)
  await on.hot.saveDetails(run, of.assetId, of.detailsRaw)
  await oneStep(on, run, of.assetId)
    .set({ kind: 'relabel', state: 'done', why: 'details' })
    .where('kind', '=', 'keep')
    .execute()
}
