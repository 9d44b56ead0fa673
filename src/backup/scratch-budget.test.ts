import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openRunScratch } from './scratch.ts'
import { createScratchBudget, openScratch, type ScratchBudget, type ScratchShare } from './scratch-budget.ts'

/** Starts waiting; `share` is there as soon as it was let in. */
function ask(budget: ScratchBudget, file: string, bytes: number | null, signal?: AbortSignal) {
  const asked: { share: ScratchShare | null; error: unknown } = { share: null, error: null }
  budget.take(file, bytes, signal).then(
    (share) => {
      asked.share = share
    },
    (error: unknown) => {
      asked.error = error
    },
  )
  return asked
}

describe('scratch has room for', () => {
  it('as many as fit, and the next one when one is done', async () => {
    const budget = createScratchBudget(100)
    const [one, two, three] = [ask(budget, 'a', 60), ask(budget, 'b', 40), ask(budget, 'c', 50)]
    await turn()
    expect([one.share !== null, two.share !== null, three.share]).toEqual([true, true, null])
    two.share?.release()
    await turn()
    expect(three.share).toBeNull()
    one.share?.release()
    await turn()
    expect(three.share).not.toBeNull()
    expect(budget.used).toBe(50)
  })

  it('those who came first: a large one is not overtaken by small ones', async () => {
    const budget = createScratchBudget(100)
    const first = ask(budget, 'a', 50)
    const [large, small] = [ask(budget, 'b', 90), ask(budget, 'c', 10)]
    await turn()
    expect([large.share, small.share]).toEqual([null, null])
    first.share?.release()
    await turn()
    expect([large.share !== null, small.share !== null]).toEqual([true, true])
  })

  it('a body larger than all of it, alone', async () => {
    const budget = createScratchBudget(100)
    const first = ask(budget, 'a', 10)
    const huge = ask(budget, 'b', 500)
    const after = ask(budget, 'c', 10)
    await turn()
    expect(huge.share).toBeNull()
    first.share?.release()
    await turn()
    expect([huge.share !== null, after.share]).toEqual([true, null])
    huge.share?.release()
    await turn()
    expect(after.share).not.toBeNull()
  })

  it('bodies of unknown length as they grow, one of them when all wait for one another', async () => {
    const budget = createScratchBudget(100)
    const [one, two] = [ask(budget, 'a', null), ask(budget, 'b', null)]
    await turn()
    await Promise.all([one.share?.grow(50), two.share?.grow(50)])
    let grown = 0
    const count = (): void => {
      grown += 1
    }
    const waiting = two.share?.grow(80).then(count)
    await turn()
    expect([grown, budget.used]).toEqual([0, 100])
    await one.share?.grow(80).then(count)
    await one.share?.grow(120).then(count)
    expect(grown).toBe(2)
    one.share?.release()
    await waiting
    expect([grown, budget.used]).toEqual([3, 80])
  })

  it('others again when one that waits is stopped', async () => {
    const budget = createScratchBudget(100)
    const stop = new AbortController()
    const first = ask(budget, 'a', 50)
    const [large, small] = [ask(budget, 'b', 90, stop.signal), ask(budget, 'c', 10)]
    await turn()
    expect(small.share).toBeNull()
    stop.abort()
    await turn()
    expect(large.error).toMatchObject({ code: 'INTERRUPTED' })
    expect(small.share).not.toBeNull()
    first.share?.release()
    first.share?.release()
    expect(budget.used).toBe(10)
  })

  it('nobody who was stopped before he asked', async () => {
    const asked = ask(createScratchBudget(100), 'a', 1, AbortSignal.abort())
    await turn()
    expect(asked.error).toMatchObject({ code: 'INTERRUPTED' })
  })

  it('less while files of an earlier run lie there, and counts them once when they are gone on with', async () => {
    const budget = createScratchBudget(100, new Map([['a.part', 70]]))
    const other = ask(budget, '/scratch/b.part', 40)
    await turn()
    // Nobody holds anything: the first is let in whatever lies there, or a full folder would stop everything.
    expect(other.share).not.toBeNull()
    const same = ask(budget, '/scratch/a.part', 80)
    await turn()
    expect(same.share).toBeNull()
    other.share?.release()
    await turn()
    expect(same.share).not.toBeNull()
    expect(budget.used).toBe(80)
    same.share?.release()
    expect(budget.used).toBe(0)
  })
})

it('scratch counts what lies there, forgets what nobody took up for long, and measures the disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-scratch-'))
  try {
    await writeFile(join(folder, 'new.part'), Buffer.alloc(1000))
    await writeFile(join(folder, 'old.part'), Buffer.alloc(5000))
    await writeFile(join(folder, 'other.txt'), Buffer.alloc(500))
    await utimes(join(folder, 'old.part'), 1_000_000, 1_000_000)
    const { budget, space } = await openScratch(folder, 2000, new Date())
    expect((await readdir(folder)).sort()).toEqual(['new.part', 'other.txt'])
    expect(budget.used).toBe(1000)
    expect(space).toMatchObject({ folder, limit: 2000 })
    expect(space.free).toBeGreaterThan(0)
    const nowhere = await openScratch(join(folder, 'not', 'yet'), 2000, new Date())
    expect(nowhere.space.free).toBeGreaterThan(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it('scratch names beforehand what cannot fit, each larger one once', async () => {
  const said: string[] = []
  const deps = { scratch: tmpdir(), now: () => new Date() }
  const { warn } = await openRunScratch(deps, ({ message }) => said.push(message))
  said.length = 0
  const film = { publicId: 'film', resourceType: 'video', type: 'upload' } as const
  for (const bytes of [1000, null, 2e17, 2e17, 1e17, 3e17]) warn({ ...film, bytes })
  expect(said).toHaveLength(2)
  expect(said[0]).toContain('video/upload/film has')
  expect(said[0]).toContain('were free')
})
