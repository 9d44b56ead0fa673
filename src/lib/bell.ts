/** Lets one waiter sleep until something happens, without asking each of many promises. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, or after `ms`. */
  wait(ms: number): Promise<void>
}

export function createBell(): Bell {
  let wake: (() => void) | null = null
  return {
    ring() {
      wake?.()
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, ms)
        function done(): void {
          clearTimeout(timer)
          wake = null
          resolve()
        }
        wake = done
      }),
  }
}
