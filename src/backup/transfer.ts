import type { StepRow } from '../catalog/catalog.ts'
import { type AdaptiveLimit, createAdaptiveLimit } from '../lib/adaptive-limit.ts'
import { type Bell, createBell } from '../lib/bell.ts'
import { createGroup } from '../lib/group.ts'
import { createThrottle } from '../lib/throttle.ts'
import type { AssetFacts } from '../model/asset.ts'
import { AppError } from '../model/errors.ts'
import { type FetchContext, type FetchOutcome, fetchAsset } from './fetch-asset.ts'
import { announce } from './progress.ts'
import { nameOf, type Run } from './run-state.ts'

/** Rows read ahead of the transfers. */
const READ_AHEAD = 128
/** Rows of finished bodies wait this long for company. */
const LINGER_MS = 4
/** So many assets failing one after the other, with nothing fetched between, is an outage and not their fault. */
const OUTAGE = 100
/** For bodies that came and could not be kept fewer are enough: each was tried for half a minute. */
const STORE_OUTAGE = 8

export interface Transfers {
  /** Resolves when every queued fetch is done or failed, after `scanDone`. Throws what ends the run. */
  finished(): Promise<void>
  /** Stops without finishing; what is under way is left to the next run. */
  stop(): Promise<void>
}

/** Starts downloading while the scan goes on. The queue is the catalog's: a kill loses nothing but what is in flight. */
export function startTransfers(run: Run): Transfers {
  const controller = new AbortController()
  const signal = AbortSignal.any([run.signal, controller.signal])
  const state: TransferState = {
    run,
    signal,
    limit: createAdaptiveLimit(run.options.concurrency),
    ready: [],
    named: new Set(),
    flying: new Set(),
    finished: [],
    failuresInARow: 0,
    unkeptInARow: 0,
    keeping: 0,
    parked: 0,
    moved: createBell(),
  }
  const work = run.options.dryRun ? Promise.resolve() : pump(state, controller)
  // The scan may fail first; this promise is then never awaited, and its own failure must not end the process.
  work.catch(() => undefined)
  return {
    finished: () => work,
    async stop() {
      controller.abort(new AppError('INTERRUPTED', 'the run was stopped'))
      await work.catch(() => undefined)
    },
  }
}

interface TransferState {
  readonly run: Run
  readonly signal: AbortSignal
  readonly limit: AdaptiveLimit
  readonly ready: StepRow[]
  /** assetIds in `ready`, in flight, or done but not yet marked. */
  readonly named: Set<string>
  readonly flying: Set<Promise<void>>
  /** assetIds to be marked done. */
  finished: string[]
  failuresInARow: number
  unkeptInARow: number
  /** Transfers whose body has come in and is being kept. */
  keeping: number
  /** Transfers that wait for room in scratch. */
  parked: number
  /** Rung when a body came in or a transfer ended. */
  readonly moved: Bell
}

async function pump(state: TransferState, controller: AbortController): Promise<void> {
  const { run, signal, flying } = state
  const context: FetchContext = {
    run,
    signal,
    throttle: createThrottle(run.deps.bwlimit),
    strained: () => state.limit.strained(),
    received: () => undefined,
    parked: () => undefined,
    found: { plain: 0, original: 0 },
    hashed: createGroup(
      (all) =>
        run.deps.catalog.write(async (tx) => {
          for (const transferred of all) await tx.markHashed(run.id, transferred)
        }),
      LINGER_MS,
    ),
  }
  let fatal: unknown = null
  try {
    for (;;) {
      if (fatal !== null) break
      signal.throwIfAborted()
      const scanWasDone = run.live.scanDone
      if (state.ready.length < READ_AHEAD / 4) await refill(state)
      const step = state.ready.shift()
      if (step === undefined) {
        if (flying.size === 0 && scanWasDone) break
        await state.moved.wait(flying.size > 0 ? 250 : 50)
        continue
      }
      launch(state, context, step).catch((error: unknown) => {
        fatal ??= error
        controller.abort(error)
      })
      // A body that has come in leaves its place on the line to the next one while it is being kept; one that waits for
      // scratch does so too, since small ones need none.
      const idle = (): number => state.keeping + state.parked
      while (flying.size - idle() >= state.limit.current || flying.size >= 2 * state.limit.current) {
        await state.moved.wait(1000)
      }
    }
  } finally {
    await Promise.all(flying)
    await flush(state)
  }
  if (fatal !== null) throw fatal
}

