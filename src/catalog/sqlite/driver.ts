export type SqlValue = null | number | bigint | string | Uint8Array
export type SqlRow = Record<string, SqlValue>

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

let loaded: Promise<DatabaseModule> | undefined

/** Opens a database file, creating it when absent. Node's own SQLite where there is one, else the package of its shape. */
export async function openDatabase(file: string, options: DatabaseOptions): Promise<DatabaseHandle> {
  loaded ??= loadModule()
  const { DatabaseSync } = await loaded
  return new DatabaseSync(file, options)
}

async function loadModule(): Promise<DatabaseModule> {
  const builtin = loadBuiltin()
  if (builtin !== undefined) return builtin
  return (await import('@photostructure/sqlite')) as unknown as DatabaseModule
}

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
