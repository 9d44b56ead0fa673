import type { EntryChange } from '../model/entry.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { fieldsOf, parseJson, text } from '../model/shape.ts'
import type { Failure, Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import type { Catalog, CatalogWriter } from './catalog.ts'
import { type DamagedSegment, isOutOfReach, snapshotChanges } from './snapshot-changes.ts'
import { inTimeOrder } from './snapshot-order.ts'
import { syncRecords } from './sync-records.ts'

/** As much of a vault as the catalog is made from. */
export interface VaultSource {
  clouds(signal?: AbortSignal): Promise<readonly string[]>
  snapshotKeys(cloud: string, signal?: AbortSignal): Promise<readonly string[]>
  readSnapshot(key: string, signal?: AbortSignal): Promise<StoredSnapshot>
  readLines(digest: string, signal?: AbortSignal): AsyncIterable<string>
  recordKeys(
    place: { readonly kind: 'history' | 'purges'; readonly cloud: string },
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  readRecord(key: string, signal?: AbortSignal): Promise<unknown>
}

export interface SyncProgress {
  readonly cloud: string
  /** The key of the snapshot that is being added. */
  readonly key: string
  /** Snapshots of this account added so far, and to be added. */
  readonly done: number
  readonly total: number
}

/** A head, a record, a segment or another object of lines that cannot be read, and so is missing from the catalog. */
export interface SyncDamage {
  readonly key: string
  /** Null when it is the head or the record itself. */
  readonly object: string | null
  readonly error: AppError
}

export interface SyncReport {
  readonly added: number
  /** Accounts that were indexed anew because the newest snapshot is no longer in the vault, or one came in between. */
  readonly rebuilt: readonly string[]
  readonly damage: readonly SyncDamage[]
}

interface Sync {
  readonly catalog: Catalog
  readonly vault: VaultSource
  readonly signal: AbortSignal
  readonly onProgress: (progress: SyncProgress) => void
  readonly damage: SyncDamage[]
  readonly rebuilt: string[]
  added: number
}

/**
 * Brings the catalog to what the vault holds: the one way in which anything gets there, after a backup and when the
 * catalog was lost. Reads only what differs from one snapshot to the next, and records that are new; three listings an
 * account when nothing is new. What is damaged is left out and reported, because all the rest must stay within reach; `verify` names it again.
 * Errors that may pass are thrown, and the next call goes on where this one stopped.
 */
export async function syncCatalog(
  catalog: Catalog,
  vault: VaultSource,
  signal: AbortSignal,
  onProgress: (progress: SyncProgress) => void = () => undefined,
): Promise<SyncReport> {
  const sync: Sync = { catalog, vault, signal, onProgress, damage: [], rebuilt: [], added: 0 }
  const clouds = await vault.clouds(signal)
  const indexed = await catalog.read((tx) => tx.clouds())
  for (const cloud of indexed) {
    if (!clouds.includes(cloud)) await catalog.write((tx) => tx.forgetAccount(cloud))
  }
  for (const cloud of clouds) {
    await syncSnapshots(sync, cloud)
    await syncRecords(sync, cloud)
  }
  return { added: sync.added, rebuilt: sync.rebuilt, damage: sync.damage }
}

async function syncSnapshots(sync: Sync, cloud: string): Promise<void> {
  const { catalog, vault, signal } = sync
  const keys = await vault.snapshotKeys(cloud, signal)
  const indexed = await catalog.read((tx) => tx.snapshotKeys(cloud))
  const isHealed = await areHealed(sync, cloud, new Set(keys))
  if (!isHealed && keys.length === indexed.length && isSameSet(keys, indexed)) return
  const inOrder = await inTimeOrder(keys, (key) => readHead(sync, key))
  const ordered = await withoutUnreadable(sync, inOrder, indexed)
  await refuseBlindness(sync, { keys, ordered, indexed })
  const there = new Set(ordered)
  const left = indexed.filter((key) => there.has(key))
  // What is gone from between goes from between: a run that works on this catalog must not find it empty meanwhile.
  const isPrefix = !isHealed && left.at(-1) === indexed.at(-1) && left.every((key, i) => ordered[i] === key)
  if (!isPrefix) {
    await catalog.write((tx) => tx.forgetAccount(cloud))
    sync.rebuilt.push(cloud)
  } else if (left.length < indexed.length) {
    const gone = indexed.filter((key) => !there.has(key))
    await catalog.write((tx) => tx.removeSnapshots(cloud, gone))
  }
  const missing = isPrefix ? ordered.slice(left.length) : ordered
  for (const [done, key] of missing.entries()) {
    sync.onProgress({ cloud, key, done, total: missing.length })
    await addOne(sync, key)
  }
}

/**
 * A machine that can read none of the snapshots has lost what it remembered of them. It must say so: taken for an empty
 * vault, everything would be fetched again.
 */
async function refuseBlindness(
  sync: Sync,
  { keys, ordered, indexed }: Readonly<Record<'keys' | 'ordered' | 'indexed', readonly string[]>>,
): Promise<void> {
  if (keys.length === 0 || indexed.length > 0) return
  for (const key of ordered) if ((await readHead(sync, key)) !== null) return
  const closed = sync.damage.find(({ key, error }) => keys.includes(key) && error.code === 'KEY_MISSING')
  if (closed === undefined) return
  throw new AppError('KEY_MISSING', 'this machine remembers nothing of the encrypted vault, and cannot read it', {
    hint: 'name the file with the identity of an owner in CLOUDKEEP_IDENTITY_FILE once; afterwards it goes on without',
    cause: closed.error,
  })
}

/** A head that could not be read before, and still cannot, is no reason to index everything anew. */
async function withoutUnreadable(
  sync: Sync,
  ordered: readonly string[],
  indexed: readonly string[],
): Promise<readonly string[]> {
  const known = new Set(indexed)
  const newest = ordered.findLastIndex((key) => known.has(key))
  const readable: string[] = []
  for (const [i, key] of ordered.entries()) {
    if (i > newest || known.has(key) || (await readHead(sync, key)) !== null) readable.push(key)
  }
  return readable
}

/**
 * True when objects that were damaged when their snapshots were added can be read now: something has repaired them.
 * What is still damaged is reported again; there is never much of it.
 */
async function areHealed(sync: Sync, cloud: string, keys: ReadonlySet<string>): Promise<boolean> {
  const all = await sync.catalog.read((tx) => tx.damagedSnapshots(cloud))
  const damaged = all.filter(({ key }) => keys.has(key))
  let isHealed = damaged.length > 0
  for (const { key, objects } of damaged) {
    for (const object of objects) {
      const error = await lossOf(sync, object)
      if (error === null) continue
      sync.damage.push({ key, object, error })
      isHealed = false
    }
  }
  return isHealed
}

async function lossOf(sync: Sync, object: string): Promise<AppError | null> {
  try {
    for await (const _ of sync.vault.readLines(object, sync.signal));
    return null
  } catch (error) {
    if (!isOutOfReach(error)) throw error
    return error
  }
}

const isSameSet = (a: readonly string[], b: readonly string[]): boolean => {
  const known = new Set(a)
  return b.every((key) => known.has(key))
}

async function addOne(sync: Sync, key: string): Promise<void> {
  sync.signal.throwIfAborted()
  const stored = await readHead(sync, key)
  if (stored === null) return
  const before = sync.damage.length
  const failures = await readFailures(sync, stored)
  await sync.catalog.write(async (tx) => {
    await tx.addSnapshot(stored, changesOf(sync, tx, stored))
    await tx.saveFailures(stored.snapshot.id, failures)
    await tx.saveDamage(stored.snapshot.id, repairable(sync.damage.slice(before)))
  })
  sync.added += 1
}

/** Bytes can be repaired; a record that is wrong under its own digest stays so for ever. */
const repairable = (damage: readonly SyncDamage[]): readonly string[] =>
  damage.flatMap(({ object, error }) =>
    object === null || error.code === 'VAULT_INVALID' || error.code === 'KEY_MISSING' ? [] : [object],
  )

/** Null when the head is damaged, or gone since it was listed. */
async function readHead(sync: Sync, key: string): Promise<StoredSnapshot | null> {
  try {
    return await sync.vault.readSnapshot(key, sync.signal)
  } catch (error) {
    if (isAppError(error, 'SNAPSHOT_NOT_FOUND')) return null
    if (!isOutOfReach(error)) throw error
    if (!sync.damage.some((known) => known.key === key)) sync.damage.push({ key, object: null, error })
    return null
  }
}

/** The differences from the snapshot that is the newest in the catalog now: the one before, as they come in order. */
async function* changesOf(sync: Sync, tx: CatalogWriter, stored: StoredSnapshot): AsyncIterable<EntryChange> {
  const { snapshot, key } = stored
  const before: Snapshot | null = (await tx.lastSnapshot(snapshot.cloud))?.snapshot ?? null
  const onDamage = ({ object, error }: DamagedSegment): void => {
    sync.damage.push({ key, object, error })
  }
  yield* snapshotChanges(before, snapshot, {
    readLines: (digest) => sync.vault.readLines(digest, sync.signal),
    currentIds: (prefix) => tx.currentIds(snapshot.cloud, prefix),
    onDamage,
  })
}

async function readFailures(sync: Sync, { key, snapshot }: StoredSnapshot): Promise<readonly Failure[]> {
  if (snapshot.failures === null) return []
  const failures: Failure[] = []
  try {
    for await (const line of sync.vault.readLines(snapshot.failures, sync.signal)) failures.push(parseFailure(line))
    return failures
  } catch (error) {
    if (!isOutOfReach(error)) throw error
    sync.damage.push({ key, object: snapshot.failures, error })
    return []
  }
}

function parseFailure(line: string): Failure {
  const fields = fieldsOf(parseJson(line), 'the failure')
  const [assetId, publicId] = [text(fields, 'assetId'), text(fields, 'publicId')]
  const [resourceType, type] = [text(fields, 'resourceType'), text(fields, 'type')]
  return { assetId, publicId, resourceType, type, code: text(fields, 'code'), reason: text(fields, 'reason') }
}
