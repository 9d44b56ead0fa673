export interface BackoffOptions {
  /** @default 500 */
  readonly baseMs?: number
  /** @default 30 000 */
  readonly maxMs?: number
  /** From 0 to 1; given by tests. @default Math.random */
  readonly random?: () => number
}

/** Milliseconds to wait after the given failed attempt (1 is the first): doubling, between half and all of it. */
export function backoffMs(attempt: number, options: BackoffOptions = {}): number {
  const { baseMs = 500, maxMs = 30_000, random = Math.random } = options
  const ceiling = Math.min(maxMs, baseMs * 2 ** (attempt - 1))
  return Math.round(ceiling / 2 + (random() * ceiling) / 2)
}
