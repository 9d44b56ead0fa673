import type { EntryChange, Proof } from '../model/entry.ts'
import type { HistoryLine, HistoryOrigin } from '../model/history.ts'
import type { Purge } from '../model/purge.ts'
import type { Failure, StoredSnapshot, Totals } from '../model/snapshot.ts'

/**
 * The SQL index over the vault: disposable, rebuilt from the vault. Reading and writing are different types, so a
 * write outside a transaction does not compile. Writes follow one another, and a `write` callback that throws leaves
 * nothing behind. A read sees every write begun before it, and then one state from its beginning to its end; writes
 * may go on meanwhile, also from inside its callback. Inside a `write` callback everything goes through its `tx`:
 * another call to the catalog would wait for the write it is in, for ever.
 *
 * Errors are AppErrors: VAULT_INVALID (damaged; the next opening makes it anew), VAULT_LOCKED (another process went
 * on writing for a minute), STORE_FULL, STORE_REFUSED, STORE_UNAVAILABLE.
 */
export interface Catalog {
  read<T>(fn: (tx: CatalogReader) => Promise<T>): Promise<T>
  write<T>(fn: (tx: CatalogWriter) => Promise<T>): Promise<T>
  /** Rows as they are asked for. Between rows other calls may read and write. */
  stream<T>(fn: (tx: CatalogReader) => AsyncIterable<T>): AsyncIterable<T>
  close(): Promise<void>
}

/** A snapshot as indexed. `seq` grows with time within an account and orders everything. */
export interface SnapshotRow extends StoredSnapshot {
  readonly seq: number
}

/** What decides whether an asset changed: the current version, without its raw records. */
export interface Known {
  readonly assetId: string
  readonly version: string
  readonly publicId: string
  readonly resourceType: string
  readonly type: string
  readonly cldVersion: number
  readonly etag: string | null
  readonly bytes: number | null
  readonly object: string | null
  readonly size: number | null
  readonly md5: string | null
  readonly proof: Proof | null
  readonly folder: string | null
  readonly displayName: string | null
  readonly updatedAt: string | null
  readonly listHash: string
  readonly path: string | null
  readonly hasDetails: boolean
}

/** A version as people look at it. */
export interface VersionRow extends Known {
  readonly cloud: string
  readonly format: string | null
  readonly width: number | null
  readonly height: number | null
  readonly duration: number | null
  readonly createdAt: string | null
  readonly uploadedAt: string | null
  readonly tags: readonly string[]
  readonly capturedAt: string
  /** What made this version: the first state, replaced bytes, a new name or place, or new metadata. */
  readonly change: 'new' | 'replaced' | 'renamed' | 'relabelled'
  /**
   * In snapshots `fromSeq` up to, not including, `untilSeq` (null: still current). Both are 0 for a version that only a
   * history record names: it stands beside all snapshots.
   */
  readonly fromSeq: number
  readonly untilSeq: number | null
  /** What keeps it: a snapshot, or a history record of this origin. */
  readonly origin: 'snapshot' | HistoryOrigin
  /** The next four are null for versions in snapshots. Key of the history record. */
  readonly historyKey: string | null
  /** When this was the asset's state, as far as anybody knows. */
  readonly since: string | null
  readonly until: string | null
  /** Cloudinary's version_id; of imported versions only. */
  readonly versionId: string | null
  /** Removed on purpose, bytes and all; its record stays. */
  readonly purged: { readonly at: string; readonly reason: string } | null
}

export type RunStatus = 'running' | 'done' | 'partial' | 'guard' | 'failed' | 'interrupted'

export interface RunRow {
  readonly id: string
  readonly cloud: string
  readonly command: string
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly status: RunStatus
  readonly snapshotId: string | null
  readonly totals: Totals | null
  readonly apiCalls: number
  /** The sentence of the error that ended it, if one did. */
  readonly message: string | null
}

/** How far the reading of one source (`list:image/upload`, `search`) got in a run. */
export interface ScanState {
  readonly source: string
  readonly cursor: string | null
  /** For lists: the newest `created_at` seen; the way back when the cursor dies. */
  readonly since: string | null
  readonly rows: number
  readonly done: boolean
  /** ISO-8601; how old the cursor is. */
  readonly savedAt: string
}

