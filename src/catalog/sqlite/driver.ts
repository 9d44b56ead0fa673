export type SqlValue = null | number | bigint | string | Uint8Array
type SqlRow = Record<string, SqlValue>

export interface Statement {
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  get(...values: readonly SqlValue[]): SqlRow | undefined
  all(...values: readonly SqlValue[]): SqlRow[]
  columns(): readonly unknown[]
}

/** What `node:sqlite` and `@photostructure/sqlite` have in common and the catalog uses. */
export interface DatabaseHandle {
  readonly isTransaction: boolean
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

export interface DatabaseOptions {
  /** How long a statement blocks this thread for a lock of another process, in milliseconds. */
  readonly timeout: number
}

type DatabaseModule = { readonly DatabaseSync: new (file: string, options: DatabaseOptions) => DatabaseHandle }

/** SQLite's primary result codes, as far as something is decided by them. */
export const SQLITE = { busy: 5, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 } as const

/** The primary result code of an error thrown by the driver; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

let loaded: Promise<(file: string, options: DatabaseOptions) => DatabaseHandle> | undefined

/** Opens a database file, creating it when absent. Node's own SQLite where there is one, else the package of its shape. */
export async function openDatabase(file: string, options: DatabaseOptions): Promise<DatabaseHandle> {
  loaded ??= loadOpener()
  const open = await loaded
  return open(file, options)
}

async function loadOpener(): Promise<(file: string, options: DatabaseOptions) => DatabaseHandle> {
  const builtin = loadBuiltin()
  if (builtin !== undefined) return (file, options) => new builtin.DatabaseSync(file, options)
  const { DatabaseSync } = (await import('@photostructure/sqlite')) as unknown as DatabaseModule
  return (file, options) => withCodes(new DatabaseSync(file, options))
}

/** The package's `all` throws errors without `errcode`; its `get` does not. What is wrong is asked for in that way. */
const withCodes = (database: DatabaseHandle): DatabaseHandle => ({
  get isTransaction() {
    return database.isTransaction
  },
  exec: (sql) => database.exec(sql),
  close: () => database.close(),
  prepare: (sql) => {
    const statement = database.prepare(sql)
    return {
      run: statement.run.bind(statement),
      get: statement.get.bind(statement),
      columns: () => statement.columns(),
      all: (...values) => {
        try {
          return statement.all(...values)
        } catch (error) {
          throw sqliteCode(error) === null && isDamaged(database) ? damage(error) : error
        }
      },
    }
  },
})

/** Reads the whole file: only for when something is wrong already. */
function isDamaged(database: DatabaseHandle): boolean {
  try {
    return database.prepare('pragma quick_check(1)').get()?.['quick_check'] !== 'ok'
  } catch (error) {
    return sqliteCode(error) === SQLITE.corrupt || sqliteCode(error) === SQLITE.notadb
  }
}

const damage = (cause: unknown): Error =>
  Object.assign(new Error('database disk image is malformed', { cause }), { errcode: SQLITE.corrupt })

/**
 * Loading `node:sqlite` announces an ExperimentalWarning, once, in the same tick. It is kept from the terminal by
 * standing in for `emitWarning` during the load alone; every other warning passes.
 */
function loadBuiltin(): DatabaseModule | undefined {
  const emit = process.emitWarning
  const pass = emit.bind(process) as (...args: readonly unknown[]) => void
  process.emitWarning = ((warning: string | Error, ...rest: readonly unknown[]): void => {
    if (rest[0] !== 'ExperimentalWarning') pass(warning, ...rest)
  }) as typeof process.emitWarning
  try {
    return process.getBuiltinModule?.('node:sqlite') as DatabaseModule | undefined
  } finally {
    process.emitWarning = emit
  }
}
