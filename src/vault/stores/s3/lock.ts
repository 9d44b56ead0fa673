import type { LockWish } from '../../../model/protection.ts'
import type { Connection } from './connection.ts'
import { notFound } from './read.ts'
import { lockMode } from './settings.ts'

export interface VersionLock {
  readonly isLocked: boolean
  readonly mode: 'governance' | 'compliance' | null
  /** Milliseconds since the epoch. */
  readonly until: number | null
  readonly isHeld: boolean
}

const NO_LOCK = {
  NoSuchObjectLockConfiguration: () => null,
  ObjectLockConfigurationNotFoundError: () => null,
  InvalidRequest: () => null,
}

/** What keeps one version of a key (the one on top without an id). Throws STORE_REFUSED when that may not be looked at. */
export const lockOf = async (
  { sdk, client, bucket, base, ask }: Connection,
  key: string,
  versionId: string | undefined,
  signal?: AbortSignal,
): Promise<VersionLock> => {
  const input = { Bucket: bucket, Key: base + key, ...(versionId !== undefined && { VersionId: versionId }) }
  const retention = await ask(
    { what: `look at the lock of ${key}`, right: 's3:GetObjectRetention', signal },
    async (options) => (await client.send(new sdk.GetObjectRetentionCommand(input), options)).Retention ?? null,
    NO_LOCK,
  )
  const isHeld = await ask(
    { what: `look at the legal hold of ${key}`, right: 's3:GetObjectLegalHold', signal },
    async (options) =>
      (await client.send(new sdk.GetObjectLegalHoldCommand(input), options)).LegalHold?.Status === 'ON',
    { ...NO_LOCK, AccessDenied: () => null },
  )
  const until = retention?.RetainUntilDate?.getTime() ?? null
  const mode = retention?.Mode === 'COMPLIANCE' ? 'compliance' : retention?.Mode === 'GOVERNANCE' ? 'governance' : null
  return { isLocked: isHeld === true || (until !== null && until > Date.now()), mode, until, isHeld: isHeld === true }
}

/**
 * Whether the bucket can lock bodies. Null when these credentials may not look; false also where the service knows
 * nothing of locks.
 */
export const canLock = (connection: Connection, signal?: AbortSignal): Promise<boolean | null> => {
  const { sdk, client, bucket, ask } = connection
  const no = () => false
  return ask<boolean | null>(
    { what: 'look whether bodies can be locked', right: 's3:GetBucketObjectLockConfiguration', signal },
    async (options) => {
      const answer = await client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket: bucket }), options)
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled'
    },
    {
      ...{ ObjectLockConfigurationNotFoundError: no, NoSuchObjectLockConfiguration: no, InvalidRequest: no },
      ...{ NotImplemented: no, MethodNotAllowed: no, AccessDenied: () => null },
    },
  )
}

/** Prolongs the lock of a version up to `until`; what is locked for longer stays as it is. */
export const sealVersion = async (
  connection: Connection,
  wish: LockWish,
  version: { readonly id: string | undefined } | null,
  { key, until, signal }: { key: string; until: number; signal: AbortSignal | undefined },
): Promise<void> => {
  if (version === null) throw notFound(key)
  const { sdk, client, bucket, base, ask } = connection
  const now = await lockOf(connection, key, version.id, signal)
  if (now.until !== null && now.until >= until) return
  const mode = now.isLocked && now.mode !== null ? lockMode({ ...wish, mode: now.mode }) : lockMode(wish)
  await ask({ what: `lock ${key}`, right: 's3:PutObjectRetention', signal }, async (options) => {
    const target = { Bucket: bucket, Key: base + key, ...(version.id !== undefined && { VersionId: version.id }) }
    const Retention = { Mode: mode, RetainUntilDate: new Date(until) }
    await client.send(new sdk.PutObjectRetentionCommand({ ...target, Retention }), options)
  })
}
