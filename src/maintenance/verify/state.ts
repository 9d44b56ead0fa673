import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import { derivedRows } from '../../model/derived.ts'
import type { Entry } from '../../model/entry.ts'
import { type AppError, isAppError } from '../../model/errors.ts'
import type { HistoryHead } from '../../model/history.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Repair } from '../repair/repair.ts'
import { createNeeded, type Needed } from './needed.ts'
import type { Finding, VerifyOptions } from './report.ts'

/** A check under way: what its steps hand on to one another. */
export interface Check {
  readonly vault: Vault
  readonly options: VerifyOptions
  readonly signal: AbortSignal
  readonly startedAt: Date
  readonly findings: Finding[]
  readonly needed: Needed
  /** Manifests that were read, and found right, on the way. */
  readonly readAlready: DigestSet
  /** Their length together. */
  readonly manifests: { bytes: number }
  readonly heads: StoredSnapshot[]
  readonly histories: { readonly key: string; readonly head: HistoryHead }[]
  /** Versions whose bytes were removed on purpose, as `<cloud> <assetId> <version>`. */
  readonly purgedVersions: Set<string>
  /** The objects of purged versions that a manifest still names. */
  readonly purgedObjects: DigestSet
  readonly repair: Repair | null
}

export function beginCheck(
  vault: Vault,
  { options, repair, signal }: { options: VerifyOptions; repair: Repair | null; signal: AbortSignal },
): Check {
  return {
    vault,
    options,
    signal,
    repair,
    startedAt: options.now(),
    findings: [],
    needed: createNeeded(),
    readAlready: createDigestSet(),
    manifests: { bytes: 0 },
    heads: [],
    histories: [],
    purgedVersions: new Set(),
    purgedObjects: createDigestSet(),
  }
}

export function report(
  check: Check,
  severity: Finding['severity'],
  found: Pick<Finding, 'code' | 'subject' | 'message'>,
): void {
  check.findings.push({ severity, ...found, affects: [] })
}

/** Damage and absence are what a check is for; anything else (a disk that is gone, Ctrl-C) ends it. */
export const isDamage = (error: unknown): error is AppError =>
  isAppError(error, 'OBJECT_CORRUPT') ||
  isAppError(error, 'OBJECT_NOT_FOUND') ||
  isAppError(error, 'SNAPSHOT_NOT_FOUND') ||
  isAppError(error, 'VAULT_INVALID') ||
  (isAppError(error, 'STORE_UNAVAILABLE') && isUnreadable(error.cause))

/** The disk has the file and cannot give its bytes. */
const isUnreadable = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && isUnreadableErrno(String(cause.code))

export const isUnreadableErrno = (errno: string): boolean =>
  errno === 'EIO' || errno === 'EUCLEAN' || errno === 'EBADMSG'

/** What an entry needs of the vault: nothing once it was purged. Derived assets have no stated length. */
export function objectsOf(
  check: Pick<Check, 'purgedVersions'>,
  cloud: string,
  entry: Entry,
): { readonly needed: readonly { digest: string; size: number | null }[]; readonly purged: string | null } {
  const isPurged = check.purgedVersions.size > 0 && check.purgedVersions.has(purgedKey(cloud, entry))
  const derived = derivedRows(entry.raw.details).flatMap(({ object }) =>
    object === null ? [] : [{ digest: object, size: null }],
  )
  const { object, size } = entry
  return {
    needed: isPurged ? [] : object === null ? derived : [{ digest: object, size }, ...derived],
    purged: isPurged ? object : null,
  }
}

export const purgedKey = (cloud: string, { assetId, version }: { assetId: string; version: string }): string =>
  `${cloud} ${assetId} ${version}`
