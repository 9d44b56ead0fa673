import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Gathers what comes while the last batch is being handled and handles it as one: under load many small commits
 * become few, and alone nobody waits longer than the linger. `add` resolves when the item's batch has been handled, or rejects with its error.
 */
export function createGroup<T>(
  handle: (items: readonly T[]) => Promise<void>,
  /** Milliseconds to wait for company. @default 0 */
  lingerMs = 0,
): { add(item: T): Promise<void> } {
  let waiting: T[] = []
  let next: Promise<void> | null = null
  let current: Promise<void> = Promise.resolve()
  const start = async (after: Promise<void>): Promise<void> => {
    await after.catch(() => undefined)
    if (lingerMs > 0) await sleep(lingerMs)
    const items = waiting
    waiting = []
    next = null
    await handle(items)
  }
  return {
    add(item) {
      waiting.push(item)
      if (next === null) {
        next = start(current)
        current = next
      }
      return next
    },
  }
}
