/** Many jobs, a few at a time. */
export interface Crew {
  /**
   * Resolves when the job has begun, so that a loop that awaits it never runs far ahead. Rejects with the error of any
   * job that failed before; no job begins after that.
   */
  run(job: () => Promise<void>): Promise<void>
  /** Resolves when everything that was begun has ended; then rejects with the first error, if there was one. */
  finished(): Promise<void>
  /** Does the job for each item. When it resolves or rejects, nothing is under way any more. */
  each<T>(items: AsyncIterable<T> | Iterable<T>, job: (item: T) => Promise<void>): Promise<void>
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
  const run = async (job: () => Promise<void>): Promise<void> => {
    while (working.size >= size && failed === null) await Promise.race(working)
    complain()
    start(job)
  }
  const finished = async (): Promise<void> => {
    await Promise.all(working)
    complain()
  }
  return {
    run,
    finished,
    async each(items, job) {
      try {
        for await (const item of items) await run(() => job(item))
      } catch (error) {
        failed ??= { error }
      }
      await finished()
    },
  }
}
