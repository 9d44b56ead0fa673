import { createAdaptiveLimit } from '../../lib/adaptive-limit.ts'
import { createBell } from '../../lib/bell.ts'
import { createThrottle, type Throttle } from '../../lib/throttle.ts'
import { AppError } from '../../model/errors.ts'
import type { PlanTotals, RestoreResult } from '../report.ts'
import { apply, resultOf } from './apply.ts'
import { isItsOwn } from './its-own.ts'
import { isWriting, type Planned, planned } from './plan.ts'
import type { ResultList } from './results.ts'
import type { RestoreRun } from './run-state.ts'

/** So many in a row that the service could not answer is an outage, and not their fault. */
const OUTAGE = 30
/** Wrong with this machine or its settings, and so with every further asset. */
const FATAL: ReadonlySet<string> = new Set(['CREDENTIALS_MISSING', 'STORE_FULL', 'HOST_REFUSED'])

interface Work {
  readonly run: RestoreRun
  readonly totals: PlanTotals
  readonly results: ResultList
  readonly throttle: Throttle
  readonly done: { count: number; bytes: number; unavailable: number }
}

/** Strain is told by the writer, which was made before the transfers. */
export interface Strain {
  listener: () => void
}

/** Works off the plan, several lines at a time; the results go to the list. Returns the bytes sent; throws what ends the run. */
export async function transfer(
  run: RestoreRun,
  totals: PlanTotals,
  results: ResultList,
  strain: Strain,
): Promise<number> {
  const limit = createAdaptiveLimit(run.options.concurrency)
  strain.listener = () => limit.strained()
  const work: Work = {
    run,
    totals,
    results,
    throttle: createThrottle(run.deps.bwlimit),
    done: { count: 0, bytes: 0, unavailable: 0 },
  }
  const flying = new Set<Promise<void>>()
  const bell = createBell()
  let fatal: unknown = null
  try {
    for await (const line of planned(run)) {
      if (fatal !== null) break
      const settled = settle(work, line)
        .then((succeeded) => (succeeded ? limit.succeeded() : undefined))
        .catch((error: unknown) => {
          fatal ??= error
        })
        .finally(() => {
          flying.delete(settled)
          tell(work, flying.size)
          bell.ring()
        })
      flying.add(settled)
      while (flying.size >= limit.current && fatal === null) await bell.wait(1000)
    }
  } finally {
    await Promise.all(flying)
  }
  if (fatal !== null) throw fatal
  return work.done.bytes
}

const tell = ({ run, totals, done }: Work, transfers: number): void =>
  run.deps.listen({
    type: 'progress',
    done: done.count,
    total: totals.assets,
    bytes: done.bytes,
    totalBytes: totals.bytes,
    transfers,
  })

/** True when something was written and taken. */
async function settle(work: Work, line: Planned): Promise<boolean> {
  const { run, results, done } = work
  const result = isWriting(line.item) ? await attempt(work, line) : standing(line)
  done.count += 1
  results.add(result)
  if (result.outcome !== 'same') run.deps.listen({ type: 'result', result })
  if (result.outcome === 'restored') done.bytes += line.item.bytes
  return isWriting(line.item) && result.outcome === 'restored'
}

async function attempt(work: Work, line: Planned): Promise<RestoreResult> {
  const { run, throttle, done } = work
  try {
    run.signal.throwIfAborted()
    const result = await apply(run, line, throttle)
    done.unavailable = 0
    return result
  } catch (error) {
    if (run.signal.aborted) throw new AppError('INTERRUPTED', 'the restore was interrupted', { cause: error })
    if (!isItsOwn(error) || FATAL.has(error.code)) throw error
    done.unavailable = error.code === 'API_UNAVAILABLE' ? done.unavailable + 1 : 0
    if (done.unavailable >= OUTAGE) throw error
    return resultOf(line.chosen, line.item, { outcome: 'failed', code: error.code, reason: error.message })
  }
}

/** Lines that say not to do anything. */
function standing({ chosen, item }: Planned): RestoreResult {
  switch (item.action) {
    case 'same':
      return resultOf(chosen, item, {
        outcome: 'same',
        restored:
          item.presentId === null
            ? null
            : { assetId: item.presentId, publicId: item.name.publicId, cldVersion: chosen.entry.cldVersion },
        newUrl: item.presentUrl,
      })
    case 'impossible':
      return resultOf(chosen, item, { outcome: 'failed', code: 'UPLOAD_REFUSED', reason: item.why })
    default:
      return resultOf(chosen, item, { outcome: 'skipped', reason: item.why })
  }
}
