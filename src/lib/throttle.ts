import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes a second; null: no limit. */
export type Rate = number | null

/** A rate, or what tells the rate of the moment. */
export type Bandwidth = Rate | (() => Rate)

/** Waits until `bytes` more may pass. One throttle is shared by everything that shares the limit. */
export type Throttle = (bytes: number, signal?: AbortSignal) => Promise<void>

interface Clock {
  /** Milliseconds since whenever; never goes back. */
  now(): number
  /** Rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
}

/** What may pass at once after a pause, in seconds' worth. */
const BURST = 0.25
/** A change of the rate is noticed within this time, however long the wait was going to be. */
const LOOK_MS = 1000

/**
 * A leaky bucket: at most `bandwidth` bytes a second on average, with bursts of up to a quarter of a second, first come,
 * first served. A null rate never waits. Where the rate changes, those who wait already wait by the new one within a
 * second. A rejected wait has used its share all the same.
 */
export function createThrottle(bandwidth: Bandwidth, clock: Clock = realClock): Throttle {
  if (bandwidth === null) return () => Promise.resolve()
  const rateNow = typeof bandwidth === 'function' ? bandwidth : () => bandwidth
  let asked = 0
  let allowed = 0
  let [rate, looked] = [rateNow(), clock.now()]

  const advance = (): Rate => {
    const time = clock.now()
    // The time since the last look counts by the rate that held then.
    const more = rate === null ? Number.POSITIVE_INFINITY : (rate * (time - looked)) / 1000
    rate = rateNow()
    looked = time
    allowed = Math.min(allowed + more, asked + (rate ?? 0) * BURST)
    return rate
  }

  return async (bytes, signal) => {
    advance()
    asked += bytes
    const mine = asked
    for (;;) {
      const current = advance()
      if (current === null || allowed >= mine) return
      // Never less than a millisecond: a timer that fires early must not turn this into a spin.
      const wait = Math.max(1, ((mine - allowed) / current) * 1000)
      await clock.sleep(Math.min(wait, LOOK_MS), signal)
    }
  }
}
