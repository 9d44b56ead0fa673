import { derivedRows } from '../../model/derived.ts'
import type { Json } from '../../model/json.ts'
import { PAGE, paged, type Session } from '../session.ts'

/** Unlisted steps too: a scan that is begun anew finds their bytes again. */
export async function* openRunObjects(on: Session): AsyncIterable<string> {
  const open = await on.db.selectFrom('runs').select('id').where('finished_at', 'is', null).execute()
  for (const { id } of open) {
    const steps = paged<{ asset_id: string; object: string | null }>(on, (last, limit) =>
      on.db
        .selectFrom('steps')
        .select(['asset_id', 'object'])
        .where('run', '=', id)
        .where('object', 'is not', null)
        .where('asset_id', '>', last?.asset_id ?? '')
        .orderBy('asset_id')
        .limit(limit)
        .execute(),
    )
    for await (const { object } of steps) if (object !== null) yield object
    yield* derivedObjects(on, id)
  }
}

export async function openRunSince({ db }: Session, after: string): Promise<string | null> {
  const row = await db
    .selectFrom('runs')
    .select((eb) => eb.fn.min('started_at').as('first'))
    .where('finished_at', 'is', null)
    .where('started_at', '>', after)
    .executeTakeFirst()
  return row?.first ?? null
}

/** Derived assets are downloaded while details are read; their objects stand in the record only. */
async function* derivedObjects(on: Session, run: number): AsyncIterable<string> {
  const records = paged<{ id: number; details_raw: string | null }>(on, (last, limit) =>
    on.db
      .selectFrom('step_records')
      .select(['id', 'details_raw'])
      .where('run', '=', run)
      .where('details_raw', 'like', '%"object"%')
      .where('id', '>', last?.id ?? 0)
      .orderBy('id')
      .limit(limit)
      .execute(),
  )
  for await (const { details_raw: text } of records) {
    const details: Json = JSON.parse(text ?? 'null')
    for (const { object } of derivedRows(details)) if (object !== null) yield object
  }
}

export async function requeueDone({ db, hot }: Session, runId: string, assetIds: readonly string[]): Promise<void> {
  const run = await hot.run(runId)
  for (let i = 0; i < assetIds.length; i += PAGE) {
    await db
      .updateTable('steps')
      .set({ state: 'queued', object: null, size: null, md5: null, proof: null })
      .where('run', '=', run)
      .where('asset_id', 'in', assetIds.slice(i, i + PAGE))
      .where('kind', '=', 'fetch')
      .where('state', '=', 'done')
      .execute()
  }
}
