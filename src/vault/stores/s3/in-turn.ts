/** Does work on keys, one piece after another where they share a key, at once where they do not. */
export type InTurn = <T>(keys: readonly string[], work: () => Promise<T>) => Promise<T>

export const createTurns = (): InTurn => {
  const last = new Map<string, Promise<unknown>>()
  return async (keys, work) => {
    // All keys are taken in one go, so nobody waits for somebody who waits for them.
    const mine = Promise.allSettled(keys.map((key) => last.get(key))).then(work)
    for (const key of keys) last.set(key, mine)
    try {
      return await mine
    } finally {
      for (const key of keys) if (last.get(key) === mine) last.delete(key)
    }
  }
}