/** Starts a transfer and keeps count of it; rejects with what must end the run. */
async function launch(state: TransferState, context: FetchContext, step: StepRow): Promise<void> {
  let isKeeping = false
  const received = (): void => {
    isKeeping = true
    state.keeping += 1
    state.moved.ring()
  }
  const parked = (isWaiting: boolean): void => {
    state.parked += isWaiting ? 1 : -1
    state.moved.ring()
  }
  const job = transferOne(state, { ...context, received, parked }, step)
  // Waited for at the end; its failure is the caller's.
  const settled = job.catch(() => undefined)
  state.flying.add(settled)
  state.run.live.transfers = state.flying.size
  try {
    await job
  } finally {
    if (isKeeping) state.keeping -= 1
    state.flying.delete(settled)
    state.run.live.transfers = state.flying.size
    state.moved.ring()
  }
}

async function refill(state: TransferState): Promise<void> {
  const { run } = state
  await flush(state)
  const waitForSearch = run.base === null && !run.live.searchDone
  const rows = await run.deps.catalog.read((tx) =>
    tx.queuedFetches(run.id, { limit: READ_AHEAD, except: state.named, withSearch: waitForSearch }),
  )
  for (const row of rows) {
    state.named.add(row.assetId)
    state.ready.push(row)
  }
}

async function flush(state: TransferState): Promise<void> {
  const ids = state.finished
  if (ids.length === 0) return
  state.finished = []
  await state.run.deps.catalog.write((tx) => tx.markDone(state.run.id, ids))
  for (const id of ids) state.named.delete(id)
}

async function transferOne(state: TransferState, context: FetchContext, step: StepRow): Promise<void> {
  const outcome = await fetchAsset(context, step)
  await record(state, step, outcome)
  announce(state.run, state.run.live.scanDone ? 'transfer' : 'scan')
}

async function record(state: TransferState, step: StepRow, outcome: FetchOutcome): Promise<void> {
  const { run } = state
  if (outcome.kind === 'fetched') {
    state.limit.succeeded()
    state.failuresInARow = 0
    state.unkeptInARow = 0
    run.live.fetched += 1
    state.finished.push(step.assetId)
    run.deps.listen({
      type: 'fetched',
      publicId: outcome.facts.publicId,
      bytes: outcome.transferred.size,
      source: outcome.source,
    })
    return
  }
  if (outcome.kind === 'vanished') {
    await run.deps.catalog.write((tx) => tx.markVanished(run.id, step.assetId))
    run.live.wanted -= 1
    state.named.delete(step.assetId)
    return
  }
  const { facts, error } = outcome
  await run.deps.catalog.write((tx) => tx.markFailed(run.id, step.assetId, { code: error.code, reason: error.message }))
  state.named.delete(step.assetId)
  run.live.failed += 1
  const failure = {
    assetId: facts.assetId,
    publicId: facts.publicId,
    resourceType: facts.resourceType,
    type: facts.type,
    code: error.code,
    reason: error.message,
  }
  run.failures.push(failure)
  run.deps.listen({ type: 'failure', failure })
  endOutage(state, facts, error)
}

/** Ends the run when it is not this one asset that fails. */
function endOutage(state: TransferState, facts: AssetFacts, error: AppError): void {
  state.failuresInARow += error.code === 'DOWNLOAD_UNAVAILABLE' ? 1 : 0
  state.unkeptInARow += error.code === 'STORE_UNAVAILABLE' ? 1 : 0
  if (state.unkeptInARow >= STORE_OUTAGE) {
    throw new AppError(
      'STORE_UNAVAILABLE',
      `${STORE_OUTAGE} files in a row could not be kept, the last of ${nameOf(facts)}: ${error.message}`,
      {
        hint: 'the vault cannot be reached; run again later, what is finished is kept',
        cause: error,
        permanent: false,
      },
    )
  }
  if (state.failuresInARow >= OUTAGE) {
    throw new AppError('DOWNLOAD_UNAVAILABLE', `${OUTAGE} downloads in a row failed, the last of ${nameOf(facts)}`, {
      hint: 'the network or the delivery service is down; run again later, what is finished is kept',
      cause: error,
    })
  }
}