export type StepKind = 'fetch' | 'relabel' | 'rename' | 'record' | 'keep' | 'exclude'
export type StepState = 'queued' | 'hashed' | 'done' | 'failed' | 'vanished'

/** One asset's part in a run. `keep` steps carry no records: nothing about them is written again. */
export interface StepRow {
  readonly assetId: string
  readonly kind: StepKind
  readonly state: StepState
  /** new, replaced, missing-object…: a word for the log. For `exclude`, the rule. */
  readonly why: string
  readonly listHash: string
  /** Raw JSON text as received, or null. */
  readonly listRaw: string | null
  readonly searchRaw: string | null
  readonly detailsRaw: string | null
  readonly object: string | null
  readonly size: number | null
  readonly md5: string | null
  readonly proof: Proof | null
  readonly path: string | null
  readonly code: string | null
  readonly reason: string | null
}

export type NewStep = Pick<StepRow, 'assetId' | 'kind' | 'state' | 'why' | 'listHash' | 'listRaw'>

export interface SearchMark {
  readonly assetId: string
  readonly etag: string | null
  readonly updatedAt: string | null
  /** Null when the record only repeats what is known. */
  readonly raw: string | null
}

export interface Transferred {
  readonly assetId: string
  readonly object: string
  readonly size: number
  readonly md5: string
  readonly proof: Proof
}

export interface VersionFilter {
  /** Only these, when given. Text is matched byte for byte. */
  readonly resourceType?: string
  readonly type?: string
  readonly tag?: string
  /** This folder and all below it. */
  readonly folder?: string
  /** Case-insensitive substring of public_id, display name, folder, tag or format. */
  readonly text?: string
  /** `*` any run of characters but `/`, `**` any, `?` one: on public_id. */
  readonly glob?: string
  /** Continue after this assetId (rows come in order of public_id, then assetId). */
  readonly after?: { publicId: string; assetId: string }
  readonly limit?: number
}

export interface DiffRow {
  readonly assetId: string
  readonly kind: 'added' | 'replaced' | 'renamed' | 'relabelled' | 'removed'
  readonly before: VersionRow | null
  readonly after: VersionRow | null
}

/** Who bears a name in a snapshot. */
export interface Bearer {
  readonly assetId: string
  readonly publicId: string
  readonly resourceType: string
  readonly type: string
}

export interface CatalogReader {
  clouds(): Promise<readonly string[]>
  /** Oldest first. */
  snapshots(cloud: string): Promise<readonly SnapshotRow[]>
  /** The keys of `snapshots`, without the heads, which are large. */
  snapshotKeys(cloud: string): Promise<readonly string[]>
  /** Snapshots that were added without what some of their objects hold, because those could not be read. */
  damagedSnapshots(cloud: string): Promise<readonly { key: string; objects: readonly string[] }[]>
  lastSnapshot(cloud: string, only?: 'complete'): Promise<SnapshotRow | null>
  /** What a snapshot could not keep, in the order in which it was saved. */
  failures(snapshotId: string): Promise<readonly Failure[]>
  runs(cloud: string | null, limit: number): Promise<readonly RunRow[]>
  /** The newest backup run of the account that never finished, if there is one. */
  openRun(cloud: string): Promise<RunRow | null>
  /**
   * The objects that runs which never finished have transferred, of every account, those of derived assets too, some
   * of them more than once. Streams.
   */
  openRunObjects(): AsyncIterable<string>
  /** When the first began of the runs that never finished and began after this time, of every account; null for none. */
  openRunSince(after: string): Promise<string | null>

  /**
   * Current versions of these assets; absent ones are simply missing. At most 1000 ids a call. Of a version whose bytes
   * were purged `object` is null: if the account still has it, it is fetched again.
   */
  known(cloud: string, assetIds: readonly string[]): Promise<ReadonlyMap<string, Known>>
  /** assetIds of the current versions that start with `prefix`, in order. Streams. */
  currentIds(cloud: string, prefix: string): AsyncIterable<string>
  /** (resource_type, type) pairs of the current versions. */
  knownPartitions(cloud: string): Promise<readonly { resourceType: string; type: string; assets: number }[]>
  currentCount(cloud: string): Promise<{ assets: number; bytes: number }>
  /** How many assets had their bytes replaced in snapshots after `seq`. For the guard. */
  replacedSince(cloud: string, seq: number): Promise<number>

