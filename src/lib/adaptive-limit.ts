/** How many things to do at a time, learned from how they go. Pure but for the clock it is given. */
export interface AdaptiveLimit {
  readonly current: number
  succeeded(): void
  /** The other side asked for less, or connections broke. */
  strained(): void
}

/**
 * Doubles while all goes well until the first strain, then adds one per round of successes; a strain takes a third
 * away, at most once a second, because one overload shows in many transfers at the same moment.
 */
export function createAdaptiveLimit(max: number, now: () => number = () => performance.now()): AdaptiveLimit {
  let limit = Math.min(max, 8)
  let successes = 0
  let ramping = true
  let strainedAt = Number.NEGATIVE_INFINITY
  return {
    get current() {
      return limit
    },
    succeeded() {
      successes += 1
      if (successes < limit) return
      successes = 0
      limit = Math.min(max, ramping ? limit * 2 : limit + 1)
    },
    strained() {
      ramping = false
      successes = 0
      if (now() - strainedAt < 1000) return
      strainedAt = now()
      limit = Math.max(1, Math.floor((limit * 2) / 3))
    },
  }
}
