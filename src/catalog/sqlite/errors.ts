import { AppError } from '../../model/errors.ts'
import { SQLITE, sqliteCode } from './driver.ts'

/** The file's bytes are not what SQLite wrote there. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.corrupt || code === SQLITE.notadb
}

/** Gives an error of the database its name for people; every other error stays as it is. */
export function toAppError(error: unknown, file: string): unknown {
  const code = sqliteCode(error)
  if (code === null) return errorOfFolder(error, file)
  switch (code) {
    case SQLITE.busy:
      return new AppError('VAULT_LOCKED', `The catalog ${file} is being written by another process.`, {
        hint: 'Wait until the other run has finished.',
        permanent: false,
        cause: error,
      })
    case SQLITE.full:
      return new AppError('STORE_FULL', `There is no space left for the catalog ${file}.`, {
        hint: 'Free some space on that disk and run again; nothing that was kept is lost.',
        cause: error,
      })
    case SQLITE.readonly:
    case SQLITE.cantopen:
      return refused(error, file)
    case SQLITE.ioerr:
      return new AppError(
        'STORE_UNAVAILABLE',
        `The catalog ${file} cannot be read or written: the disk reports an error.`,
        {
          permanent: false,
          cause: error,
        },
      )
    case SQLITE.corrupt:
    case SQLITE.notadb:
      return new AppError('VAULT_INVALID', `The catalog ${file} is damaged.`, {
        hint: 'Run the command again: the catalog is put aside and made anew from the vault.',
        cause: error,
      })
    default:
      return error
  }
}

const refused = (cause: unknown, file: string): AppError =>
  new AppError('STORE_REFUSED', `The catalog ${file} cannot be opened for writing.`, {
    hint: 'Check who may write to that folder.',
    cause,
  })

function errorOfFolder(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error
  if (error.code === 'ENOSPC') {
    return new AppError('STORE_FULL', `There is no space left for the catalog ${file}.`, { cause: error })
  }
  return refused(error, file)
}
