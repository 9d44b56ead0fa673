/** When to try again. Times in milliseconds. */
export interface RetryTiming {
  /** Tries altogether, the first included. */
  readonly tries: number
  /** Upper bound of the first pause; each further pause doubles it. */
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * The pause after the given failed try (1 is the first): exponential, and between half and the whole of its bound,
 * so that many callers that failed together do not come back together.
 *
 * @param random a number in [0, 1)
 */
export const backOff = (attempt: number, timing: Omit<RetryTiming, 'tries'>, random: number): number => {
  const bound = Math.min(timing.maxMs, timing.firstMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(bound / 2 + (bound / 2) * random)
}

/** Resolves after `ms`, and as soon as the signal aborts; the caller looks at the signal afterwards. Never rejects. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, ms)
    signal.addEventListener('abort', finish, { once: true })
  })
