import type { Entry } from '../../model/entry.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import type { Chosen } from '../../restore/selection.ts'
import { checkSignal } from '../../vault/interrupt.ts'
import type { Vault } from '../../vault/vault.ts'
import { writeProof } from '../proofs.ts'
import { type LostSegment, purgedVersions, readableEntries, restorePoints, versionName } from '../restorable/point.ts'
import {
  type DrilledBefore,
  type DrillRecord,
  type DrillResult,
  drilledBefore,
  encodeDrill,
  MOST_RESULTS,
} from './record.ts'
import { createSampler, type SampleSize, sampleCount, sampleText } from './sample.ts'

/** Where a drill restores to: a few assets at a time, compared and taken away again before the next ones. */
export interface Rehearsal {
  /** For the record: `a folder`, or a cloud name. */
  readonly target: string
  /** So much is given at once, or one asset when it is larger. */
  readonly atOnce: { readonly assets: number; readonly bytes: number }
  /** Restores, compares, clears. One result for each of the chosen; `restoreMs` is what restoring alone took. */
  rehearse(
    chosen: readonly Chosen[],
    signal: AbortSignal,
  ): Promise<{ readonly results: readonly DrillResult[]; readonly restoreMs: number }>
  close(): Promise<void>
}

export interface DrillDeps {
  readonly vault: Vault
  readonly rehearsal: Rehearsal
  readonly now: () => Date
  readonly newId: () => string
  readonly tool: string
  readonly listen: (event: DrillEvent) => void
}

export interface DrillOptions {
  readonly clouds: readonly string[]
  readonly sample: SampleSize
  readonly seed: string
}

export type DrillEvent =
  | {
      readonly type: 'drawn'
      readonly cloud: string
      readonly snapshot: string
      readonly assets: number
      readonly seed: string
    }
  | {
      readonly type: 'progress'
      readonly cloud: string
      readonly done: number
      readonly total: number
      readonly bytes: number
    }
  | { readonly type: 'failed'; readonly cloud: string; readonly result: DrillResult }
  | { readonly type: 'note'; readonly message: string }

export interface DrillReport {
  readonly accounts: readonly DrillRecord[]
  readonly durationMs: number
}

/**
 * Rehearses the restore of each account: draws a sample of its newest complete snapshot, restores it, compares every
 * byte, and keeps what was seen as a record in the vault. Repeated, it draws what was never drawn before. Throws
 * SNAPSHOT_NOT_FOUND for an account without a snapshot; what cannot be restored is a result and not an error.
 */
export async function drill(deps: DrillDeps, options: DrillOptions, signal: AbortSignal): Promise<DrillReport> {
  const started = deps.now()
  const accounts: DrillRecord[] = []
  for (const cloud of options.clouds) {
    const record = await drillAccount(deps, { ...options, cloud }, signal)
    accounts.push(record)
    await keeping(deps, () =>
      deps.vault.writeRecord({ kind: 'drills', cloud }, { id: record.id, at: record.at, value: encodeDrill(record) }),
    )
  }
  const durationMs = deps.now().getTime() - started.getTime()
  await keeping(deps, () => writeProof(deps.vault, proofOf(deps, accounts, durationMs)))
  return { accounts, durationMs }
}

/** A vault that cannot be written can be rehearsed all the same. */
async function keeping({ listen }: DrillDeps, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!isAppError(error, 'STORE_REFUSED') && !isAppError(error, 'STORE_FULL')) throw error
    listen({ type: 'note', message: `the evidence could not be kept: ${error.message}` })
  }
}

const proofOf = ({ now, newId, tool }: DrillDeps, accounts: readonly DrillRecord[], durationMs: number) => {
  const sum = (of: (record: DrillRecord) => number): number => accounts.reduce((all, record) => all + of(record), 0)
  return {
    format: 1,
    id: newId(),
    at: now().toISOString(),
    kind: 'drill',
    tool,
    snapshots: accounts.map(({ cloud, snapshot }) => ({ cloud, id: snapshot })),
    objects: sum((record) => record.restorable),
    objectsRead: sum((record) => record.restored),
    bytes: sum((record) => record.bytes),
    bytesRead: sum((record) => record.bytes),
    errors: sum((record) => record.failed),
    // A rehearsal reads what one snapshot names, never all that the vault holds.
    everyByte: false,
    cycleStartedAt: null,
    assetsRestored: sum((record) => record.restored),
    durationMs,
  } as const
}

interface AccountDrill extends DrillOptions {
  readonly cloud: string
}

interface Tally {
  readonly failures: DrillResult[]
  readonly kept: DrillResult[]
  restored: number
  bytes: number
  restoreMs: number
}

