import type { EntryChange } from '../../model/entry.ts'
import type { Known, VersionRow } from '../catalog.ts'
import { type Compared, kindOfChange } from '../change.ts'
import type { BesideBatch, ChangeBatch, Tally } from '../hot-path.ts'
import { type EntryColumns, KNOWN_COLUMNS, type KnownRecord, toColumns, toKnown } from '../rows.ts'
import { fromText, fromTextOrNull, toTextOrNull } from '../text.ts'
import type { Connection } from './connection.ts'
import type { SqlValue } from './driver.ts'

const ENTRY_COLUMNS = [
  ...KNOWN_COLUMNS,
  'path_key',
  'format',
  'width',
  'height',
  'duration',
  'created_at',
  'uploaded_at',
  'tags',
  'captured_at',
] as const satisfies readonly (keyof EntryColumns)[]

/** Bytes that were purged are not known: if the account still has them, they are fetched again. */
const knownValue = (name: (typeof KNOWN_COLUMNS)[number]): string =>
  name === 'object' ? 'case when v.purged_at is null then v.object end' : `v.${name}`
/** The whole page as one text: handing over one value instead of thousands takes half the time. */
const FIND_KNOWN = `select json_group_array(json_object(${KNOWN_COLUMNS.map((name) => `'${name}', ${knownValue(name)}`).join(', ')})) as page
  from (select value as wanted from json_each(?)) cross join versions v
  where v.account_id = ? and v.asset_id = wanted and v.until_seq is null`

export async function known(
  on: Connection,
  accountId: number,
  assetIds: readonly string[],
): Promise<Map<string, Known>> {
  const page = on.prepare(FIND_KNOWN).get(JSON.stringify(assetIds), accountId)?.['page']
  const rows = JSON.parse(String(page)) as KnownRecord[]
  return new Map(rows.map((row) => [row.asset_id, toKnown(row)]))
}

const FIND_CURRENT = `select id, version, public_id, resource_type, type, object, size, folder, display_name from versions
  where account_id = ? and asset_id = ? and until_seq is null`
const CLOSE = 'update versions set until_seq = ? where id = ?'
const INSERT = `insert into versions (account_id, change, from_seq, ${ENTRY_COLUMNS.join(', ')})
  values (?, ?, ?, ${ENTRY_COLUMNS.map(() => '?').join(', ')})`
const UPDATE = `update versions set ${ENTRY_COLUMNS.map((column) => `${column} = ?`).join(', ')} where id = ?`

interface Current {
  readonly id: number
  readonly version: string
  readonly size: number | null
  readonly compared: Compared
}

export async function applyChanges(on: Connection, batch: ChangeBatch): Promise<void> {
  for (const change of batch.changes) applyChange(on, batch, change)
}

function applyChange(on: Connection, batch: ChangeBatch, { assetId, after }: EntryChange): void {
  const { accountId, seq, tally } = batch
  const current = findCurrent(on, accountId, assetId)
  if (after === null) {
    if (current === null) return
    on.prepare(CLOSE).run(seq, current.id)
    count(tally, 'gone')
    move(tally, current.compared, { assets: -1, bytes: -(current.size ?? 0) })
    return
  }
  const columns = toColumns(after)
  const values: SqlValue[] = ENTRY_COLUMNS.map((column) => columns[column])
  if (current !== null) move(tally, current.compared, { assets: -1, bytes: -(current.size ?? 0) })
  move(tally, after, { assets: 1, bytes: columns.size ?? 0 })
  if (current !== null && current.version === after.version) {
    on.prepare(UPDATE).run(...values, current.id)
    return
  }
  const kind = current === null ? 'new' : kindOfChange(current.compared, comparedOf(after))
  count(tally, kind)
  if (current !== null) on.prepare(CLOSE).run(seq, current.id)
  on.prepare(INSERT).run(accountId, kind, seq, ...values)
}

const INSERT_BESIDE = `insert into versions
  (account_id, change, from_seq, until_seq, origin, record, since, until, version_id, ${ENTRY_COLUMNS.join(', ')})
  values (?, 'new', ?, ?, ?, ?, ?, ?, ?, ${ENTRY_COLUMNS.map(() => '?').join(', ')})`

export async function addBeside(on: Connection, batch: BesideBatch): Promise<void> {
  const { accountId, origin, record } = batch
  for (const [i, { entry, since, until, versionId }] of batch.lines.entries()) {
    const columns = toColumns(entry)
    const values: SqlValue[] = ENTRY_COLUMNS.map((column) => columns[column])
    const seq = batch.seq - i
    const beside = [seq, seq, origin, record, since, until, toTextOrNull(versionId)] as const
    on.prepare(INSERT_BESIDE).run(accountId, ...beside, ...values)
  }
}

function findCurrent(on: Connection, accountId: number, assetId: string): Current | null {
  const row = on.prepare(FIND_CURRENT).get(accountId, assetId) as unknown as
    | (Pick<
        KnownRecord,
        'version' | 'public_id' | 'resource_type' | 'type' | 'object' | 'size' | 'folder' | 'display_name'
      > & { id: number })
    | undefined
  if (row === undefined) return null
  const compared = {
    object: row.object,
    publicId: fromText(row.public_id),
    resourceType: row.resource_type,
    type: row.type,
    folder: fromTextOrNull(row.folder),
    displayName: fromTextOrNull(row.display_name),
  }
  return { id: row.id, version: row.version, size: row.size, compared }
}

const comparedOf = (entry: NonNullable<EntryChange['after']>): Compared => ({
  object: entry.object,
  publicId: entry.publicId,
  resourceType: entry.resourceType,
  type: entry.type,
  folder: entry.facts.folder,
  displayName: entry.facts.displayName,
})

const count = ({ counts }: Tally, kind: VersionRow['change'] | 'gone'): void => {
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
}

function move(
  { partitions }: Tally,
  of: Pick<Compared, 'resourceType' | 'type'>,
  by: { assets: number; bytes: number },
): void {
  const name = `${of.resourceType}/${of.type}`
  const sum = partitions.get(name) ?? { resourceType: of.resourceType, type: of.type, assets: 0, bytes: 0 }
  partitions.set(name, { ...sum, assets: sum.assets + by.assets, bytes: sum.bytes + by.bytes })
}
