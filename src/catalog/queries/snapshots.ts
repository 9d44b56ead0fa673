import type { EntryChange } from '../../model/entry.ts'
import type { Failure, Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import type { SnapshotRow, VersionRow } from '../catalog.ts'
import type { ChangeBatch, Tally } from '../hot-path.ts'
import type { SnapshotsTable } from '../schema/snapshots.ts'
import { PAGE, type Session } from '../session.ts'
import { fromText, toText } from '../text.ts'
import { markPurged } from './records.ts'

const toSnapshotRow = (row: Pick<SnapshotsTable, 'seq' | 'key' | 'head'>): SnapshotRow => ({
  seq: row.seq,
  key: row.key,
  snapshot: JSON.parse(row.head) as Snapshot,
})

export async function clouds({ db }: Session): Promise<readonly string[]> {
  const rows = await db.selectFrom('accounts').select('cloud').orderBy('cloud').execute()
  return rows.map((row) => row.cloud)
}

const ofCloud = ({ db }: Session, cloud: string) =>
  db.selectFrom('snapshots').innerJoin('accounts', 'accounts.id', 'snapshots.account_id').where('cloud', '=', cloud)

export async function snapshots(on: Session, cloud: string): Promise<readonly SnapshotRow[]> {
  const rows = await ofCloud(on, cloud).select(['seq', 'key', 'head']).orderBy('seq').execute()
  return rows.map(toSnapshotRow)
}

export async function snapshotKeys(on: Session, cloud: string): Promise<readonly string[]> {
  const rows = await ofCloud(on, cloud).select('key').orderBy('seq').execute()
  return rows.map((row) => row.key)
}

export async function damagedSnapshots(
  on: Session,
  cloud: string,
): Promise<readonly { key: string; objects: readonly string[] }[]> {
  const rows = await ofCloud(on, cloud)
    .select(['key', 'damage'])
    .where('damage', 'is not', null)
    .orderBy('seq')
    .$narrowType<{ damage: string }>()
    .execute()
  return rows.map(({ key, damage }) => ({ key, objects: JSON.parse(damage) as string[] }))
}

export async function saveDamage({ db }: Session, snapshotId: string, objects: readonly string[]): Promise<void> {
  const damage = objects.length === 0 ? null : JSON.stringify(objects)
  await db.updateTable('snapshots').set({ damage }).where('snapshot_id', '=', snapshotId).execute()
}

export async function lastSnapshot(on: Session, cloud: string, only?: 'complete'): Promise<SnapshotRow | null> {
  let query = ofCloud(on, cloud).select(['seq', 'key', 'head']).orderBy('seq', 'desc').limit(1)
  if (only === 'complete') query = query.where('complete', '=', 1)
  const row = await query.executeTakeFirst()
  return row === undefined ? null : toSnapshotRow(row)
}

export async function changeCounts(
  { db, hot }: Session,
  cloud: string,
): Promise<readonly { seq: number; change: VersionRow['change'] | 'gone'; count: number }[]> {
  const accountId = await hot.account(cloud)
  return await db
    .selectFrom('change_counts')
    .select(['seq', 'change', 'count'])
    .where('account_id', '=', accountId ?? 0)
    .orderBy('seq', 'desc')
    .orderBy('change')
    .execute()
}

export async function failures({ db }: Session, snapshotId: string): Promise<readonly Failure[]> {
  const rows = await db
    .selectFrom('failures')
    .selectAll()
    .where('snapshot_id', '=', snapshotId)
    .orderBy('position')
    .execute()
  return rows.map((row) => ({
    assetId: row.asset_id,
    publicId: fromText(row.public_id),
    resourceType: row.resource_type,
    type: row.type,
    code: row.code,
    reason: row.reason,
  }))
}

export async function saveFailures({ db }: Session, snapshotId: string, list: readonly Failure[]): Promise<void> {
  await db.deleteFrom('failures').where('snapshot_id', '=', snapshotId).execute()
  for (const [position, failure] of list.entries()) {
    const { code, reason, type } = failure
    const row = { snapshot_id: snapshotId, position, type, code, reason: toText(reason), asset_id: failure.assetId }
    await db
      .insertInto('failures')
      .values({ ...row, public_id: toText(failure.publicId), resource_type: failure.resourceType })
      .execute()
  }
}

export async function addSnapshot(
  on: Session,
  stored: StoredSnapshot,
  changes: AsyncIterable<EntryChange>,
): Promise<void> {
  const { snapshot, key } = stored
  const accountId = await ensureAccount(on, snapshot.cloud)
  const known = await ofCloud(on, snapshot.cloud)
    .select('seq')
    .where('snapshot_id', '=', snapshot.id)
    .executeTakeFirst()
  if (known !== undefined) return
  const newest = await ofCloud(on, snapshot.cloud).select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const seq = (newest?.seq ?? 0) + 1
  const tally: Tally = { counts: new Map(), partitions: new Map() }
  const load = (): Promise<void> => applyAll(on, { accountId, seq, tally }, changes)
  const some = await on.db.selectFrom('versions').select('id').where('id', '>', 0).limit(1).executeTakeFirst()
  await (some === undefined ? on.hot.bulkLoad(load) : load())
  const head = { snapshot_id: snapshot.id, key, complete: snapshot.complete ? 1 : 0, head: JSON.stringify(snapshot) }
  await on.db
    .insertInto('snapshots')
    .values({ account_id: accountId, seq, ...head })
    .execute()
  await saveTally(on, { accountId, seq }, tally)
  await markPurged(on, accountId)
}

async function applyAll(
  on: Session,
  to: Omit<ChangeBatch, 'changes'>,
  changes: AsyncIterable<EntryChange>,
): Promise<void> {
  let batch: EntryChange[] = []
  const flush = async (): Promise<void> => {
    await on.hot.applyChanges({ ...to, changes: batch })
    batch = []
  }
  for await (const change of changes) {
    batch.push(change)
    if (batch.length >= PAGE) await flush()
  }
  await flush()
}

async function ensureAccount({ db, hot }: Session, cloud: string): Promise<number> {
  const found = await hot.account(cloud)
  if (found !== null) return found
  const added = await db.insertInto('accounts').values({ cloud }).returning('id').executeTakeFirstOrThrow()
  return added.id
}

async function saveTally({ db }: Session, at: { accountId: number; seq: number }, tally: Tally): Promise<void> {
  for (const [change, count] of tally.counts) {
    await db.insertInto('change_counts').values({ account_id: at.accountId, seq: at.seq, change, count }).execute()
  }
  for (const { resourceType, type, assets, bytes } of tally.partitions.values()) {
    await db
      .insertInto('partitions')
      .values({ account_id: at.accountId, resource_type: resourceType, type, assets, bytes })
      .onConflict((conflict) =>
        conflict.columns(['account_id', 'resource_type', 'type']).doUpdateSet((eb) => ({
          assets: eb('partitions.assets', '+', assets),
          bytes: eb('partitions.bytes', '+', bytes),
        })),
      )
      .execute()
  }
}

const OF_ACCOUNT = ['versions', 'purged', 'records', 'partitions', 'change_counts', 'snapshots'] as const

export async function forgetAccount({ db, hot }: Session, cloud: string): Promise<void> {
  const accountId = await hot.account(cloud)
  if (accountId === null) return
  const ofAccount = db.selectFrom('snapshots').select('snapshot_id').where('account_id', '=', accountId)
  await db.deleteFrom('failures').where('snapshot_id', 'in', ofAccount).execute()
  for (const table of OF_ACCOUNT) {
    await db.deleteFrom(table).where('account_id', '=', accountId).execute()
  }
  await db.deleteFrom('accounts').where('id', '=', accountId).execute()
}
