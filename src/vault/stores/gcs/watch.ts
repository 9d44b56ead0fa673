/** Ends an exchange in which nothing moves, or that nobody wants any more. */
export interface Watch {
  /** Aborted when it is to end. */
  readonly signal: AbortSignal
  /** Something moved; the time begins anew. */
  alive(): void
  /** Nothing is expected to move until the next `alive`. */
  rest(): void
  /** What the work gives, unless the exchange is to end before; nobody waits for the work then. */
  race<T>(work: Promise<T>): Promise<T>
  /** What went wrong: that nothing moved, if that is why everything else did. */
  fault(error: unknown): unknown
  /** Why the signal is aborted. */
  reason(): Error
  end(): void
}

class Idle extends Error {
  readonly code = 'ETIMEDOUT'
}

/** Watches from now on. */
export const startWatch = (idleMs: number, signal: AbortSignal | undefined): Watch => {
  const abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const rest = (): void => clearTimeout(timer)
  const alive = (): void => {
    rest()
    timer = setTimeout(() => abort.abort(new Idle(`nothing moved for ${idleMs} ms`)), idleMs)
  }
  const pass = (): void => abort.abort(signal?.reason)
  const reason = (): Error => {
    const why: unknown = abort.signal.reason
    return why instanceof Error ? why : new Error('interrupted', { cause: why })
  }
  signal?.addEventListener('abort', pass, { once: true })
  alive()
  return {
    signal: abort.signal,
    alive,
    rest,
    reason,
    race: async (work) => {
      let stop: () => void = () => undefined
      const ended = new Promise<never>((_, reject) => {
        stop = () => reject(reason())
        if (abort.signal.aborted) stop()
        else abort.signal.addEventListener('abort', stop, { once: true })
      })
      try {
        return await Promise.race([work, ended])
      } finally {
        abort.signal.removeEventListener('abort', stop)
      }
    },
    fault: (error) => (abort.signal.reason instanceof Idle ? abort.signal.reason : error),
    end: () => {
      rest()
      signal?.removeEventListener('abort', pass)
    },
  }
}
