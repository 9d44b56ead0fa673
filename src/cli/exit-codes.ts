import type { ErrorCode } from '../model/errors.ts'

/** The contract with scripts; `--help` prints the same table. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Something is named that could not be kept, read back or restored. */
  partial: 3,
  guard: 4,
  noVault: 10,
  locked: 11,
  credentials: 12,
  apiLimit: 13,
  interrupted: 130,
} as const

const BY_ERROR: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  NOT_CONFIRMED: EXIT.usage,
  CREDENTIALS_MISSING: EXIT.credentials,
  CREDENTIALS_REFUSED: EXIT.credentials,
  KEY_MISSING: EXIT.credentials,
  VAULT_NOT_FOUND: EXIT.noVault,
  VAULT_LOCKED: EXIT.locked,
  API_LIMIT: EXIT.apiLimit,
  INTERRUPTED: EXIT.interrupted,
}

export const exitCodeOf = (code: ErrorCode): number => BY_ERROR[code] ?? EXIT.failed
