import type { DatabaseHandle } from './sqlite/driver.ts'
import { openDatabase, SQLITE, sqliteCode } from './sqlite/driver.ts'

/** A file that one process at a time can hold. The operating system lets go of it when the process dies. */
export interface LockFile {
  /** False when another process, or another opening in this one, holds it. Throws when the disk cannot lock. */
  tryLock(): boolean
  /** Letting go of what is not held does nothing. */
  unlock(): void
  close(): void
}

/** Waits this long inside SQLite, so that two who try at the same instant do not both give up. */
const TIMEOUT_MS = 50

const tryBegin = (database: DatabaseHandle): boolean => {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (sqliteCode(error) === SQLITE.busy) return false
    throw error
  }
}

/**
 * The file is an empty SQLite database that nothing is ever written to: an exclusive transaction is the one lock that
 * Node can take on every system. No other code of the process may open and close the file: on POSIX that would let go.
 */
export async function openLockFile(path: string): Promise<LockFile> {
  const database = await openDatabase(path, { timeout: TIMEOUT_MS })
  return {
    tryLock: () => !database.isTransaction && tryBegin(database),
    unlock: () => {
      if (database.isTransaction) database.exec('ROLLBACK')
    },
    close: () => database.close(),
  }
}
