import type { DigestSet } from '../../lib/digest-set.ts'
import { type ErrorCode, isAppError } from '../../model/errors.ts'
import { isOneObjects } from '../../vault/object-loss.ts'
import type { Vault } from '../../vault/vault.ts'
import type { CopyFinding, CopyOptions } from './report.ts'

/** Something of the source that could not be had, and why. */
export interface Loss {
  readonly code: 'object-missing' | 'object-corrupt' | 'object-unreadable' | 'list-unreadable'
  readonly message: string
}

/** What the steps of one copy share. */
export interface Copying {
  readonly source: Vault
  readonly target: Vault
  readonly options: CopyOptions
  readonly signal: AbortSignal
  /** Every object that a head needs and no purge took away. */
  readonly needed: DigestSet
  /** Those of them that the target lacks; marked when they were met in the source. */
  readonly lacking: DigestSet
  /** By digest: what the target lacks for good. */
  readonly lost: Map<string, Loss>
  /** `assetId@version` of everything removed on purpose in either vault. */
  readonly purged: Set<string>
  /** What is wrong besides objects. */
  readonly findings: CopyFinding[]
}

/**
 * What an error while reading the source means for one object. A bad sector costs one object; a source that answers
 * nothing any more, and anything that is no answer at all, is thrown.
 */
export async function lossOf({ source }: Copying, error: unknown): Promise<Loss> {
  if (isAppError(error, 'VAULT_INVALID')) return { code: 'list-unreadable', message: error.message }
  if (!isAppError(error) || !(await isOneObjects(source, error))) throw error
  return { code: CODES[error.code] ?? 'object-unreadable', message: error.message }
}

const CODES: Readonly<Partial<Record<ErrorCode, Loss['code']>>> = {
  OBJECT_NOT_FOUND: 'object-missing',
  OBJECT_CORRUPT: 'object-corrupt',
}
