import type { Entry } from '../model/entry.ts'
import type { Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import type { Encryption } from './encryption/encryption.ts'
import type { Records } from './records.ts'
import type { Body, Bytes, Stat, Store } from './store.ts'

/** `cloudkeep.json`: what a vault is. */
export interface VaultIdentity {
  readonly format: 1
  readonly id: string
  readonly digest: 'sha256'
  readonly createdAt: string
  readonly tool: string
  /** Null: everything lies there as it is. */
  readonly encryption: Encryption | null
}

/**
 * Objects and snapshots over a store. Objects are immutable and named by the SHA-256 of their bytes; a snapshot
 * exists when its head does, and the head is written last.
 */
export interface Vault extends Records {
  readonly identity: VaultIdentity
  readonly store: Store
  /**
   * Stores bytes under the digest the caller computed from exactly these bytes. Durable when it resolves. An object
   * that is there with the right length is left alone (`written: false`).
   */
  putObject(digest: string, body: Body, signal?: AbortSignal): Promise<{ written: boolean }>
  /** Compresses lines to a gzip object and returns what names it. Lines must come without line ends. */
  putLines(
    lines: AsyncIterable<string> | Iterable<string>,
    signal?: AbortSignal,
  ): Promise<{ object: string; size: number; lines: number }>
  statObject(digest: string, signal?: AbortSignal): Promise<Stat | null>
  openObject(digest: string, signal?: AbortSignal, range?: { start: number; end: number }): Promise<Bytes>
  /** As `openObject`, but nobody looks whether the bytes are what the name says: for those who look themselves. */
  openUnchecked(digest: string, signal?: AbortSignal, range?: { start: number; end: number }): Promise<Bytes>
  /**
   * Where an object stands in the order of folders and names in which a check walks through them: 64 hex digits, the
   * first two its folder. The digest itself where folders go by digests.
   */
  positionOf(digest: string): string
  /** The lines of a gzip object. Throws OBJECT_CORRUPT when the bytes do not match the digest or do not unpack. */
  readLines(digest: string, signal?: AbortSignal): AsyncIterable<string>
  /** The entries of a segment, in order of assetId; each line parsed and checked (VAULT_INVALID names the segment). */
  readSegment(digest: string, signal?: AbortSignal): AsyncIterable<Entry>
  /** In any order. `prefix`: only those whose positions begin with these hex digits, none or two of them. */
  listObjects(signal?: AbortSignal, prefix?: string): AsyncIterable<Stat & { digest: string }>
  /** Writes the head; the last act of a backup. */
  writeSnapshot(snapshot: Snapshot, signal?: AbortSignal): Promise<StoredSnapshot>
  clouds(signal?: AbortSignal): Promise<readonly string[]>
  /** Keys of the heads of an account, oldest first; cheap. */
  snapshotKeys(cloud: string, signal?: AbortSignal): Promise<readonly string[]>
  readSnapshot(key: string, signal?: AbortSignal): Promise<StoredSnapshot>
}

/**
 * `accounts/<cloud>/snapshots/<YYYY-MM-DDTHH-MM-SS.mmmZ>-<id>.json`: with milliseconds, so that the order of names is
 * the order of time also for two runs within a second.
 */
export const snapshotKey = (snapshot: Pick<Snapshot, 'cloud' | 'id' | 'takenAt'>): string =>
  `accounts/${snapshot.cloud}/snapshots/${new Date(snapshot.takenAt).toISOString().replaceAll(':', '-')}-${snapshot.id}.json`

/** `objects/ab/ab12…`: two hex digits make 256 folders, the fan-out that creates fastest on common file systems. */
export const objectKey = (digest: string): string => `objects/${digest.slice(0, 2)}/${digest}`
