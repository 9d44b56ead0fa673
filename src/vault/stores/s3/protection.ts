import { randomUUID } from 'node:crypto'
import { isAppError } from '../../../model/errors.ts'
import type { ObjectProtection, Protection } from '../../../model/protection.ts'
import type { Connection } from './connection.ts'
import { canLock, lockOf, type VersionLock } from './lock.ts'
import { oldestOf } from './versions.ts'

/** What a look gave, or the sentence that says why it could not be taken. */
const look = async <T>(notes: string[], work: () => Promise<T>): Promise<T | null> => {
  try {
    return await work()
  } catch (error) {
    if (!isAppError(error, 'STORE_REFUSED')) throw error
    notes.push(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`)
    return null
  }
}

const keepsVersions = ({ sdk, client, bucket, ask }: Connection, signal: AbortSignal | undefined): Promise<boolean> =>
  ask(
    { what: 'look whether the bucket keeps versions', right: 's3:GetBucketVersioning', signal },
    async (options) =>
      (await client.send(new sdk.GetBucketVersioningCommand({ Bucket: bucket }), options)).Status === 'Enabled',
    { NotImplemented: () => false, MethodNotAllowed: () => false },
  )

/**
 * Removes a version that does not exist of a key that does not exist: the service checks the right and does nothing.
 * Without versions a plain removal does the same; with them it would leave the mark of a deletion.
 */
const canRemove = (
  { sdk, client, bucket, base, ask }: Connection,
  hasVersions: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> =>
  ask(
    { what: 'try whether anything can be removed', right: 's3:DeleteObject', signal },
    async (options) => {
      const Key = `${base}objects/nothing-${randomUUID()}`
      const input = { Bucket: bucket, Key, ...(hasVersions && { VersionId: 'null' }) }
      await client.send(new sdk.DeleteObjectCommand(input), options)
      return true
    },
    { AccessDenied: () => false, NoSuchKey: () => true, NoSuchVersion: () => true },
  )

const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString())

const summary = (locks: readonly VersionLock[]): ObjectProtection => {
  const locked = locks.filter((lock) => lock.isLocked)
  const timed = locked.flatMap(({ until }) => (until === null ? [] : [until])).sort((a, b) => a - b)
  const weakest = locked.some((lock) => lock.mode === 'governance') ? 'governance' : 'compliance'
  return {
    kind: timed.length > 0 ? 'object-lock' : locked.length > 0 ? 'legal-hold' : 'none',
    mode: timed.length > 0 ? weakest : null,
    looked: locks.length,
    protected: locked.length,
    earliest: iso(timed[0]),
    latest: iso(timed.at(-1)),
  }
}

const objects = async (
  connection: Connection,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ObjectProtection> => {
  const locks: VersionLock[] = []
  for (const key of keys) {
    const oldest = await oldestOf(connection, key, signal)
    if (oldest !== null) locks.push(await lockOf(connection, key, oldest.id, signal))
  }
  return summary(locks)
}

const NOTHING: ObjectProtection = {
  ...{ kind: 'none', mode: null, looked: 0, protected: 0, earliest: null, latest: null },
}

/** See `Bucket.protection`. */
export const protectionOf = async (
  connection: Connection,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Protection> => {
  const notes: string[] = []
  const hasVersions = await look(notes, () => keepsVersions(connection, signal))
  const hasLocks = await look(notes, () => canLock(connection, signal))
  if (hasLocks === null)
    notes.push(`whether bodies can be locked is not known: allow s3:GetBucketObjectLockConfiguration`)
  if (hasLocks === false) notes.push('the bucket has no object lock')
  if (hasLocks === true) notes.push('the bucket has object lock')
  if (hasVersions === true && hasLocks !== true)
    notes.push('the bucket keeps what is overwritten or deleted, until somebody removes the old versions')
  const found =
    hasLocks === false
      ? { ...NOTHING, looked: keys.length }
      : await look(notes, () => objects(connection, keys, signal))
  // Not knowing about versions, the try must not leave a mark; then a refusal may concern old versions only.
  const tried = await look(notes, () => canRemove(connection, hasVersions !== false, signal))
  const removes = hasVersions === null && tried === false ? null : tried
  return { canRemove: removes, keepsVersions: hasVersions, objects: found, notes }
}