  scanStates(runId: string): Promise<readonly ScanState[]>
  searchMarks(runId: string, assetIds: readonly string[]): Promise<ReadonlyMap<string, SearchMark>>
  /** Marks of assets that no list row named, in order of assetId after `after`. */
  unlistedMarks(runId: string, after: string, limit: number): Promise<readonly SearchMark[]>
  /** Current versions in the given partitions that no step of the run names, in order of assetId after `after`. */
  missing(
    cloud: string,
    runId: string,
    partitions: readonly { resourceType: string; type: string }[],
    after: string,
    limit: number,
  ): Promise<readonly Known[]>
  /** Current versions with bytes but without details, in order of assetId after `after`. */
  withoutDetails(cloud: string, after: string, limit: number): Promise<readonly Known[]>
  steps(
    runId: string,
    filter: { kind?: StepKind; state?: StepState; after?: string; limit: number },
  ): Promise<readonly StepRow[]>
  /** Counts by kind, state and why. */
  stepCounts(
    runId: string,
  ): Promise<readonly { kind: StepKind; state: StepState; why: string; count: number; bytes: number }[]>
  /**
   * Queued fetches not in `except`, ordered so that a page comes cheaply. With `withSearch`, only those whose search
   * record is there already.
   */
  queuedFetches(
    runId: string,
    options: { limit: number; except: ReadonlySet<string>; withSearch: boolean },
  ): Promise<readonly StepRow[]>
  /** How many assetIds change, by the first `prefixLength` characters: steps to be written and `gone` ones. */
  changedPrefixes(runId: string, prefixLength: number): Promise<ReadonlyMap<string, number>>
  /** Steps of kind fetch, relabel, rename, record in state done, whose assetId starts with `prefix`, in order. Streams. */
  doneSteps(runId: string, prefix: string): AsyncIterable<StepRow>
  goneIds(runId: string, prefix: string): AsyncIterable<string>

  /** Versions in a snapshot, filtered. Streams. */
  versionsAt(cloud: string, seq: number, filter: VersionFilter): AsyncIterable<VersionRow>
  /**
   * The last version of each asset that was recorded up to snapshot `seq`, or that a history record names, and that the
   * snapshot has not. Streams, in order of assetId. Of `filter.after` only the assetId counts.
   */
  goneAt(cloud: string, seq: number, filter: VersionFilter): AsyncIterable<VersionRow>
  /**
   * Every version of one asset, oldest first: those in snapshots in the order of the snapshots, and those that only
   * history records name between them by the time at which they began, imported ones before recorded ones.
   */
  versionsOf(cloud: string, assetId: string): Promise<readonly VersionRow[]>
  /** Every version of any asset that has these bytes, purged ones too. */
  namedBy(cloud: string, object: string): Promise<readonly VersionRow[]>
  /** What purges removed, as `<assetId> <version>`. */
  purgedVersions(cloud: string): Promise<ReadonlySet<string>>
  /** The history and purge records that were added, by key. */
  recordKeys(cloud: string): Promise<readonly string[]>
  /** Whoever has one of these public_ids (byte for byte) in snapshot `seq`; for looking up many at once. */
  bearers(cloud: string, seq: number, publicIds: readonly string[]): Promise<readonly Bearer[]>
  /** Each asset that ever bore this public_id (byte for byte), in its last state with it; newest first. */
  byPublicId(
    cloud: string,
    publicId: string,
    kind?: { resourceType?: string; type?: string },
  ): Promise<readonly VersionRow[]>
  byAssetId(cloud: string, assetId: string): Promise<VersionRow | null>
  byPath(cloud: string, path: string): Promise<VersionRow | null>
  diff(cloud: string, fromSeq: number, toSeq: number): AsyncIterable<DiffRow>
  /** Per snapshot and kind of change, how many. Newest first. */
  changeCounts(cloud: string): Promise<readonly { seq: number; change: VersionRow['change'] | 'gone'; count: number }[]>
}

