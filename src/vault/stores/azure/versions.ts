import type { BlobItem } from '@azure/storage-blob'
import { AppError } from '../../../model/errors.ts'
import { checkKey } from '../../key.ts'
import type { Stat, Variant } from '../../store.ts'
import type { Room } from './calls.ts'
import { ask, changedAt, versionOf } from './calls.ts'
import { isAbsence } from './errors.ts'
import { policyUntil } from './put.ts'
import type { Look } from './read.ts'
import { listItems, notFound, openBlob } from './read.ts'

// Containers with version-level immutability keep every body that a key ever got. An attacker may write over a blob there
// or delete it, which both leave the version before untouched: so a key means its oldest version, and a deleted one is
// still there ("Version-level WORM policies for immutable blob data", "Blob versioning", learn.microsoft.com).

export interface Version extends Look {
  readonly isCurrent: boolean
}

const versionFrom = ({ versionId, isCurrentVersion, properties }: BlobItem): Version => ({
  size: properties.contentLength ?? 0,
  ...changedAt(properties.lastModified),
  etag: properties.etag,
  md5: properties.contentMD5 === undefined ? null : Buffer.from(properties.contentMD5).toString('base64'),
  metadata: {},
  version: versionId ?? null,
  scope: properties.encryptionScope ?? null,
  immutableUntil: properties.immutabilityPolicyExpiresOn?.getTime() ?? null,
  immutableMode: properties.immutabilityPolicyMode ?? null,
  isHeld: properties.legalHold ?? false,
  // Blobs from before versioning was switched on have no id and are current.
  isCurrent: isCurrentVersion ?? versionId === undefined,
})

/** An id is the moment of its version, in one format, so ids sort as times do. */
const isOlder = (one: Version, other: Version): boolean => (one.version ?? '') < (other.version ?? '')

/** Oldest first. Keys that begin alike come later in the list, so it ends soon. */
const versionsOf = async (room: Room, key: string, signal: AbortSignal | undefined): Promise<Version[]> => {
  const versions: Version[] = []
  for await (const item of listItems(room, { prefix: checkKey(key), signal, versions: true, page: 100 })) {
    if (item.key !== key) break
    if (!item.deleted) versions.push(versionFrom(item))
  }
  return versions.sort((one, other) => (isOlder(one, other) ? -1 : 1))
}

export const oldestOf = async (room: Room, key: string, signal: AbortSignal | undefined): Promise<Version | null> =>
  (await versionsOf(room, key, signal))[0] ?? null

const statOf = ({ size, changedAt: at }: Stat): Stat => ({ size, ...(at !== undefined && { changedAt: at }) })

export async function* listOldest(
  room: Room,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stat & { key: string }, void, void> {
  let met: { readonly key: string; readonly version: Version } | null = null
  for await (const item of listItems(room, { prefix, signal, versions: true })) {
    if (item.deleted) continue
    const version = versionFrom(item)
    if (met !== null && met.key !== item.key) yield { key: met.key, ...statOf(met.version) }
    if (met === null || met.key !== item.key || isOlder(version, met.version)) met = { key: item.key, version }
  }
  if (met !== null) yield { key: met.key, ...statOf(met.version) }
}

export const variantsOf = async (room: Room, key: string, signal: AbortSignal | undefined): Promise<Variant[]> =>
  (await versionsOf(room, key, signal)).map((version) => ({
    ...statOf(version),
    open: (signal, range) => openBlob(room, versionOf(room, key, version.version), { key, signal, range }),
  }))

const isProtected = (version: Version, now: number): boolean =>
  version.isHeld || (version.immutableUntil !== null && version.immutableUntil > now)

/** What is absent is removed. Without a version the blob is: where versions are kept, that only hides it. */
export const removeBlob = async (
  room: Room,
  key: string,
  version: string | null,
  signal: AbortSignal | undefined,
): Promise<void> => {
  await ask(
    room,
    { doing: `deleting ${key}`, right: 'delete', signal },
    async ({ signal: abortSignal }) => {
      await versionOf(room, key, version).delete({ abortSignal })
      return true
    },
    (error) => (isAbsence(error) ? true : undefined),
  )
}

/**
 * Removes every version, the oldest last, since that is the one that counts. The current one has to become a previous one
 * first: a delete by the id of the current version is refused. Throws VAULT_SEALED, and has removed nothing, when any is
 * protected now.
 */
export const removeVersions = async (room: Room, key: string, signal: AbortSignal | undefined): Promise<void> => {
  const before = await versionsOf(room, key, signal)
  const last = before.find((version) => isProtected(version, room.now()))
  if (last !== undefined)
    throw new AppError('VAULT_SEALED', `deleting ${key} in ${room.place} failed: ${protectionOf(last)}`, {
      hint: 'what is protected stays until the protection ends',
    })
  if (before.some(({ isCurrent }) => isCurrent)) await removeBlob(room, key, null, signal)
  const left = await versionsOf(room, key, signal)
  for (const { version } of left.reverse()) await removeBlob(room, key, version, signal)
}

const protectionOf = ({ isHeld, immutableUntil }: Version): string =>
  isHeld || immutableUntil === null
    ? 'it is under a legal hold'
    : `it is protected until ${new Date(immutableUntil).toISOString()}`

/**
 * Prolongs the protection of the oldest version; a later end and a stricter mode stay. `Locked` is forever and can only
 * be prolonged, `Unlocked` can be taken away by whoever has the right ("Set Blob Immutability Policy").
 */
export const sealOldest = async (
  room: Room,
  key: string,
  until: number,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const oldest = await oldestOf(room, key, signal)
  if (oldest === null) throw notFound(key, room.place)
  const isLocked = oldest.immutableMode?.toLowerCase() === 'locked'
  const mustLock = room.lock?.mode === 'compliance'
  const end = Math.max(until, oldest.immutableUntil ?? 0)
  if (oldest.immutableUntil !== null && oldest.immutableUntil >= until && (isLocked || !mustLock)) return
  await ask(room, { doing: `protecting ${key}`, right: 'immutability', signal }, async () => {
    await versionOf(room, key, oldest.version).setImmutabilityPolicy(policyUntil(end, isLocked || mustLock))
  })
}
