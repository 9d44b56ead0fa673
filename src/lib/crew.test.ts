import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createCrew } from './crew.ts'

it('does every job, never more at a time than it may', async () => {
  let [now, most, done] = [0, 0, 0]
  await createCrew(3).each(
    Array.from({ length: 50 }, (_, n) => n),
    async (n) => {
      now += 1
      most = Math.max(most, now)
      await sleep(n % 4)
      now -= 1
      done += 1
    },
  )
  expect([most, done]).toEqual([3, 50])
})

it('takes no more items than it has hands', async () => {
  let taken = 0
  function* items(): Iterable<number> {
    for (taken = 0; taken < 100; taken += 1) yield taken
  }
  let ahead = 0
  let done = 0
  await createCrew(4).each(items(), async () => {
    await sleep(1)
    ahead = Math.max(ahead, taken - done)
    done += 1
  })
  expect(ahead).toBeLessThanOrEqual(6)
})

it('after an error begins nothing, and rejects only when all that was begun has ended', async () => {
  const begun: number[] = []
  let under = 0
  const work = createCrew(4).each(
    Array.from({ length: 100 }, (_, n) => n),
    async (n) => {
      begun.push(n)
      under += 1
      await sleep(n === 5 ? 1 : 20)
      under -= 1
      if (n === 5) throw new Error('the fifth')
    },
  )
  await expect(work).rejects.toThrow('the fifth')
  expect(under).toBe(0)
  expect(begun.length).toBeLessThan(12)
})

it('an error of the source is the error, after the jobs have ended', async () => {
  let ended = 0
  async function* broken(): AsyncIterable<number> {
    yield 1
    yield 2
    throw new Error('no more')
  }
  const work = createCrew(4).each(broken(), async () => {
    await sleep(5)
    ended += 1
  })
  await expect(work).rejects.toThrow('no more')
  expect(ended).toBe(2)
})
