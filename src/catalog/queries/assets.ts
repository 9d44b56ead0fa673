import { sql } from 'kysely'
import { pathKey } from '../../model/path-key.ts'
import type { Bearer, VersionFilter, VersionRow } from '../catalog.ts'
import { matcher } from '../filter.ts'
import { ROW_OF_ANY_ORIGIN, toVersionRow } from '../rows.ts'
import { inPages, type Session } from '../session.ts'
import { fromText, toText } from '../text.ts'
import { inHistoryOrder } from '../version-order.ts'
import { accountOf } from './versions.ts'

/** Versions of any kind, with the history records that name them. */
const allVersions = ({ db }: Session, accountId: number) =>
  db
    .selectFrom('versions as v')
    .select(ROW_OF_ANY_ORIGIN)
    .select(sql<string | null>`(select r.key from records r where r.id = v.record)`.as('history_key'))
    .where('v.account_id', '=', accountId)

const versionsOfAccount = async (on: Session, cloud: string) => allVersions(on, await accountOf(on, cloud))

export async function versionsOf(on: Session, cloud: string, assetId: string): Promise<readonly VersionRow[]> {
  const query = await versionsOfAccount(on, cloud)
  const rows = await query.where('v.asset_id', '=', assetId).orderBy('v.from_seq').execute()
  return inHistoryOrder(rows.map((row) => toVersionRow(row, cloud)))
}

export async function byAssetId(on: Session, cloud: string, assetId: string): Promise<VersionRow | null> {
  return (await versionsOf(on, cloud, assetId)).at(-1) ?? null
}

export interface PublicName {
  readonly publicId: string
  readonly resourceType?: string
  readonly type?: string
}

export async function byPublicId(on: Session, cloud: string, name: PublicName): Promise<readonly VersionRow[]> {
  let query = (await versionsOfAccount(on, cloud)).where('v.public_id', '=', toText(name.publicId))
  if (name.resourceType !== undefined) query = query.where('v.resource_type', '=', name.resourceType)
  if (name.type !== undefined) query = query.where('v.type', '=', name.type)
  const rows = (await query.execute()).map((row) => toVersionRow(row, cloud))
  return lastOfEach(rows).sort(newestFirst)
}

/** Names in one statement; databases take some tens of thousands of values. */
const NAMES_AT_ONCE = 500

export async function bearers(
  on: Session,
  cloud: string,
  { seq, publicIds }: { readonly seq: number; readonly publicIds: readonly string[] },
): Promise<readonly Bearer[]> {
  const accountId = await accountOf(on, cloud)
  const found: Bearer[] = []
  for (let i = 0; i < publicIds.length; i += NAMES_AT_ONCE) {
    const rows = await on.db
      .selectFrom('versions')
      .select(['asset_id', 'public_id', 'resource_type', 'type'])
      .where('account_id', '=', accountId)
      .where('public_id', 'in', publicIds.slice(i, i + NAMES_AT_ONCE).map(toText))
      .where('from_seq', '<=', seq)
      .where('from_seq', '>', 0)
      .where((eb) => eb.or([eb('until_seq', 'is', null), eb('until_seq', '>', seq)]))
      .execute()
    for (const row of rows) {
      const { asset_id: assetId, resource_type: resourceType, type } = row
      found.push({ assetId, publicId: fromText(row.public_id), resourceType, type })
    }
  }
  return found
}

function lastOfEach(rows: readonly VersionRow[]): VersionRow[] {
  return byAsset(rows).flatMap((versions) => inHistoryOrder(versions).at(-1) ?? [])
}

function byAsset(rows: readonly VersionRow[]): readonly (readonly VersionRow[])[] {
  const assets = new Map<string, VersionRow[]>()
  for (const row of rows) {
    const versions = assets.get(row.assetId)
    if (versions === undefined) assets.set(row.assetId, [row])
    else versions.push(row)
  }
  return [...assets.values()]
}

/** What is still there before what is not, then by when it was last so; what was only imported comes last. */
const newestFirst = (a: VersionRow, b: VersionRow): number => {
  const until = (row: VersionRow): number => row.untilSeq ?? Number.MAX_SAFE_INTEGER
  return until(b) - until(a) || b.fromSeq - a.fromSeq || besides(b, a) || (a.assetId < b.assetId ? -1 : 1)
}
const besides = (a: VersionRow, b: VersionRow): number => {
  const [left, right] = [a.until ?? a.since ?? '', b.until ?? b.since ?? '']
  return left === right ? 0 : left < right ? -1 : 1
}

export async function byPath(on: Session, cloud: string, path: string): Promise<VersionRow | null> {
  const query = await versionsOfAccount(on, cloud)
  const rows = await query.where('v.path_key', '=', pathKey(path)).execute()
  const found = rows.map((row) => toVersionRow(row, cloud)).sort(newestFirst)
  return found[0] ?? null
}

export async function namedBy(on: Session, cloud: string, object: string): Promise<readonly VersionRow[]> {
  const query = await versionsOfAccount(on, cloud)
  const rows = await query
    .where(sql<boolean>`substr(v.object, 1, 8) = ${object.slice(0, 8)}`)
    .where('v.object', '=', object)
    .orderBy('v.asset_id')
    .orderBy('v.from_seq')
    .execute()
  return byAsset(rows.map((row) => toVersionRow(row, cloud))).flatMap(inHistoryOrder)
}

export async function* goneAt(
  on: Session,
  cloud: string,
  at: { readonly seq: number; readonly filter: VersionFilter },
): AsyncIterable<VersionRow> {
  const { seq, filter } = at
  const accountId = await accountOf(on, cloud)
  const matches = matcher(filter)
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  const pages = inPages<{ readonly asset_id: string }>(on, (last, limit) =>
    goneIds(on, { accountId, seq, after: last?.asset_id ?? filter.after?.assetId ?? '', limit }),
  )
  for await (const page of pages) {
    const ids = page.map((row) => row.asset_id)
    const rows = await allVersions(on, accountId)
      .where('v.asset_id', 'in', ids)
      .where('v.from_seq', '<=', seq)
      .execute()
    const gone = lastOfEach(rows.map((row) => toVersionRow(row, cloud)))
    for (const row of gone.filter(matches).sort((a, b) => (a.assetId < b.assetId ? -1 : 1))) {
      yield row
      left -= 1
      if (left <= 0) return
    }
  }
}

interface GonePage {
  readonly accountId: number
  readonly seq: number
  readonly after: string
  readonly limit: number
}

const goneIds = async (
  { db }: Session,
  { accountId, seq, after, limit }: GonePage,
): Promise<readonly { readonly asset_id: string }[]> =>
  await db
    .selectFrom('versions as v')
    .select('v.asset_id')
    .distinct()
    .where('v.account_id', '=', accountId)
    .where('v.asset_id', '>', after)
    .where('v.from_seq', '<=', seq)
    .where('v.until_seq', '<=', seq)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('versions as here')
            .select(sql`1`.as('one'))
            .whereRef('here.account_id', '=', 'v.account_id')
            .whereRef('here.asset_id', '=', 'v.asset_id')
            .where('here.from_seq', '<=', seq)
            .where(sql<boolean>`(here.until_seq is null or here.until_seq > ${seq})`),
        ),
      ),
    )
    .orderBy('v.asset_id')
    .limit(limit)
    .execute()
