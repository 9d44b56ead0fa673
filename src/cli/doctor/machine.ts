import { availableParallelism } from 'node:os'
import { plural } from '../format.ts'
import { type Check, describe, type Examination } from './check.ts'

interface SqliteModule {
  readonly DatabaseSync: new (file: string) => { prepare(sql: string): { get(): unknown }; close(): void }
}

/** Node itself, and the SQLite that the catalog will use. */
export const examineMachine: Examination = async function* () {
  yield {
    name: 'node',
    status: 'ok',
    message: `${process.version} on ${process.platform}-${process.arch}, ${plural(availableParallelism(), 'core')}`,
  }
  yield await sqlite()
}

async function sqlite(): Promise<Check> {
  try {
    const { name, module } = await loadSqlite()
    const database = new module.DatabaseSync(':memory:')
    const row = database.prepare('select sqlite_version() as version').get()
    database.close()
    const version =
      typeof row === 'object' && row !== null && 'version' in row ? String(row.version) : 'of unknown version'
    return { name: 'sqlite', status: 'ok', message: `${version} (${name})` }
  } catch (error) {
    return {
      name: 'sqlite',
      status: 'fail',
      message: `no SQLite driver can be loaded: ${describe(error)}`,
      hint: 'install again with npm ci, or use Node.js 22.13 or newer, which brings SQLite with it',
    }
  }
}

/** The same choice as the catalog's. */
async function loadSqlite(): Promise<{ name: string; module: SqliteModule }> {
  const builtin: unknown = process.getBuiltinModule?.('node:sqlite')
  if (isSqlite(builtin)) return { name: 'of Node itself', module: builtin }
  const found: unknown = await import('@photostructure/sqlite')
  if (isSqlite(found)) return { name: '@photostructure/sqlite', module: found }
  throw new Error('the driver has not the expected shape')
}

const isSqlite = (value: unknown): value is SqliteModule =>
  typeof value === 'object' && value !== null && 'DatabaseSync' in value
