import type { ErrorCode } from '../model/errors.ts'
import { AppError, isAppError } from '../model/errors.ts'

export const errnoOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null

/** The path does not lead to anything: its last name, or a folder on the way, is not there. */
export const isAbsence = (error: unknown): boolean => {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}

interface Meaning {
  readonly code: ErrorCode
  readonly permanent: boolean
  readonly words: string
  readonly hint?: string
}

const REFUSED = { code: 'STORE_REFUSED', permanent: true } as const

const FULL: Meaning = {
  code: 'STORE_FULL',
  permanent: true,
  words: 'no space is left on the disk',
  hint: 'free some space and run again; what is finished is kept',
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FULL,
  EDQUOT: { ...FULL, words: 'the disk quota is used up' },
  EACCES: { ...REFUSED, words: 'permission denied', hint: 'check who owns the vault and which user runs cloudkeep' },
  EPERM: {
    ...REFUSED,
    words: 'operation not permitted',
    hint: 'check who owns the vault and which user runs cloudkeep',
  },
  EROFS: { ...REFUSED, words: 'the file system is read-only', hint: 'mount it writable' },
  EFBIG: { ...REFUSED, words: 'the file is larger than this file system can hold' },
  ENAMETOOLONG: { ...REFUSED, words: 'the path is longer than this file system allows' },
  EISDIR: { ...REFUSED, words: 'there is a folder where a file belongs' },
  ENOTDIR: { ...REFUSED, words: 'there is a file where a folder belongs' },
  ENOTEMPTY: { ...REFUSED, words: 'there is a folder where a file belongs' },
  EEXIST: { ...REFUSED, words: 'there is a folder where a file belongs' },
  EXDEV: {
    ...REFUSED,
    words: 'the folders of the vault lie on different file systems',
    hint: 'a vault must lie on one file system; only .cache and library may lie elsewhere',
  },
}

/** What a failed call on the local disk means. `doing` completes "cannot …", as in `write objects/ab/…`. */
export const diskError = (error: unknown, doing: string): AppError => {
  if (isAppError(error)) return error
  const errno = errnoOf(error)
  if (errno === null) throw error
  const { code, permanent, words, hint }: Meaning = MEANINGS[errno] ?? {
    code: 'STORE_UNAVAILABLE',
    permanent: false,
    words: `the disk answered ${errno}`,
  }
  return new AppError(code, `cannot ${doing}: ${words}`, {
    permanent,
    cause: error,
    ...(hint !== undefined && { hint }),
  })
}
