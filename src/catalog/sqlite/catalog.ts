import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Catalog, CatalogReader, CatalogWriter } from '../catalog.ts'
import type { Flavour } from '../migrations/flavour.ts'
import { MIGRATIONS } from '../migrations/migrations.ts'
import { catalogReader, catalogWriter } from '../transaction.ts'
import { Connection } from './connection.ts'
import { sqliteCode } from './driver.ts'
import { isDamage, toAppError } from './errors.ts'
import { sqliteHotPath } from './hot-path.ts'
import { writeStatistics } from './statistics.ts'
import { sweep } from './sweep.ts'

export const FLAVOUR: Flavour = {
  id: 'integer primary key',
  text: 'text',
  integer: 'integer',
  clustered: 'without rowid',
}
/** Marks the file as ours: "clkp". */
const APPLICATION_ID = 0x636c6b70
const WRITER_CACHE_KIB = 24 * 1024
const READER_CACHE_KIB = 6 * 1024
const IDLE_READERS = 2

/**
 * Opens the catalog, making it where there is none. A file that is damaged, not a catalog, or of a newer Cloudkeep is
 * put aside as `<file>.unusable` and a new one is made: what it held is in the vault. Throws STORE_REFUSED,
 * STORE_UNAVAILABLE or STORE_FULL when the place cannot be read or written.
 */
export async function openSqliteCatalog(file: string): Promise<Catalog & { readonly wasCreated: boolean }> {
  try {
    await mkdir(dirname(file), { recursive: true })
    const opened = (await openKnown(file)) ?? (await openAgain(file))
    return new SqliteCatalog(opened.connection, opened.wasCreated)
  } catch (error) {
    throw toAppError(error, file)
  }
}

interface Opened {
  readonly connection: Connection
  readonly wasCreated: boolean
}

/** Null when the file is no catalog that this program can use. */
async function openKnown(file: string): Promise<Opened | null> {
  let connection: Connection | null = null
  try {
    connection = await Connection.open(file, { cacheKiB: WRITER_CACHE_KIB })
    const wasCreated = await migrate(connection)
    if (wasCreated !== null) return { connection, wasCreated }
    connection.close()
    return null
  } catch (error) {
    connection?.close()
    if (isDamage(error)) return null
    throw error
  }
}

async function openAgain(file: string): Promise<Opened> {
  await putAside(file)
  const opened = await openKnown(file)
  if (opened === null) throw new Error(`A new catalog at ${file} cannot be read back.`)
  return opened
}

async function putAside(file: string): Promise<void> {
  // A log that belongs to the old file would be played into the new one.
  for (const suffix of ['-wal', '-shm']) await rm(`${file}${suffix}`, { force: true })
  await rename(file, `${file}.unusable`)
}

/** Brings the schema up to date. True when the catalog is new, null when the file is somebody else's. */
async function migrate(connection: Connection): Promise<boolean | null> {
  await connection.begin('immediate')
  try {
    const read = (name: string): number => Number(connection.prepare(`pragma ${name}`).get()?.[name])
    const version = read('user_version')
    const tables = Number(connection.prepare('select count(*) as tables from sqlite_schema').get()?.['tables'])
    const isOurs = tables === 0 || read('application_id') === APPLICATION_ID
    if (!isOurs || version > MIGRATIONS.length) {
      connection.rollback()
      return null
    }
    if (version < MIGRATIONS.length) {
      for (const migration of MIGRATIONS.slice(version)) for (const text of migration.up(FLAVOUR)) connection.exec(text)
      writeStatistics(connection)
      connection.exec(`pragma application_id = ${APPLICATION_ID}`)
      connection.exec(`pragma user_version = ${MIGRATIONS.length}`)
    }
    await connection.commit()
    return tables === 0
  } catch (error) {
    connection.rollback()
    throw error
  }
}

interface Reading {
  readonly connection: Connection
  readonly reader: CatalogReader
}

/**
 * One connection writes, one call at a time; each read has a connection to itself, so it sees one state of the
 * catalog from its first statement to its last, holds up no write, and may have writes inside it.
 */
class SqliteCatalog implements Catalog {
  readonly wasCreated: boolean
  readonly #writing: Connection
  readonly #writer: CatalogWriter
  readonly #idle: Reading[] = []
  #queue: Promise<unknown> = Promise.resolve()
  /** True until the rows of finished runs have been looked for: a kill may have left some. */
  #sweepDue = true
  #isClosed = false
  #isDamaged = false

  constructor(connection: Connection, wasCreated: boolean) {
    this.wasCreated = wasCreated
    this.#writing = connection
    const sweepLater = (): void => {
      this.#sweepDue = true
    }
    this.#writer = catalogWriter(sessionOn(connection, { sweepLater }))
  }

  async write<T>(fn: (tx: CatalogWriter) => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => this.#guarded(() => this.#write(fn)))
    this.#queue = turn.catch(() => undefined)
    return await turn
  }

  async read<T>(fn: (tx: CatalogReader) => Promise<T>): Promise<T> {
    await this.#queue
    return await this.#guarded(async () => {
      const reading = await this.#takeReader()
      try {
        const result = await fn(reading.reader)
        await reading.connection.commit()
        return result
      } finally {
        this.#giveBack(reading)
      }
    })
  }

  async *stream<T>(fn: (tx: CatalogReader) => AsyncIterable<T>): AsyncIterable<T> {
    await this.#queue
    const reading = await this.#guarded(() => this.#takeReader())
    reading.connection.isStreaming = true
    try {
      yield* fn(reading.reader)
    } catch (error) {
      throw this.#named(error)
    } finally {
      this.#giveBack(reading)
    }
  }

  /** Waits for the writes under way. Streams that are still read lose their connection when they end. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#queue
    for (const { connection } of this.#idle.splice(0)) connection.close()
    this.#writing.close()
    if (this.#isDamaged) await putAside(this.#writing.file)
  }

  async #write<T>(fn: (tx: CatalogWriter) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('The catalog was used after it had been closed.')
    await this.#writing.begin('immediate')
    let result: T
    try {
      result = await fn(this.#writer)
      await this.#writing.commit()
    } catch (error) {
      this.#writing.rollback()
      throw error
    }
    if (this.#sweepDue) {
      this.#sweepDue = false
      await sweep(this.#writing)
    }
    return result
  }

  async #takeReader(): Promise<Reading> {
    if (this.#isClosed) throw new Error('The catalog was used after it had been closed.')
    const reading = this.#idle.pop() ?? (await openReading(this.#writing.file))
    await reading.connection.begin('deferred')
    return reading
  }

  #giveBack(reading: Reading): void {
    reading.connection.rollback()
    reading.connection.isStreaming = false
    if (this.#isClosed || this.#idle.length >= IDLE_READERS) reading.connection.close()
    else this.#idle.push(reading)
  }

  async #guarded<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      throw this.#named(error)
    }
  }

  #named(error: unknown): unknown {
    this.#isDamaged ||= isDamage(error)
    return sqliteCode(error) === null ? error : toAppError(error, this.#writing.file)
  }
}

async function openReading(file: string): Promise<Reading> {
  const connection = await Connection.open(file, { cacheKiB: READER_CACHE_KIB })
  return { connection, reader: catalogReader(sessionOn(connection, {})) }
}

const sessionOn = <More extends object>(connection: Connection, more: More) => ({
  ...more,
  db: connection.db,
  hot: sqliteHotPath(connection),
  get generation(): number {
    return connection.generation
  },
  turn: () => connection.turn(),
})
