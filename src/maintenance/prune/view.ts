import type { Catalog } from '../../catalog/catalog.ts'
import type { DigestSet } from '../../lib/digest-set.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import type { SegmentRef, Snapshot, StoredSnapshot } from '../../model/snapshot.ts'
import type { Vault } from '../../vault/vault.ts'
import { purgedVersions, readHistories, type StoredHistory } from './history.ts'
import { readPins } from './pins.ts'
import { planRetention, type SnapshotPolicy, type Verdict } from './retention.ts'
import { NO_VERSIONS, type VersionPolicy } from './retention-versions.ts'
import { type AccountView, objectsOf } from './survey.ts'

export interface PrunePolicy {
  readonly snapshots: SnapshotPolicy
  readonly versions: VersionPolicy
}

export interface Scope {
  readonly policy: PrunePolicy
  /** Only this account's snapshots and versions; null: every account's. Objects are always looked at all together. */
  readonly cloud: string | null
}

/** An account and what the vault remembers of it. */
export interface Account extends AccountView {
  readonly inScope: boolean
  /** Written by prunes, and rewritten by the next one. */
  readonly written: readonly StoredHistory[]
  /** Written by others; they stay. */
  readonly imported: readonly StoredHistory[]
}

const KEEP_ALL: SnapshotPolicy = {}

/** Reads heads and records of every account, and judges the snapshots. A head that cannot be read is thrown. */
export async function readAccounts(
  vault: Vault,
  scope: Scope,
  at: { readonly now: number; readonly signal: AbortSignal },
): Promise<readonly Account[]> {
  const accounts: Account[] = []
  const share = createSharing()
  for (const cloud of await accountNames(vault, at.signal)) {
    const inScope = scope.cloud === null || scope.cloud === cloud
    const snapshots = (await readHeads(vault, cloud, at.signal)).map(share)
    const pins = await readPins(vault, cloud, at.signal)
    const verdicts = planRetention(snapshots, inScope ? scope.policy.snapshots : KEEP_ALL, { now: at.now, pins })
    const histories = await readHistories(vault, cloud, at.signal)
    const written = histories.filter(({ head }) => inScope && head.origin === 'retention')
    accounts.push({
      cloud,
      inScope,
      verdicts,
      versions: inScope ? scope.policy.versions : NO_VERSIONS,
      retained: written.map(({ head }) => head),
      purged: await purgedVersions(vault, cloud, at.signal),
      now: at.now,
      written,
      imported: histories.filter((history) => !written.includes(history)),
    })
  }
  return accounts
}

const ACCOUNT = /^accounts\/([A-Za-z0-9_-]{1,128})\//

/** Accounts that the vault holds anything of, also those that have records and no snapshot. */
export async function accountNames(vault: Pick<Vault, 'store'>, signal: AbortSignal): Promise<readonly string[]> {
  const names = new Set<string>()
  for await (const { key } of vault.store.list('accounts/', signal)) {
    const [, name] = ACCOUNT.exec(key) ?? []
    if (name !== undefined) names.add(name)
  }
  return [...names].sort()
}

/** Oldest first; without those that went since they were listed. */
async function readHeads(vault: Vault, cloud: string, signal: AbortSignal): Promise<readonly StoredSnapshot[]> {
  const heads: StoredSnapshot[] = []
  for (const key of await vault.snapshotKeys(cloud, signal)) {
    const stored = await readHead(vault, key, signal)
    if (stored !== null) heads.push(stored)
  }
  return heads
}

export async function readHead(vault: Vault, key: string, signal: AbortSignal): Promise<StoredSnapshot | null> {
  try {
    return await vault.readSnapshot(key, signal)
  } catch (error) {
    if (isAppError(error, 'SNAPSHOT_NOT_FOUND')) return null
    throw error
  }
}

/** Heads of a large account are long and nearly alike: references that are equal become one in memory. */
function createSharing(): (stored: StoredSnapshot) => StoredSnapshot {
  const known = new Map<string, SegmentRef>()
  const one = (ref: SegmentRef): SegmentRef => {
    const key = `${ref.prefix} ${ref.object}`
    const shared = known.get(key) ?? ref
    known.set(key, shared)
    return shared
  }
  return ({ key, snapshot }) => ({ key, snapshot: { ...snapshot, segments: snapshot.segments.map(one) } })
}

/** The objects that a head itself names. */
export const namedByHead = (snapshot: Snapshot): readonly string[] => [
  ...snapshot.segments.map((ref) => ref.object),
  ...[snapshot.folders, snapshot.configuration, snapshot.failures].filter((digest) => digest !== null),
]

export const isRemoved = ({ keep }: Verdict): boolean => !keep

/** Everything that a snapshot names, its segments' entries included; segments in `read` are not read again. */
export async function needAll(
  vault: Vault,
  snapshot: Snapshot,
  { needed, read, signal }: { readonly needed: DigestSet; readonly read: DigestSet; readonly signal: AbortSignal },
): Promise<void> {
  for (const digest of namedByHead(snapshot)) needed.add(digest)
  for (const ref of snapshot.segments) {
    if (read.has(ref.object)) continue
    read.add(ref.object)
    for await (const entry of vault.readSegment(ref.object, signal))
      for (const object of objectsOf(entry)) needed.add(object)
  }
}

/** What runs that never finished have transferred and no snapshot names yet. */
export async function needOpenRuns(catalog: Catalog, needed: DigestSet): Promise<void> {
  for await (const digest of catalog.stream((tx) => tx.openRunObjects())) needed.add(digest)
}

/** A run that was killed longer ago may never go on; what it transferred is spared all the same. */
const RUN_LIFETIME_MS = 7 * 24 * 3_600_000
/** Clocks of disks lag behind by some milliseconds. */
const CLOCK_MS = 1000

/**
 * Only what has not changed since then may be taken. Whatever a run under way has put, or found there and touched, is
 * younger than the run: so it needs no grace.
 */
export async function cutoffOf(catalog: Catalog, now: number, graceMs: number): Promise<number> {
  const after = new Date(now - RUN_LIFETIME_MS).toISOString()
  const began = await catalog.read((tx) => tx.openRunSince(after))
  return Math.min(now - graceMs, began === null ? Number.POSITIVE_INFINITY : Date.parse(began) - CLOCK_MS)
}

/** Of what cannot be read nobody knows what it needs, so nothing may be taken away. */
export const refusing = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    const isLoss =
      isAppError(error, 'OBJECT_NOT_FOUND') || isAppError(error, 'OBJECT_CORRUPT') || isAppError(error, 'VAULT_INVALID')
    if (!isLoss) throw error
    throw new AppError(error.code, `what is needed cannot be told: ${error.message}`, {
      hint: 'nothing was deleted; cloudkeep verify --repair first',
      cause: error,
    })
  }
}
