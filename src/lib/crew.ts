/** Many jobs, a few at a time. */
export interface Crew {
  /**
   * Resolves when the job has begun, so that a loop that awaits it never runs far ahead. Rejects with the error of any
   * job that failed before; no job begins after that.
   */
  run(job: () => Promise<void>): Promise<void>
  /** Resolves when everything that was begun has ended; rejects with the first error. */
  finished(): Promise<void>
}

export function createCrew(size: number): Crew {
  const working = new Set<Promise<void>>()
  let failed: { readonly error: unknown } | null = null
  const complain = (): void => {
    if (failed !== null) throw failed.error
  }
  const start = (job: () => Promise<void>): void => {
    const work: Promise<void> = job()
      .catch((error: unknown) => {
        failed ??= { error }
      })
      .finally(() => working.delete(work))
    working.add(work)
  }
  return {
    async run(job) {
      while (working.size >= size && failed === null) await Promise.race(working)
      complain()
      start(job)
    },
    async finished() {
      await Promise.all(working)
      complain()
    },
  }
}
