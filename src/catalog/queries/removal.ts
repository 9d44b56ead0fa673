import { kindOfChange } from '../change.ts'
import { inPages, type Session } from '../session.ts'
import { fromText, fromTextOrNull } from '../text.ts'

/**
 * Takes snapshots out and leaves the catalog as if they had never been: versions that no other snapshot has go, the
 * stretches of the others begin and end at snapshots that are there, and what made a version is said anew where the
 * state before it went. The numbers of the snapshots that stay do not change, because a run under way holds some.
 * Only a version's path and details may be those of a snapshot that went, when they were learned without a change.
 * Its cost is that of the changes in the snapshots that go and in the first that stays after each of them.
 */
export async function removeSnapshots(on: Session, cloud: string, keys: readonly string[]): Promise<void> {
  const accountId = await on.hot.account(cloud)
  if (accountId === null || keys.length === 0) return
  const gaps = await gapsOf(on, accountId, new Set(keys))
  for (const { seq, next } of gaps) await dropDead(on, accountId, { seq, next })
  for (const { seq, next } of gaps) await moveBounds(on, accountId, { seq, next })
  const affected = new Map(gaps.map(({ next, before }) => [next, before]))
  for (const [seq, before] of affected) {
    await (before === null ? beginAnew(on, accountId, seq) : judgeAgain(on, accountId, seq))
    await countAgain(on, accountId, seq)
  }
  for (const { seq, snapshotId } of gaps) {
    await on.db.deleteFrom('failures').where('snapshot_id', '=', snapshotId).execute()
    for (const table of ['change_counts', 'snapshots'] as const) {
      await on.db.deleteFrom(table).where('account_id', '=', accountId).where('seq', '=', seq).execute()
    }
  }
}

interface Gap {
  readonly seq: number
  readonly snapshotId: string
  /** The first snapshot after it that stays. */
  readonly next: number
  /** The last one before it that stays. */
  readonly before: number | null
}

async function gapsOf(on: Session, accountId: number, keys: ReadonlySet<string>): Promise<readonly Gap[]> {
  const rows = await on.db
    .selectFrom('snapshots')
    .select(['seq', 'key', 'snapshot_id as snapshotId'])
    .where('account_id', '=', accountId)
    .orderBy('seq')
    .execute()
  const stay = rows.filter((row) => !keys.has(row.key)).map((row) => row.seq)
  return rows
    .filter((row) => keys.has(row.key))
    .map(({ seq, snapshotId }) => {
      const next = stay.find((other) => other > seq)
      if (next === undefined) throw new Error(`The newest snapshot of account ${accountId} cannot be taken out.`)
      return { seq, snapshotId, next, before: stay.findLast((other) => other < seq) ?? null }
    })
}

interface Move {
  readonly seq: number
  readonly next: number
}

/** A version that began here and ended before or at the next snapshot that stays is in none that stays. */
const dropDead = async ({ db }: Session, accountId: number, { seq, next }: Move): Promise<unknown> =>
  await db
    .deleteFrom('versions')
    .where('account_id', '=', accountId)
    .where('from_seq', '=', seq)
    .where('until_seq', '<=', next)
    .execute()

async function moveBounds({ db }: Session, accountId: number, { seq, next }: Move): Promise<void> {
  for (const bound of ['from_seq', 'until_seq'] as const) {
    await db
      .updateTable('versions')
      .set({ [bound]: next })
      .where('account_id', '=', accountId)
      .where(bound, '=', seq)
      .execute()
  }
}

const beginAnew = async ({ db }: Session, accountId: number, seq: number): Promise<unknown> =>
  await db
    .updateTable('versions')
    .set({ change: 'new' })
    .where('account_id', '=', accountId)
    .where('from_seq', '=', seq)
    .where('change', '<>', 'new')
    .execute()

const COMPARED = ['version', 'object', 'public_id', 'resource_type', 'type', 'folder', 'display_name'] as const

type Compared = Record<(typeof COMPARED)[number], string | null>
const toCompared = (row: Compared) => ({
  object: row.object,
  publicId: fromText(row.public_id ?? ''),
  resourceType: row.resource_type ?? '',
  type: row.type ?? '',
  folder: fromTextOrNull(row.folder),
  displayName: fromTextOrNull(row.display_name),
})

/** Each version that begins at a snapshot is compared with what the asset now was before it. */
async function judgeAgain(on: Session, accountId: number, seq: number): Promise<void> {
  const { db } = on
  const pages = inPages<{ id: number; asset_id: string; change: string } & Compared>(on, (last, limit) =>
    db
      .selectFrom('versions')
      .select(['id', 'asset_id', 'change', ...COMPARED])
      .where('account_id', '=', accountId)
      .where('from_seq', '=', seq)
      .where('id', '>', last?.id ?? 0)
      .orderBy('id')
      .limit(limit)
      .execute(),
  )
  for await (const page of pages) {
    const ended = await db
      .selectFrom('versions')
      .select(['id', 'asset_id', 'from_seq', 'change', ...COMPARED])
      .where('account_id', '=', accountId)
      .where('asset_id', 'in', [...new Set(page.map((row) => row.asset_id))])
      .where('until_seq', '=', seq)
      .execute()
    const before = new Map(ended.map((row) => [row.asset_id, row]))
    for (const row of page) {
      const earlier = before.get(row.asset_id)
      if (earlier !== undefined && earlier.version === row.version) {
        // Changed and changed back, and nobody saw what was between: one stretch.
        await db.deleteFrom('versions').where('id', '=', earlier.id).execute()
        const begin = { from_seq: earlier.from_seq, change: earlier.change }
        await db.updateTable('versions').set(begin).where('id', '=', row.id).execute()
        continue
      }
      const change = earlier === undefined ? 'new' : kindOfChange(toCompared(earlier), toCompared(row))
      if (change !== row.change) await db.updateTable('versions').set({ change }).where('id', '=', row.id).execute()
    }
  }
}

async function countAgain({ db }: Session, accountId: number, seq: number): Promise<void> {
  const counts: { change: 'new' | 'replaced' | 'renamed' | 'relabelled' | 'gone'; count: number }[] = await db
    .selectFrom('versions')
    .select(['change', (eb) => eb.fn.countAll<number>().as('count')])
    .where('account_id', '=', accountId)
    .where('from_seq', '=', seq)
    .groupBy('change')
    .execute()
  const gone = await db
    .selectFrom('versions as v')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('v.account_id', '=', accountId)
    .where('v.until_seq', '=', seq)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('versions as w')
            .select('w.id')
            .whereRef('w.account_id', '=', 'v.account_id')
            .whereRef('w.asset_id', '=', 'v.asset_id')
            .where('w.from_seq', '=', seq),
        ),
      ),
    )
    .executeTakeFirstOrThrow()
  if (gone.count > 0) counts.push({ change: 'gone', count: gone.count })
  await db.deleteFrom('change_counts').where('account_id', '=', accountId).where('seq', '=', seq).execute()
  for (const { change, count } of counts) {
    await db.insertInto('change_counts').values({ account_id: accountId, seq, change, count }).execute()
  }
}
