import { AppError, isAppError } from '../model/errors.ts'

/** An aborted signal as the error that everyone understands; the reason is kept when it already is one. */
export const interrupted = (signal: AbortSignal, what: string): AppError =>
  isAppError(signal.reason)
    ? signal.reason
    : new AppError('INTERRUPTED', `interrupted while ${what}`, { cause: signal.reason })

export const checkSignal = (signal: AbortSignal | undefined, what: string): void => {
  if (signal?.aborted === true) throw interrupted(signal, what)
}
