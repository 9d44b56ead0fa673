/** The sandbox's time: that of its source, moved as a test wants it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** From now on it is that time, and goes on from there. */
  set(time: number): void
  /** Backward when negative. */
  advance(milliseconds: number): void
}

export const createClock = (source: () => number): Clock => {
  let offset = 0
  return {
    now: () => source() + offset,
    set: (time) => {
      offset = time - source()
    },
    advance: (milliseconds) => {
      offset += milliseconds
    },
  }
}
