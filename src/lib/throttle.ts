import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `bytes` more may pass. One throttle is shared by everything that shares the limit. */
export type Throttle = (bytes: number, signal?: AbortSignal) => Promise<void>

/**
 * A leaky bucket: at most `rate` bytes a second on average, with bursts of up to a quarter of a second.
 * A null rate never waits.
 */
export function createThrottle(rate: number | null, now: () => number = () => performance.now()): Throttle {
  if (rate === null) return () => Promise.resolve()
  const perMs = rate / 1000
  let freeAt = now()
  return async (bytes, signal) => {
    const start = Math.max(freeAt, now() - 250)
    freeAt = start + bytes / perMs
    const wait = freeAt - now()
    if (wait > 0) await sleep(wait, undefined, signal === undefined ? {} : { signal })
  }
}
