import type { Budget } from '../model/account.ts'

/**
 * The hourly quota of the Admin API, as pure arithmetic. Cloudinary counts calls per product environment and clock
 * hour and tells limit, rest and reset with every answer; the refusal itself (420, on newer paths 429) may tell the
 * reset only in its message. All times are milliseconds since the epoch; "local" is this machine's clock.
 */
export interface LimitState {
  /** What the headers said last; `resetAt` is local. Null until an answer carried them. */
  readonly budget: Budget | null
  /** The reset as the service's clock states it; names the window that `budget` belongs to. */
  readonly window: number | null
  /** The service refused, and said or implied that it will until then (local). */
  readonly refusedUntil: number | null
  /** False until an answer came; then, and after a refusal, one call goes alone to find out. */
  readonly known: boolean
  /** The service's clock minus this machine's. */
  readonly skewMs: number
}

export const UNKNOWN_LIMIT: LimitState = { budget: null, window: null, refusedUntil: null, known: false, skewMs: 0 }

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

const RESET_MARGIN_MS = 1000
const HOUR_MS = 3_600_000
/** No stated time is believed beyond this; the call is tried again then and hears the time once more. */
const LONGEST_WAIT_MS = 24 * HOUR_MS
/** HTTP dates have whole seconds and answers travel; less than this is not a wrong clock. */
const SKEW_TOLERANCE_MS = 2000

export const headerOf = (headers: Headers, name: string): string | null => {
  const value = headers[name]
  if (typeof value === 'string') return value
  return value?.[0] ?? null
}

const wholeNumber = (text: string | null): number | null =>
  text !== null && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : null

/** An HTTP-date or ISO-8601 time, Unix seconds or milliseconds, or (small numbers) seconds from `now`. */
export const parseTime = (text: string | null, now: number): number | null => {
  if (text === null) return null
  const number = wholeNumber(text)
  if (number !== null) {
    if (number >= 1e11) return number
    return number >= 1e9 ? number * 1000 : now + number * 1000
  }
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}

/** The time in "Rate Limit Exceeded. … Try again on 2026-10-02 10:00:00 UTC", on the service's clock. */
export const timeInRefusal = (message: string): number | null => {
  const match = /(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d+)?\s?(?:UTC|GMT|Z)/.exec(message)
  if (match === null) return null
  const time = Date.parse(`${match[1]}T${match[2]}Z`)
  return Number.isNaN(time) ? null : time
}

const skewOf = (headers: Headers, now: number, before: number): number => {
  const date = headerOf(headers, 'date')
  const time = date === null ? Number.NaN : Date.parse(date)
  if (Number.isNaN(time)) return before
  const skew = time + 500 - now
  if (Math.abs(skew) < SKEW_TOLERANCE_MS) return 0
  return Math.abs(skew - before) < SKEW_TOLERANCE_MS ? before : skew
}

/** The state after an answer of the Admin API. Answers may arrive in another order than they were made. */
export const observe = (state: LimitState, headers: Headers, now: number): LimitState => {
  const skewMs = skewOf(headers, now, state.skewMs)
  const seen = { ...state, skewMs, known: true }
  const limit = wholeNumber(headerOf(headers, 'x-featureratelimit-limit'))
  const remaining = wholeNumber(headerOf(headers, 'x-featureratelimit-remaining'))
  const window = parseTime(headerOf(headers, 'x-featureratelimit-reset'), now + skewMs)
  if (limit === null || remaining === null || window === null) return seen
  if (state.window !== null && window < state.window) return seen
  const sameWindow = state.window === window && state.budget?.limit === limit
  const left = sameWindow ? Math.min(remaining, state.budget?.remaining ?? remaining) : remaining
  const resetAt = Math.min(window - skewMs, now + LONGEST_WAIT_MS)
  return { ...seen, window, budget: { limit, remaining: left, resetAt } }
}

/**
 * The state after a refusal. Its time is, first found: the one in the message, the reset header (unless calls are
 * left: then it was not the hourly quota), Retry-After; without any, a growing pause that ends at the next full hour.
 *
 * @param refusals how often this call was refused in a row, 1 for the first
 */
export const refuse = (
  state: LimitState,
  answer: { readonly headers: Headers; readonly message: string; readonly refusals: number },
  now: number,
): LimitState => {
  const { headers, message, refusals } = answer
  const skewMs = skewOf(headers, now, state.skewMs)
  const serverNow = now + skewMs
  const remaining = wholeNumber(headerOf(headers, 'x-featureratelimit-remaining'))
  const reset = remaining !== null && remaining > 0 ? null : headerOf(headers, 'x-featureratelimit-reset')
  const stated =
    timeInRefusal(message) ?? parseTime(reset, serverNow) ?? parseTime(headerOf(headers, 'retry-after'), serverNow)
  const growing = serverNow + 1000 * 2 ** Math.min(refusals, 20)
  const nextHour = (Math.floor(serverNow / HOUR_MS) + 1) * HOUR_MS
  const until =
    stated !== null && stated > serverNow ? stated + RESET_MARGIN_MS : Math.min(growing, nextHour + RESET_MARGIN_MS)
  return { ...state, skewMs, known: false, refusedUntil: Math.min(until - skewMs, now + LONGEST_WAIT_MS) }
}

/**
 * How many calls of the hour are left to others. By default a tenth, at most 100. A reserve that would leave nothing
 * for Cloudkeep is halved away: a run that can never make a call protects nobody.
 */
export const reserveFor = (limit: number, configured: number | null): number => {
  const reserve = configured ?? Math.min(100, Math.floor(limit / 10))
  return reserve < limit ? Math.max(0, reserve) : Math.floor(limit / 2)
}

export type Decision =
  | { readonly kind: 'go' }
  /** Calls under way may use up the rest; ask again when one of them has answered. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'wait'; readonly until: number; readonly why: 'limit' | 'reserve' }

const GO: Decision = { kind: 'go' }
const BUSY: Decision = { kind: 'busy' }

/** May one more call be made now, with `inFlight` calls not yet answered? */
export const decide = (
  state: LimitState,
  at: { readonly now: number; readonly inFlight: number; readonly reserve: number | null },
): Decision => {
  const { budget, refusedUntil } = state
  if (refusedUntil !== null && at.now < refusedUntil) return { kind: 'wait', until: refusedUntil, why: 'limit' }
  if (!state.known && at.inFlight > 0) return BUSY
  if (budget === null) return GO
  const fresh = at.now >= budget.resetAt + RESET_MARGIN_MS
  const left = (fresh ? budget.limit : budget.remaining) - at.inFlight
  if (left > reserveFor(budget.limit, at.reserve)) return GO
  if (at.inFlight > 0) return BUSY
  if (fresh) return GO
  return { kind: 'wait', until: budget.resetAt + RESET_MARGIN_MS, why: budget.remaining === 0 ? 'limit' : 'reserve' }
}
