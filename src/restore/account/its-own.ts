import { type AppError, type ErrorCode, isAppError } from '../../model/errors.ts'

/** Whatever comes next would meet the same. */
const OF_THE_RUN: ReadonlySet<ErrorCode> = new Set(['CREDENTIALS_REFUSED', 'API_LIMIT', 'INTERRUPTED'])

/** True when an error is that of one asset or item and leaves the rest of the restore possible. */
export const isItsOwn = (error: unknown): error is AppError => isAppError(error) && !OF_THE_RUN.has(error.code)
