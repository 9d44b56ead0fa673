import { sql } from 'kysely'
import type { HistoryLine, HistoryOrigin } from '../../model/history.ts'
import type { Purge } from '../../model/purge.ts'
import { PAGE, type Session } from '../session.ts'
import { toText } from '../text.ts'

const recordsOf = ({ db }: Session, cloud: string) =>
  db.selectFrom('records').innerJoin('accounts', 'accounts.id', 'records.account_id').where('cloud', '=', cloud)

export async function recordKeys(on: Session, cloud: string): Promise<readonly string[]> {
  const rows = await recordsOf(on, cloud).select('key').orderBy('key').execute()
  return rows.map((row) => row.key)
}

/** The new row's number and the account's; null when the record is there already, or the account is unknown. */
async function begin(on: Session, cloud: string, key: string): Promise<{ record: number; accountId: number } | null> {
  const accountId = await on.hot.account(cloud)
  if (accountId === null) return null
  const added = await on.db
    .insertInto('records')
    .values({ account_id: accountId, key })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  return added === undefined ? null : { record: added.id, accountId }
}

export async function addHistory(
  on: Session,
  of: { readonly cloud: string; readonly key: string; readonly origin: HistoryOrigin },
  lines: AsyncIterable<HistoryLine>,
): Promise<void> {
  const begun = await begin(on, of.cloud, of.key)
  if (begun === null) return
  const lowest = await on.db
    .selectFrom('versions')
    .select((eb) => eb.fn.min('from_seq').as('seq'))
    .where('account_id', '=', begun.accountId)
    .where('from_seq', '<', 0)
    .executeTakeFirst()
  let seq = (lowest?.seq ?? 0) - 1
  let batch: HistoryLine[] = []
  const flush = async (): Promise<void> => {
    await on.hot.addBeside({ ...begun, origin: of.origin, seq, lines: batch })
    seq -= batch.length
    batch = []
  }
  for await (const line of lines) {
    batch.push(line)
    if (batch.length >= PAGE) await flush()
  }
  await flush()
  await markPurged(on, begun.accountId)
}

export async function addPurge(on: Session, of: { readonly cloud: string; readonly key: string }, purge: Purge) {
  const begun = await begin(on, of.cloud, of.key)
  if (begun === null) return
  for (const { assetId, version } of purge.versions) {
    await on.db
      .insertInto('purged')
      .values({
        account_id: begun.accountId,
        asset_id: assetId,
        version,
        record: begun.record,
        // One way of writing times, so that the database can compare them.
        at: new Date(purge.at).toISOString(),
        reason: toText(purge.reason),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  await markPurged(on, begun.accountId)
}

export async function purgedVersions({ db, hot }: Session, cloud: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('purged')
    .select(['asset_id', 'version'])
    .where('account_id', '=', (await hot.account(cloud)) ?? 0)
    .execute()
  return new Set(rows.map((row) => `${row.asset_id} ${row.version}`))
}

export async function forgetRecord(on: Session, cloud: string, key: string): Promise<void> {
  const found = await recordsOf(on, cloud)
    .select(['records.id', 'account_id'])
    .where('key', '=', key)
    .executeTakeFirst()
  if (found === undefined) return
  await on.db.deleteFrom('versions').where('record', '=', found.id).execute()
  const named = await on.db.deleteFrom('purged').where('record', '=', found.id).returning('asset_id').execute()
  await on.db.deleteFrom('records').where('id', '=', found.id).execute()
  const assets = [...new Set(named.map((row) => row.asset_id))]
  for (let i = 0; i < assets.length; i += PAGE) {
    await on.db
      .updateTable('versions')
      .set({ purged_at: null, purged_reason: null })
      .where('account_id', '=', found.account_id)
      .where('asset_id', 'in', assets.slice(i, i + PAGE))
      .execute()
  }
  await markPurged(on, found.account_id)
}

/**
 * Marks the versions that purges speak of. Follows everything that adds versions or purges, in the same transaction;
 * its cost is that of the purges.
 */
export async function markPurged({ db }: Session, accountId: number): Promise<void> {
  const purge = sql`from purged p where p.account_id = versions.account_id and p.asset_id = versions.asset_id
    and p.version = versions.version order by p.at desc limit 1`
  await db
    .updateTable('versions')
    .set({
      purged_at: sql<string | null>`(select p.at ${purge})`,
      purged_reason: sql<string | null>`(select p.reason ${purge})`,
    })
    .where('account_id', '=', accountId)
    .where(
      'id',
      'in',
      sql<number>`(select named.id from purged purges cross join versions named on named.account_id = purges.account_id
        and named.asset_id = purges.asset_id and named.version = purges.version where purges.account_id = ${accountId})`,
    )
    .execute()
}
