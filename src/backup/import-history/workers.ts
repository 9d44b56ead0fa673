import { createThrottle, type Throttle } from '../../lib/throttle.ts'
import { isAppError } from '../../model/errors.ts'
import { sayScratch } from '../scratch.ts'
import { importAsset } from './import-asset.ts'
import type { AssetToAsk, ImportRun } from './import-state.ts'

/** More at a time would only fill memory: the hourly limit lets half a call through in a second. */
const MOST_WORKERS = 8

/**
 * Takes up one asset after the other, a few at a time, until there are no more or `limitCalls` is reached. Whatever
 * happens, what was brought in is recorded before this ends. Throws what ended it.
 */
export async function importAll(run: ImportRun, assets: AsyncIterable<AssetToAsk>): Promise<void> {
  run.deps.listen({ type: 'note', message: sayScratch(run.scratch.space) })
  const throttle = createThrottle(run.deps.bwlimit)
  const iterator = assets[Symbol.asyncIterator]()
  const errors: unknown[] = []
  const worker = async (): Promise<void> => {
    try {
      while (errors.length === 0 && mayAsk(run)) await askForNext(run, throttle, iterator)
    } catch (error) {
      errors.push(error)
      // What only lacks calls lets the others bring in what they have asked for.
      if (!isAppError(error, 'API_LIMIT')) run.stop()
    }
  }
  await Promise.all(Array.from({ length: Math.min(MOST_WORKERS, run.options.concurrency) }, worker))
  await run.batch.flush().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
  await run.journal.forgetReceived()
}

async function askForNext(run: ImportRun, throttle: Throttle, assets: AsyncIterator<AssetToAsk>): Promise<void> {
  run.live.asking += 1
  try {
    run.signal.throwIfAborted()
    const next = await assets.next()
    if (next.done === true) run.live.finished = true
    else await importAsset(run, throttle, next.value)
  } finally {
    run.live.asking -= 1
  }
}

/** Calls under way count as made. */
const mayAsk = ({ options, deps, live, callsBefore }: ImportRun): boolean =>
  !live.finished && (options.limitCalls === null || deps.reader.calls - callsBefore + live.asking < options.limitCalls)
