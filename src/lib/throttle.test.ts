import { expect, test } from 'vitest'
import { createThrottle, type Rate } from './throttle.ts'

/** Time that passes only when somebody waits for it. */
function createClock() {
  let time = 0
  const waiting: { at: number; wake: () => void }[] = []
  return {
    now: () => time,
    sleep: (ms: number, signal: AbortSignal | undefined) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ at: time + ms, wake: resolve })
        signal?.addEventListener('abort', () => reject(signal.reason))
      }),
    /** Lets time pass, step by step. */
    async advance(ms: number) {
      const end = time + ms
      for (;;) {
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
        waiting.sort((a, b) => a.at - b.at)
        const next = waiting[0]
        if (next === undefined || next.at > end) break
        waiting.shift()
        time = Math.max(time, next.at)
        next.wake()
      }
      time = end
    },
  }
}

/** How many bytes pass in each stretch of time, with someone always waiting. */
async function passed(rate: Rate | (() => Rate), clock: ReturnType<typeof createClock>, stretches: readonly number[]) {
  const throttle = createThrottle(rate, clock)
  let [total, done] = [0, false]
  const flow = (async () => {
    while (!done) {
      await throttle(100)
      total += 100
      if (total > 1_000_000) return
    }
  })()
  const seen: number[] = []
  for (const ms of stretches) {
    const before = total
    await clock.advance(ms)
    seen.push(total - before)
  }
  done = true
  await clock.advance(10_000)
  await flow
  return seen
}

test('one rate lets just so much pass, second after second', async () => {
  expect(await passed(1000, createClock(), [1000, 1000, 10_000])).toEqual([1000, 1000, 10_000])
})

test('a change of the rate is followed within a second, also by who waits already', async () => {
  const clock = createClock()
  const rate = (): Rate => (clock.now() < 10_000 ? 10 : clock.now() < 20_000 ? 2000 : 100)
  const [slow = 0, fast = 0, last = 0] = await passed(rate, clock, [10_000, 10_000, 10_000])
  expect(slow).toBe(100)
  expect(fast).toBeGreaterThanOrEqual(18_000)
  expect(fast).toBeLessThanOrEqual(20_500)
  expect(last).toBeGreaterThanOrEqual(900)
  expect(last).toBeLessThanOrEqual(1500)
})

test('who waits when the limit ends goes on within a second', async () => {
  const clock = createClock()
  const throttle = createThrottle(() => (clock.now() < 5000 ? 1 : null), clock)
  let done = false
  const waiting = throttle(1_000_000).then(() => {
    done = true
  })
  await clock.advance(4900)
  expect(done).toBe(false)
  await clock.advance(1200)
  expect(done).toBe(true)
  await waiting
})

test('first come, first served', async () => {
  const clock = createClock()
  const throttle = createThrottle(100, clock)
  const order: number[] = []
  const all = [1, 2, 3].map((n) => throttle(100).then(() => order.push(n)))
  await clock.advance(3100)
  await Promise.all(all)
  expect(order).toEqual([1, 2, 3])
})

test('a pause saves up no more than a quarter of a second', async () => {
  const clock = createClock()
  const throttle = createThrottle(1000, clock)
  await clock.advance(60_000)
  await throttle(250)
  let done = false
  const next = throttle(500).then(() => {
    done = true
  })
  await clock.advance(499)
  expect(done).toBe(false)
  await clock.advance(2)
  expect(done).toBe(true)
  await next
})

test('a wait ends when it is called off', async () => {
  const clock = createClock()
  const stop = new AbortController()
  const wait = createThrottle(1, clock)(1_000_000, stop.signal)
  stop.abort(new Error('stopped'))
  await expect(wait).rejects.toThrow('stopped')
})

test('no limit never waits', async () => {
  await createThrottle(null)(Number.MAX_SAFE_INTEGER)
})
