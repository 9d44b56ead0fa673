import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely'
import { AppError } from '../../model/errors.ts'
import type { Schema } from '../schema/schema.ts'
import { type DatabaseHandle, openDatabase, SQLITE, type SqlValue, type Statement, sqliteCode } from './driver.ts'

/** Blocking waits for another process's lock are short; between them this process goes on with its other work. */
const BLOCKING_WAIT_MS = 250
const PATIENCE_MS = 60_000
/** Kysely makes one text per shape of query, and lists of ids have as many shapes as lengths. */
const MAX_STATEMENTS = 400

export interface ConnectionOptions {
  readonly cacheKiB: number
}

/** One open database file with its prepared statements. Statements run only between `begin` and `end`. */
export class Connection {
  readonly file: string
  readonly db: Kysely<Schema>
  /** Counts transactions, so that a stream can tell that the one it was opened in is over. */
  generation = 0
  /** Between the pages of a stream its transaction is renewed. */
  isStreaming = false
  readonly #handle: DatabaseHandle
  readonly #statements = new Map<string, Statement>()
  #active = false

  private constructor(file: string, handle: DatabaseHandle) {
    this.file = file
    this.#handle = handle
    this.db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: this.#forKysely() }) })
  }

  static async open(file: string, options: ConnectionOptions): Promise<Connection> {
    const handle = await openDatabase(file, { timeout: BLOCKING_WAIT_MS })
    try {
      // auto_vacuum is a property of the file and must be set before its first page is written.
      handle.exec('pragma auto_vacuum = incremental')
      handle.exec('pragma journal_mode = wal')
      handle.exec('pragma synchronous = normal')
      handle.exec('pragma foreign_keys = on')
      handle.exec(`pragma cache_size = -${options.cacheKiB}`)
      // Pages of random asset ids are written again and again; a log of 64 MB brings them home once for many times.
      handle.exec('pragma wal_autocheckpoint = 16000')
      handle.exec('pragma journal_size_limit = 67108864')
      return new Connection(file, handle)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  async begin(kind: 'immediate' | 'deferred'): Promise<void> {
    await this.#patiently(`begin ${kind}`)
    this.#active = true
    this.generation += 1
  }

  async commit(): Promise<void> {
    await this.#patiently('commit')
    this.#active = false
  }

  rollback(): void {
    this.#active = false
    // A full disk or an i/o error has rolled back already.
    if (this.#handle.isTransaction) this.#handle.exec('rollback')
  }

  async turn(): Promise<void> {
    if (!this.isStreaming) return
    await this.#patiently('commit')
    await this.#patiently('begin deferred')
  }

  /** The statement for this text, prepared once. */
  prepare(text: string): Statement {
    if (!this.#active) throw new Error('A catalog transaction was used after its end.')
    const found = this.#statements.get(text)
    if (found !== undefined) return found
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statement = this.#handle.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }

  exec(text: string): void {
    this.#handle.exec(text)
  }

  /**
   * The package's prepared statements live on until they are collected, and the file stays open with them; Node's own
   * end here. So the log is brought home first, instead of left to the closing of the file.
   */
  close(): void {
    this.#statements.clear()
    try {
      this.#handle.exec('pragma wal_checkpoint(truncate)')
    } catch {
      // What is in the log is safe there too, and a damaged file is dealt with where it is read.
    } finally {
      this.#handle.close()
    }
  }

  async #patiently(text: string): Promise<void> {
    const giveUp = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        this.#handle.exec(text)
        return
      } catch (error) {
        if (sqliteCode(error) !== SQLITE.busy) throw error
        if (performance.now() > giveUp) throw busy(this.file, error)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  /** Kysely asks each statement whether it returns rows; this shape of driver tells by its columns. */
  #forKysely(): SqliteDatabase {
    return {
      close: () => undefined,
      prepare: (text) => {
        const statement = this.prepare(text)
        return {
          reader: statement.columns().length > 0,
          all: (values) => statement.all(...(values as readonly SqlValue[])),
          run: (values) => statement.run(...(values as readonly SqlValue[])),
          iterate: (values) => statement.all(...(values as readonly SqlValue[])).values(),
        }
      },
    }
  }
}

const busy = (file: string, cause: unknown): AppError =>
  new AppError('VAULT_LOCKED', `The catalog ${file} is being written by another process.`, {
    hint: 'Wait until the other run has finished.',
    permanent: false,
    cause,
  })
