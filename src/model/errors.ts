/**
 * Every error that a user or a script can meet. The code is the contract: `cli/exit-codes.ts` maps it to an
 * exit code, and nothing in the program decides by looking at a message.
 */
export type ErrorCode =
  | 'USAGE' // a flag, argument or value that cannot be understood
  | 'CONFIG_INVALID' // environment, .env or config file
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_REFUSED' // 401/403 from the account's API
  | 'VAULT_NOT_FOUND'
  | 'VAULT_INVALID' // not a vault, a newer format, or bytes that do not parse
  | 'VAULT_LOCKED'
  | 'SNAPSHOT_NOT_FOUND'
  | 'ASSET_NOT_FOUND'
  | 'ASSET_AMBIGUOUS'
  | 'VERSION_NOT_FOUND'
  | 'OBJECT_NOT_FOUND'
  | 'OBJECT_CORRUPT' // bytes that do not match their name or length
  | 'STORE_REFUSED' // permission; permanent
  | 'STORE_UNAVAILABLE' // i/o error; may pass
  | 'STORE_FULL'
  | 'API_LIMIT' // the hourly quota (420/429); `resumeAt` says when it ends
  | 'API_REFUSED' // 4xx that repeating will not change
  | 'API_UNAVAILABLE' // network, time-out, 5xx, 423
  | 'API_UNEXPECTED' // an answer that is not what the API promises (HTML, broken JSON, wrong shape)
  | 'CURSOR_EXPIRED'
  | 'RESOURCE_NOT_FOUND' // the API positively said: no such thing
  | 'DOWNLOAD_REFUSED' // delivery 4xx
  | 'DOWNLOAD_UNAVAILABLE' // network, stall, 5xx
  | 'DOWNLOAD_MISMATCH' // length or MD5 differ from the account's facts
  | 'UPLOAD_REFUSED' // the account does not take it: too large, empty, not allowed
  | 'UPLOAD_MISMATCH' // what the account says it stored is not what was sent
  | 'KEY_MISSING' // what is encrypted cannot be read, or named, without a key that was not given
  | 'CONSENT_MISSING' // the owner of the bucket did not allow this account to use it
  | 'VERSION_PURGED' // removed on purpose; the purge record says when and why
  | 'VAULT_SEALED' // the vault, or these credentials, forbid removing
  | 'NOT_CONFIRMED' // something irreversible that nobody confirmed
  | 'HOST_REFUSED' // a URL outside Cloudinary's and the configured hosts
  | 'TARGET_EXISTS' // `get -o` would overwrite
  | 'INTERRUPTED'

export interface AppErrorOptions {
  /** One sentence for the user: what to do now. */
  readonly hint?: string
  readonly cause?: unknown
  /** False when trying again may help. Decided where the error is made, never by the retry loop. @default true */
  readonly permanent?: boolean
  /** For API_LIMIT: the time the service itself stated, in milliseconds since the epoch. */
  readonly resumeAt?: number
}

/** Anything thrown that is not an `AppError` is a bug and is shown with its stack. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly permanent: boolean
  readonly resumeAt: number | undefined

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.permanent = options.permanent ?? true
    this.resumeAt = options.resumeAt
  }
}

export const isAppError = (error: unknown, code?: ErrorCode): error is AppError =>
  error instanceof AppError && (code === undefined || error.code === code)
