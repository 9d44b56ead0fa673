/** Speed over the last seconds, from samples of running totals. */
export interface Rate {
  add(at: number, bytes: number, items: number): void
  /** Null until there is enough to tell. */
  bytesPerSecond(): number | null
  /** The later of two guesses, by bytes and by number: many small files are slow in a way that bytes do not show. */
  secondsLeft(rest: { bytes: number; items: number }): number | null
}

const WINDOW_MS = 15_000
const MINIMUM_MS = 2000

export function createRate(): Rate {
  let samples: { at: number; bytes: number; items: number }[] = []
  const span = (): { seconds: number; bytes: number; items: number } | null => {
    const first = samples[0]
    const last = samples.at(-1)
    if (!first || !last || last.at - first.at < MINIMUM_MS) return null
    return { seconds: (last.at - first.at) / 1000, bytes: last.bytes - first.bytes, items: last.items - first.items }
  }
  return {
    add(at, bytes, items) {
      const [before, last] = samples.slice(-2)
      // Ten samples a second are plenty, however often the engine speaks.
      if (before && last && last.at - before.at < 100) samples.pop()
      samples.push({ at, bytes, items })
      const kept = samples.findIndex((sample) => at - sample.at <= WINDOW_MS)
      if (kept > 0) samples = samples.slice(kept)
    },
    bytesPerSecond() {
      const seen = span()
      return seen === null || seen.bytes <= 0 ? null : seen.bytes / seen.seconds
    },
    secondsLeft(rest) {
      const seen = span()
      if (seen === null || seen.items <= 0) return null
      const byItems = (rest.items / seen.items) * seen.seconds
      const byBytes = seen.bytes > 0 ? (rest.bytes / seen.bytes) * seen.seconds : 0
      return Math.max(byItems, byBytes, 0)
    },
  }
}
