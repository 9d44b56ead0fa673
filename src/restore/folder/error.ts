import { AppError, type ErrorCode, isAppError } from '../../model/errors.ts'
import { errnoOf } from '../../vault/disk-error.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly words: string
  readonly hint?: string
}

const FULL = { code: 'STORE_FULL', hint: 'free some space and run again; finished files are recognised' } as const
const WHOSE = 'check who owns the folder and which user runs cloudkeep'

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: { ...FULL, words: 'no space is left on the disk' },
  EDQUOT: { ...FULL, words: 'the disk quota is used up' },
  EACCES: { code: 'STORE_REFUSED', words: 'permission denied', hint: WHOSE },
  EPERM: { code: 'STORE_REFUSED', words: 'operation not permitted', hint: WHOSE },
  EROFS: { code: 'STORE_REFUSED', words: 'the file system is read-only', hint: 'mount it writable' },
  EFBIG: { code: 'STORE_REFUSED', words: 'the file is larger than this file system can hold' },
  ENAMETOOLONG: { code: 'STORE_REFUSED', words: 'the path is longer than this file system allows' },
  EISDIR: { code: 'STORE_REFUSED', words: 'there is a folder where a file belongs' },
  ENOTDIR: { code: 'STORE_REFUSED', words: 'there is a file where a folder belongs' },
  EEXIST: { code: 'TARGET_EXISTS', words: 'another program put a file there' },
  EILSEQ: { code: 'STORE_REFUSED', words: 'this file system cannot hold that name' },
  EINVAL: { code: 'STORE_REFUSED', words: 'this file system cannot hold that name' },
}

/** What a failed call in the target folder means; an AppError stays what it is. */
export const folderError = (error: unknown, path: string): AppError => {
  if (isAppError(error)) return error
  const errno = errnoOf(error)
  if (errno === null) throw error
  if (errno === 'NOT_AS_PROMISED') {
    const message = error instanceof Error ? error.message : ''
    return new AppError('STORE_UNAVAILABLE', `${path} is not what was written: ${message}`, {
      hint: 'the disk or the memory of this machine may be failing',
      permanent: false,
      cause: error,
    })
  }
  const meaning: Meaning = MEANINGS[errno] ?? { code: 'STORE_UNAVAILABLE', words: `the disk answered ${errno}` }
  return new AppError(meaning.code, `cannot write ${path}: ${meaning.words}`, {
    permanent: meaning.code !== 'STORE_UNAVAILABLE',
    cause: error,
    ...(meaning.hint !== undefined && { hint: meaning.hint }),
  })
}

/** True for what the next file will meet too, so that going on would only make a list of failures. */
export const endsRestore = (error: unknown): boolean =>
  !isAppError(error) ||
  error.code === 'STORE_FULL' ||
  error.code === 'INTERRUPTED' ||
  (error.code === 'STORE_REFUSED' && errnoOf(error.cause) === 'EROFS')
