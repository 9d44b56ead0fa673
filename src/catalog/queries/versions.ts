import { sql } from 'kysely'
import type { Known, VersionFilter, VersionRow } from '../catalog.ts'
import { matcher, narrow } from '../filter.ts'
import { KNOWN_COLUMNS, ROW, type RowRecord, toKnown, toVersionRow } from '../rows.ts'
import { paged, type Session } from '../session.ts'
import { afterPrefix, fromText, toText } from '../text.ts'

/** No account has the number 0, so that a cloud the catalog does not know answers like an empty one. */
export const accountOf = async ({ hot }: Session, cloud: string): Promise<number> => (await hot.account(cloud)) ?? 0

export async function known(
  on: Session,
  cloud: string,
  assetIds: readonly string[],
): Promise<ReadonlyMap<string, Known>> {
  const accountId = await on.hot.account(cloud)
  return accountId === null ? new Map() : await on.hot.known(accountId, assetIds)
}

export async function* currentIds(on: Session, cloud: string, prefix: string): AsyncIterable<string> {
  const accountId = await accountOf(on, cloud)
  const rows = paged<{ asset_id: string }>(on, (last, limit) =>
    on.db
      .selectFrom('versions')
      .select('asset_id')
      .where('account_id', '=', accountId)
      .where('until_seq', 'is', null)
      .where('asset_id', last === null ? '>=' : '>', last?.asset_id ?? prefix)
      .where('asset_id', '<', afterPrefix(prefix))
      .orderBy('asset_id')
      .limit(limit)
      .execute(),
  )
  for await (const row of rows) yield row.asset_id
}

export async function knownPartitions(
  on: Session,
  cloud: string,
): Promise<readonly { resourceType: string; type: string; assets: number }[]> {
  return await on.db
    .selectFrom('partitions')
    .select(['resource_type as resourceType', 'type', 'assets'])
    .where('account_id', '=', await accountOf(on, cloud))
    .where('assets', '>', 0)
    .orderBy('resource_type')
    .orderBy('type')
    .execute()
}

export async function currentCount(on: Session, cloud: string): Promise<{ assets: number; bytes: number }> {
  const rows = await on.db
    .selectFrom('partitions')
    .select(['assets', 'bytes'])
    .where('account_id', '=', await accountOf(on, cloud))
    .execute()
  return rows.reduce((sum, row) => ({ assets: sum.assets + row.assets, bytes: sum.bytes + row.bytes }), {
    assets: 0,
    bytes: 0,
  })
}

export async function replacedSince(on: Session, cloud: string, seq: number): Promise<number> {
  const row = await on.db
    .selectFrom('versions')
    // The bare column would draw a plan that reads the account in order of asset_id, to spare itself a sort.
    .select(sql<number>`count(distinct asset_id || '')`.as('assets'))
    .where('account_id', '=', await accountOf(on, cloud))
    .where('from_seq', '>', seq)
    .where('change', '=', 'replaced')
    .executeTakeFirstOrThrow()
  return row.assets
}

export interface MissingFilter {
  readonly runId: string
  readonly partitions: readonly { resourceType: string; type: string }[]
  readonly after: string
  readonly limit: number
}

export async function missing(on: Session, cloud: string, filter: MissingFilter): Promise<readonly Known[]> {
  if (filter.partitions.length === 0) return []
  const run = await on.hot.run(filter.runId)
  const rows = await on.db
    .selectFrom('versions as v')
    .select(KNOWN_COLUMNS.map((column) => `v.${column}` as const))
    .where('v.account_id', '=', await accountOf(on, cloud))
    .where('v.until_seq', 'is', null)
    .where('v.asset_id', '>', filter.after)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('steps as s')
            .select(sql`1`.as('one'))
            .where('s.run', '=', run)
            .whereRef('s.asset_id', '=', 'v.asset_id')
            .where('s.listed', '=', 1),
        ),
      ),
    )
    .where((eb) =>
      eb.or(
        filter.partitions.map((p) => eb.and([eb('v.resource_type', '=', p.resourceType), eb('v.type', '=', p.type)])),
      ),
    )
    .orderBy('v.asset_id')
    .limit(filter.limit)
    .execute()
  return rows.map(toKnown)
}

const isAt = (seq: number) => sql<boolean>`(v.from_seq <= ${seq} and (v.until_seq is null or v.until_seq > ${seq}))`

export async function* versionsAt(
  on: Session,
  cloud: string,
  at: { seq: number; filter: VersionFilter },
): AsyncIterable<VersionRow> {
  const { seq, filter } = at
  const matches = matcher(filter)
  const accountId = await accountOf(on, cloud)
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  const rows = paged<RowRecord>(on, async (last, limit) => {
    const { publicId, assetId } = last === null ? (filter.after ?? { publicId: '', assetId: '' }) : cursorOf(last)
    return await on.db
      .selectFrom('versions as v')
      .select(ROW)
      .where('v.account_id', '=', accountId)
      .where(isAt(seq))
      .where(sql<boolean>`(v.public_id, v.asset_id) > (${toText(publicId)}, ${assetId})`)
      .where((eb) => narrow(eb, filter))
      .orderBy('v.public_id')
      .orderBy('v.asset_id')
      .limit(limit)
      .execute()
  })
  for await (const record of rows) {
    const row = toVersionRow(record, cloud)
    if (!matches(row)) continue
    yield row
    left -= 1
    if (left <= 0) return
  }
}

const cursorOf = (row: RowRecord): { publicId: string; assetId: string } => ({
  publicId: fromText(row.public_id),
  assetId: row.asset_id,
})

export async function withoutDetails(
  on: Session,
  cloud: string,
  page: { after: string; limit: number },
): Promise<readonly Known[]> {
  const rows = await on.db
    .selectFrom('versions as v')
    .select(KNOWN_COLUMNS.map((column) => `v.${column}` as const))
    .where('v.account_id', '=', await accountOf(on, cloud))
    .where(sql<boolean>`v.until_seq is null and v.has_details = 0 and v.object is not null`)
    .where('v.asset_id', '>', page.after)
    .orderBy('v.asset_id')
    .limit(page.limit)
    .execute()
  return rows.map(toKnown)
}
