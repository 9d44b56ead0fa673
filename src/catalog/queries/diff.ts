import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { DiffRow, VersionRow } from '../catalog.ts'
import { kindOfChange } from '../change.ts'
import { ROW, type RowRecord, toVersionRow } from '../rows.ts'
import { inPages, type Session } from '../session.ts'
import { accountOf } from './versions.ts'

interface Span {
  readonly cloud: string
  readonly accountId: number
  readonly low: number
  readonly high: number
}

/**
 * Reads only versions that began or ended between the two snapshots, so its cost is that of the change. First all
 * that is there at the later snapshot and was not so at the earlier, then all that is no longer there.
 */
export async function* diff(on: Session, cloud: string, between: { from: number; to: number }): AsyncIterable<DiffRow> {
  const { from, to } = between
  const span = { cloud, accountId: await accountOf(on, cloud), low: Math.min(from, to), high: Math.max(from, to) }
  for await (const [earlier, later] of pairs(on, span)) {
    const row = from <= to ? compare(earlier, later) : compare(later, earlier)
    if (row !== null) yield row
  }
}

type Pair = readonly [earlier: VersionRow | null, later: VersionRow | null]

async function* pairs(on: Session, span: Span): AsyncIterable<Pair> {
  for await (const page of inPages<RowRecord>(on, (last, limit) => begun(on, span, { last, limit }))) {
    const before = await alive(on, span, { seq: span.low, page })
    for (const row of page) yield [before.get(row.asset_id) ?? null, toVersionRow(row, span.cloud)]
  }
  for await (const page of inPages<RowRecord>(on, (last, limit) => ended(on, span, { last, limit }))) {
    const after = await alive(on, span, { seq: span.high, page })
    // What has a later version was told of above.
    for (const row of page) if (!after.has(row.asset_id)) yield [toVersionRow(row, span.cloud), null]
  }
}

function compare(before: VersionRow | null, after: VersionRow | null): DiffRow | null {
  if (after === null) return before === null ? null : { assetId: before.assetId, kind: 'removed', before, after }
  const { assetId } = after
  if (before === null) return { assetId, kind: 'added', before, after }
  // Changed and changed back.
  if (before.version === after.version) return null
  return { assetId, kind: kindOfChange(before, after), before, after }
}

interface Page {
  readonly last: RowRecord | null
  readonly limit: number
}

/** Versions that began after `low` and are there at `high`. */
const begun = (on: Session, span: Span, page: Page): Promise<readonly RowRecord[]> =>
  turned(on, span, { ...page, at: 'from_seq', and: sql`(v.until_seq is null or v.until_seq > ${span.high})` })

/** Versions that were there at `low` and ended by `high`. */
const ended = (on: Session, span: Span, page: Page): Promise<readonly RowRecord[]> =>
  turned(on, span, { ...page, at: 'until_seq', and: sql`v.from_seq <= ${span.low}` })

/** Versions that began or ended between the two snapshots, in that order. */
const turned = async (
  { db }: Session,
  { accountId, low, high }: Span,
  { at, and, last, limit }: Page & { readonly at: 'from_seq' | 'until_seq'; readonly and: RawBuilder<SqlBool> },
): Promise<readonly RowRecord[]> =>
  await db
    .selectFrom('versions as v')
    .select(ROW)
    .where('v.account_id', '=', accountId)
    .where(`v.${at}`, '>', low)
    .where(`v.${at}`, '<=', high)
    .where(and)
    .where(sql<boolean>`(${sql.ref(`v.${at}`)}, v.id) > (${last?.[at] ?? low}, ${last?.id ?? 0})`)
    .orderBy(`v.${at}`)
    .orderBy('v.id')
    .limit(limit)
    .execute()

/** The versions at `seq` of the assets on a page. */
async function alive(
  { db }: Session,
  { accountId, cloud }: Span,
  { seq, page }: { seq: number; page: readonly RowRecord[] },
): Promise<ReadonlyMap<string, VersionRow>> {
  const rows = await db
    .selectFrom('versions as v')
    .select(ROW)
    .where('v.account_id', '=', accountId)
    .where('v.asset_id', 'in', [...new Set(page.map((row) => row.asset_id))])
    .where('v.from_seq', '<=', seq)
    .where(sql<boolean>`(v.until_seq is null or v.until_seq > ${seq})`)
    .execute()
  return new Map(rows.map((row) => [row.asset_id, toVersionRow(row, cloud)]))
}