async function drillAccount(deps: DrillDeps, options: AccountDrill, signal: AbortSignal): Promise<DrillRecord> {
  const { cloud, seed } = options
  const started = deps.now().getTime()
  const before = await drilledBefore(deps.vault, { cloud, seed }, signal)
  const point = await pointOf(deps.vault, { cloud, wanted: before.snapshot }, signal)
  const purged = await purgedVersions(deps.vault, cloud, signal)
  const drawing = { point, purged, before, options }
  const { chosen, restorable, lost } = await draw(deps, drawing, signal)
  const total = chosen?.size ?? restorable
  deps.listen({ type: 'drawn', cloud, snapshot: point.snapshot.id, assets: total, seed })
  const tally: Tally = { failures: lost.map(lostResult), kept: [], restored: 0, bytes: 0, restoreMs: 0 }
  for (const result of tally.failures) deps.listen({ type: 'failed', cloud, result })
  for await (const batch of batches(entriesToRestore(deps, drawing, { chosen, signal }), deps.rehearsal.atOnce)) {
    checkSignal(signal, 'rehearsing')
    const { results, restoreMs } = await deps.rehearsal.rehearse(batch, signal)
    tally.restoreMs += restoreMs
    for (const result of results) take(deps, cloud, tally, result)
    deps.listen({ type: 'progress', cloud, done: tally.restored + tally.failures.length, total, bytes: tally.bytes })
  }
  const { snapshot } = point
  const room = Math.max(0, MOST_RESULTS - tally.failures.length)
  return {
    format: 1,
    id: deps.newId(),
    cloud,
    at: deps.now().toISOString(),
    tool: deps.tool,
    snapshot: snapshot.id,
    takenAt: snapshot.takenAt,
    seed,
    sample: sampleText(options.sample),
    target: deps.rehearsal.target,
    restorable,
    restored: tally.restored,
    failed: tally.failures.length,
    bytes: tally.bytes,
    restoreMs: tally.restoreMs,
    durationMs: deps.now().getTime() - started,
    everything: tally.failures.length === 0 && tally.restored >= restorable,
    results: [...tally.failures.slice(0, MOST_RESULTS), ...tally.kept.slice(0, room)],
    resultsLeftOut: tally.restored - Math.min(room, tally.kept.length),
  }
}

function take(deps: DrillDeps, cloud: string, tally: Tally, result: DrillResult): void {
  if (result.outcome === 'failed') {
    tally.failures.push(result)
    deps.listen({ type: 'failed', cloud, result })
    return
  }
  tally.restored += 1
  tally.bytes += result.size ?? 0
  if (tally.kept.length < MOST_RESULTS) tally.kept.push(result)
}

/** The snapshot that a restore would use: the newest complete one, else the newest. */
async function pointOf(
  vault: Vault,
  { cloud, wanted }: { readonly cloud: string; readonly wanted: string | null },
  signal: AbortSignal,
): Promise<StoredSnapshot> {
  if (wanted !== null) {
    const keys = await vault.snapshotKeys(cloud, signal)
    const key = keys.find((one) => one.endsWith(`-${wanted}.json`))
    if (key !== undefined) return await vault.readSnapshot(key, signal)
  }
  const { newest, newestComplete, unreadable } = await restorePoints(vault, cloud, signal)
  const point = newestComplete ?? newest
  if (point !== null) return point
  throw (
    unreadable[0]?.error ??
    new AppError('SNAPSHOT_NOT_FOUND', `the account ${cloud} has no snapshot to restore from`, {
      hint: 'cloudkeep backup makes the first one',
    })
  )
}

interface Drawing {
  readonly point: StoredSnapshot
  readonly purged: ReadonlySet<string>
  readonly before: DrilledBefore
  readonly options: AccountDrill
}

interface Drawn {
  /** assetIds; null for all. */
  readonly chosen: ReadonlySet<string> | null
  readonly restorable: number
  readonly lost: readonly LostSegment[]
}

async function draw(deps: DrillDeps, drawing: Drawing, signal: AbortSignal): Promise<Drawn> {
  const { point, before, options } = drawing
  const size = sampleCount(options.sample, point.snapshot.assets)
  const sampler = size === null ? null : createSampler(options.seed, size)
  const lost: LostSegment[] = []
  let restorable = 0
  for await (const entry of readableEntries(deps.vault, point.snapshot, { signal, onLost: (one) => lost.push(one) })) {
    if (!isRestorable(entry, drawing)) continue
    restorable += 1
    sampler?.offer(entry, before.has(entry))
  }
  return { chosen: sampler?.chosen() ?? null, restorable, lost }
}

const isRestorable = (entry: Entry, { purged }: Drawing): boolean =>
  entry.object !== null && !purged.has(versionName(entry))

async function* entriesToRestore(
  deps: DrillDeps,
  drawing: Drawing,
  at: { readonly chosen: ReadonlySet<string> | null; readonly signal: AbortSignal },
): AsyncGenerator<Entry, void, void> {
  const { chosen, signal } = at
  for await (const entry of readableEntries(deps.vault, drawing.point.snapshot, { signal, onLost: () => undefined }))
    if (isRestorable(entry, drawing) && (chosen === null || chosen.has(entry.assetId))) yield entry
}

async function* batches(
  entries: AsyncIterable<Entry>,
  atOnce: Rehearsal['atOnce'],
): AsyncGenerator<readonly Chosen[], void, void> {
  let batch: Chosen[] = []
  let bytes = 0
  for await (const entry of entries) {
    if (batch.length >= atOnce.assets || (batch.length > 0 && bytes + (entry.size ?? 0) > atOnce.bytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push({ entry, purged: false })
    bytes += entry.size ?? 0
  }
  if (batch.length > 0) yield batch
}

/** Assets in a lost list have no names left; the list stands for them. */
const lostResult = ({ segment, error }: LostSegment): DrillResult => ({
  assetId: `${segment.prefix}*`,
  publicId: `the ${segment.entries} assets of segment "${segment.prefix}"`,
  version: '',
  object: segment.object,
  size: null,
  outcome: 'failed',
  code: error.code,
  reason: error.message,
})
