import { describe, expect, it } from 'vitest'
import {
  decide,
  type LimitState,
  observe,
  parseTime,
  refuse,
  reserveFor,
  timeInRefusal,
  UNKNOWN_LIMIT,
} from './rate-limit.ts'

const NOW = Date.UTC(2026, 9, 2, 9, 30, 0)
const TEN = Date.UTC(2026, 9, 2, 10, 0, 0)
const RESET = 'Fri, 02 Oct 2026 10:00:00 GMT'

const headers = (remaining: number, more: Record<string, string> = {}) => ({
  'x-featureratelimit-limit': '500',
  'x-featureratelimit-remaining': String(remaining),
  'x-featureratelimit-reset': RESET,
  ...more,
})
const left = (remaining: number): LimitState => observe(UNKNOWN_LIMIT, headers(remaining), NOW)

describe('times', () => {
  it.each([
    [RESET, TEN],
    ['2026-10-02T10:00:00Z', TEN],
    ['2026-10-02 10:00:00 UTC', TEN],
    [String(TEN), TEN],
    [String(TEN / 1000), TEN],
    ['1800', TEN],
  ])('are read from %s', (text, time) => {
    expect(parseTime(text, NOW)).toBe(time)
  })

  it('that are none are null', () => {
    expect(parseTime('soon', NOW)).toBeNull()
    expect(parseTime(null, NOW)).toBeNull()
  })

  it('are found in a refusal', () => {
    const message = 'Rate Limit Exceeded. Limit of 500 api operations reached. Try again on 2026-10-02 10:00:00 UTC'
    expect(timeInRefusal(message)).toBe(TEN)
    expect(timeInRefusal('Too many concurrent requests')).toBeNull()
  })
})

describe('what the headers say', () => {
  it('is the budget', () => {
    expect(left(491).budget).toEqual({ limit: 500, remaining: 491, resetAt: TEN })
  })

  it('is not believed to grow within an hour: answers overtake one another', () => {
    expect(observe(left(480), headers(491), NOW).budget?.remaining).toBe(480)
    expect(observe(left(491), headers(480), NOW).budget?.remaining).toBe(480)
  })

  it('is new with every hour, and an answer of the last hour changes nothing', () => {
    const next = observe(left(3), headers(499, { 'x-featureratelimit-reset': 'Fri, 02 Oct 2026 11:00:00 GMT' }), NOW)
    expect(next.budget?.remaining).toBe(499)
    expect(observe(next, headers(2), NOW).budget?.remaining).toBe(499)
  })

  it('is told in this machine’s time when its clock is wrong', () => {
    const behind = NOW - 7 * 60_000
    const state = observe(UNKNOWN_LIMIT, headers(10, { date: 'Fri, 02 Oct 2026 09:30:00 GMT' }), behind)
    expect(state.budget?.resetAt).toBeCloseTo(TEN - 7 * 60_000, -4)
  })

  it('leaves a second of difference alone', () => {
    expect(observe(UNKNOWN_LIMIT, headers(10, { date: 'Fri, 02 Oct 2026 09:29:59 GMT' }), NOW).skewMs).toBe(0)
  })
})

describe('a reserve', () => {
  it('is a tenth, at most 100, unless it is given', () => {
    expect(reserveFor(500, null)).toBe(50)
    expect(reserveFor(5000, null)).toBe(100)
    expect(reserveFor(5, null)).toBe(0)
    expect(reserveFor(500, 0)).toBe(0)
    expect(reserveFor(500, 450)).toBe(450)
  })

  it('never blocks everything', () => {
    expect(reserveFor(50, 50)).toBe(25)
    expect(reserveFor(1, 100)).toBe(0)
  })
})

describe('a decision', () => {
  const at = (inFlight: number, now = NOW, reserve: number | null = 50) => ({ now, inFlight, reserve })

  it('lets one call go first, to learn the budget', () => {
    expect(decide(UNKNOWN_LIMIT, at(0))).toEqual({ kind: 'go' })
    expect(decide(UNKNOWN_LIMIT, at(1))).toEqual({ kind: 'busy' })
  })

  it('lets everything go where no budget is told', () => {
    expect(decide(observe(UNKNOWN_LIMIT, {}, NOW), at(20))).toEqual({ kind: 'go' })
  })

  it('counts calls that are under way', () => {
    expect(decide(left(53), at(2))).toEqual({ kind: 'go' })
    expect(decide(left(53), at(3))).toEqual({ kind: 'busy' })
  })

  it('waits for the reset, and a second, when the reserve is reached', () => {
    expect(decide(left(50), at(0))).toEqual({ kind: 'wait', until: TEN + 1000, why: 'reserve' })
    expect(decide(left(0), at(0, NOW, 0))).toEqual({ kind: 'wait', until: TEN + 1000, why: 'limit' })
  })

  it('starts again with the new hour', () => {
    expect(decide(left(0), at(0, TEN + 1000))).toEqual({ kind: 'go' })
    expect(decide(left(0), at(450, TEN + 1000))).toEqual({ kind: 'busy' })
  })
})

describe('a refusal', () => {
  const until = (message: string, more: Record<string, string> = {}, refusals = 1): number | null =>
    refuse(UNKNOWN_LIMIT, { headers: more, message, refusals }, NOW).refusedUntil

  it('lasts until the time in its message, its header, or Retry-After, and a second', () => {
    expect(until('Try again on 2026-10-02 10:00:00 UTC', headers(0))).toBe(TEN + 1000)
    expect(until('no', headers(0))).toBe(TEN + 1000)
    expect(until('no', { 'retry-after': '20' })).toBe(NOW + 21_000)
    expect(until('no', { 'retry-after': RESET })).toBe(TEN + 1000)
  })

  it('with calls left is not the hourly one, and passes sooner', () => {
    expect(until('too many concurrent', headers(300))).toBe(NOW + 2000)
  })

  it('without a time lasts longer each time, up to the next full hour', () => {
    expect(until('', {}, 1)).toBe(NOW + 2000)
    expect(until('', {}, 5)).toBe(NOW + 32_000)
    expect(until('', {}, 30)).toBe(TEN + 1000)
  })

  it('whose time has passed is tried again soon, not at once', () => {
    expect(until('Try again on 2026-10-02 09:00:00 UTC')).toBe(NOW + 2000)
  })

  it('of a time that nobody means is not slept out', () => {
    expect(until('Try again on 2999-01-01 00:00:00 UTC')).toBe(NOW + 24 * 3_600_000)
  })

  it('holds back every call, then lets one go first', () => {
    const state = refuse(left(100), { headers: headers(0), message: '', refusals: 1 }, NOW)
    expect(decide(state, { now: NOW, inFlight: 0, reserve: 0 })).toMatchObject({ kind: 'wait', why: 'limit' })
    expect(decide(state, { now: TEN + 1000, inFlight: 0, reserve: 0 })).toEqual({ kind: 'go' })
    expect(decide(state, { now: TEN + 1000, inFlight: 1, reserve: 0 })).toEqual({ kind: 'busy' })
  })
})
