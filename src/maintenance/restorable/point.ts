import type { Entry } from '../../model/entry.ts'
import { type AppError, isAppError } from '../../model/errors.ts'
import { decodeHistoryHead } from '../../model/history.ts'
import { decodePurge } from '../../model/purge.ts'
import type { SegmentRef, Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import type { Vault } from '../../vault/vault.ts'

/** What can be restored from, newest first. */
export interface RestorePoints {
  /** The newest head that can be read, complete or not. */
  readonly newest: StoredSnapshot | null
  readonly newestComplete: StoredSnapshot | null
  /** Heads that are newer than `newestComplete` and cannot be read. */
  readonly unreadable: readonly { readonly key: string; readonly error: AppError }[]
}

/** True for bytes that are lost or wrong; a disk that is gone or Ctrl-C is something else. */
export const isLost = (error: unknown): error is AppError =>
  isAppError(error, 'OBJECT_CORRUPT') ||
  isAppError(error, 'OBJECT_NOT_FOUND') ||
  isAppError(error, 'SNAPSHOT_NOT_FOUND') ||
  isAppError(error, 'VAULT_INVALID')

/** The same, or written by somebody whose key this machine does not have: then it tells this machine nothing. */
export const tellsNothing = (error: unknown): error is AppError => isLost(error) || isAppError(error, 'KEY_MISSING')

export async function restorePoints(
  vault: Pick<Vault, 'snapshotKeys' | 'readSnapshot'>,
  cloud: string,
  signal: AbortSignal,
): Promise<RestorePoints> {
  const unreadable: { key: string; error: AppError }[] = []
  let newest: StoredSnapshot | null = null
  const keys = await vault.snapshotKeys(cloud, signal)
  for (const key of [...keys].reverse()) {
    try {
      const stored = await vault.readSnapshot(key, signal)
      newest ??= stored
      if (stored.snapshot.complete) return { newest, newestComplete: stored, unreadable }
    } catch (error) {
      if (!tellsNothing(error)) throw error
      // What another machine wrote encrypted is whole, as far as this one can know.
      if (isLost(error)) unreadable.push({ key, error })
    }
  }
  return { newest, newestComplete: null, unreadable }
}

/** A part of a manifest that cannot be read: its assets cannot even be named. */
export interface LostSegment {
  readonly segment: SegmentRef
  readonly error: AppError
}

/**
 * The entries of a snapshot, in order of assetId within each segment. A segment that is lost is told and left out:
 * one damaged list must not hide all others. Entries come before their segment is proven to its end.
 */
export async function* readableEntries(
  vault: Pick<Vault, 'readSegment'>,
  snapshot: Pick<Snapshot, 'segments'>,
  at: { readonly signal: AbortSignal; readonly onLost: (lost: LostSegment) => void },
): AsyncGenerator<Entry, void, void> {
  for (const segment of snapshot.segments) {
    try {
      yield* vault.readSegment(segment.object, at.signal)
    } catch (error) {
      if (!isLost(error)) throw error
      at.onLost({ segment, error })
    }
  }
}

/** `assetId@version` of everything that was purged from an account. A record that cannot be read names nothing. */
export async function purgedVersions(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const purged = new Set<string>()
  for (const key of await vault.recordKeys({ kind: 'purges', cloud }, signal)) {
    try {
      const { versions } = decodePurge(await vault.readRecord(key, signal))
      for (const version of versions) purged.add(versionName(version))
    } catch (error) {
      if (!tellsNothing(error)) throw error
    }
  }
  return purged
}

export const versionName = ({ assetId, version }: Pick<Entry, 'assetId' | 'version'>): string => `${assetId}@${version}`

/** How many versions the history records of an account hold, by where they come from. */
export async function countHistory(
  vault: Pick<Vault, 'recordKeys' | 'readRecord'>,
  cloud: string,
  signal: AbortSignal,
): Promise<{ readonly imported: number; readonly keptByRetention: number }> {
  let [imported, keptByRetention] = [0, 0]
  for (const key of await vault.recordKeys({ kind: 'history', cloud }, signal)) {
    try {
      const { origin, entries } = decodeHistoryHead(await vault.readRecord(key, signal))
      if (origin === 'import') imported += entries
      else keptByRetention += entries
    } catch (error) {
      if (!tellsNothing(error)) throw error
    }
  }
  return { imported, keptByRetention }
}