export interface CatalogWriter extends CatalogReader {
  beginRun(run: { id: string; cloud: string; command: string; startedAt: string }): Promise<void>
  /** Ends a run and drops its steps, marks and scan states. */
  finishRun(
    id: string,
    end: {
      status: RunStatus
      finishedAt: string
      snapshotId: string | null
      totals: Totals | null
      apiCalls: number
      message: string | null
    },
  ): Promise<void>

  saveScanState(runId: string, state: ScanState): Promise<void>
  /** Forgets everything that a run has scanned, but not what it has transferred (steps in state hashed or done stay). */
  forgetScan(runId: string): Promise<void>
  saveSearchMarks(runId: string, marks: readonly SearchMark[]): Promise<void>
  /**
   * Records steps. An asset already named by this run keeps its transferred bytes when the listHash is the same; with
   * another listHash the new step replaces the old one.
   */
  saveSteps(runId: string, steps: readonly NewStep[]): Promise<void>
  /** Before the object gets its name: a kill after this and after the rename finds the download finished. */
  markHashed(runId: string, transferred: Transferred): Promise<void>
  markDone(runId: string, assetIds: readonly string[]): Promise<void>
  markFailed(runId: string, assetId: string, failure: { code: string; reason: string }): Promise<void>
  /** The account positively said that the asset is no longer there: vanished between listing and download. */
  markVanished(runId: string, assetId: string): Promise<void>
  /** Puts failed steps of the run back in the queue (a resumed run tries them again). */
  requeueFailed(runId: string): Promise<void>
  /** Puts fetches that were done back in the queue: what they transferred is not there any more. */
  requeueDone(runId: string, assetIds: readonly string[]): Promise<void>
  saveDetails(runId: string, assetId: string, detailsRaw: string): Promise<void>
  /** Makes a kept asset part of what is written, with nothing changed but its details. */
  promoteKeep(runId: string, assetId: string, detailsRaw: string): Promise<void>
  savePath(runId: string, assetId: string, path: string): Promise<void>
  /**
   * Reserves a library path for an asset in this run. `free`: nobody has it, by current versions, by assets that are
   * gone but whose file stays (unless `goneIsFree`, or the file shows the very `object` of the claim: what was deleted
   * and came back takes its old place), or by this run's reservations, and no folder has that name.
   * `file-in-the-way`: an ancestor folder of the path is a file's path. Compared with `pathKey`.
   */
  claimPath(
    cloud: string,
    runId: string,
    claim: { assetId: string; path: string; goneIsFree: boolean; object?: string | null },
  ): Promise<{ kind: 'free' } | { kind: 'taken' } | { kind: 'file-in-the-way'; file: string }>
  markGone(runId: string, assetIds: readonly string[]): Promise<void>

  /**
   * Adds a snapshot and its differences from its parent in `changes`, the one way in which the vault's contents reach
   * the catalog (after a backup and in a rebuild alike). Adding a snapshot that is there does nothing.
   */
  addSnapshot(stored: StoredSnapshot, changes: AsyncIterable<EntryChange>): Promise<void>
  /** Replaces what is there, so it may be repeated. */
  saveFailures(snapshotId: string, failures: readonly Failure[]): Promise<void>
  /** Notes which objects of a snapshot could not be read when it was added. */
  saveDamage(snapshotId: string, objects: readonly string[]): Promise<void>
  /**
   * Adds the versions that a history record names, or what a purge removed. A key that is there does nothing; an account
   * without snapshots has no history.
   */
  addHistory(
    cloud: string,
    record: { key: string; origin: HistoryOrigin },
    lines: AsyncIterable<HistoryLine>,
  ): Promise<void>
  addPurge(cloud: string, key: string, purge: Purge): Promise<void>
  /** Takes out what a record brought in; one that is not there does nothing. */
  forgetRecord(cloud: string, key: string): Promise<void>
  /**
   * Takes out snapshots that are no longer in the vault, as if they had never been added; the numbers of the others stay.
   * The newest one cannot be taken out. Unknown keys do nothing.
   */
  removeSnapshots(cloud: string, keys: readonly string[]): Promise<void>
  /** Drops all snapshots and records of an account, to be added again; its runs stay. */
  forgetAccount(cloud: string): Promise<void>
}
