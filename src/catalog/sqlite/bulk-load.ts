import type { Connection } from './connection.ts'
import { writeStatistics } from './statistics.ts'

/** Indexes in whose order the rows do not come: a million insertions in random places cost more than one sort. */
const RANDOM_ORDER = ['versions_public_id', 'versions_path', 'versions_object'] as const

/** Takes the indexes away, loads, and makes them again as they were; all inside the caller's transaction. */
export async function bulkLoad(on: Connection, load: () => Promise<void>): Promise<void> {
  const find = on.prepare('select sql from sqlite_schema where type = ? and name = ?')
  const texts = RANDOM_ORDER.map((name) => String(find.get('index', name)?.['sql']))
  for (const name of RANDOM_ORDER) on.exec(`drop index ${name}`)
  await load()
  for (const text of texts) on.exec(text)
  // The figures of an index go with it.
  writeStatistics(on)
}
