import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { BackupEvent } from '../src/backup/report.ts'
import { runBackup } from '../src/backup/run.ts'
import { createRig, differences, type Rig } from './rig.ts'

const MIB = 1024 * 1024
const HOUR = 3_600_000

let rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs) await rig.close()
  rigs = []
})

async function rigWith(films: readonly number[]): Promise<Rig> {
  const rig = await createRig({ settings: { mediaLimits: { image: 1e9, video: 1e9, raw: 1e9 } } })
  rigs.push(rig)
  for (const [i, size] of films.entries()) {
    const bytes = Buffer.alloc(size, `film ${i} `)
    makeAsset(rig.cloud, { publicId: `film-${i}`, resourceType: 'video', bytes, createdAt: Date.now() - 72 * HOUR })
  }
  return rig
}

/** A backup with so much scratch, and the most that lay in scratch at any look. */
async function backupWith(
  rig: Rig,
  scratchLimit: number,
  { signal = new AbortController().signal, concurrency = 8 } = {},
) {
  const context = rig.context()
  const scratch = join(rig.vault, '.cache', 'scratch')
  const events: BackupEvent[] = []
  let [peak, done] = [0, false]
  const watching = (async () => {
    while (!done) {
      peak = Math.max(peak, await lengthOf(scratch))
      await sleep(1)
    }
  })()
  const deps = {
    reader: context.reader(),
    vault: await context.vault('create'),
    catalog: await context.catalog(),
    library: null,
    scratch,
    scratchLimit,
    bwlimit: null,
    now: () => new Date(),
    newId: () => Math.random().toString(36).slice(2, 10),
    tool: 'test',
    listen: (event: BackupEvent) => void events.push(event),
  }
  const options = {
    dryRun: false,
    full: false,
    yesMassChange: false,
    delete: false,
    include: [],
    exclude: [],
    concurrency,
    details: 'none',
    remote: false,
    derived: false,
  } as const
  try {
    const report = await runBackup(deps, options, signal)
    return { report, events, scratch, peak: () => peak }
  } finally {
    done = true
    await watching
    await context.close()
  }
}

async function lengthOf(folder: string): Promise<number> {
  let sum = 0
  for (const name of await readdir(folder).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => null)
    sum += found?.size ?? 0
  }
  return sum
}

test('bodies on their way never take more than they may, and all of them arrive', async () => {
  const rig = await rigWith(Array.from({ length: 12 }, (_, i) => (2 + (i % 4)) * MIB + i))
  const { report, peak } = await backupWith(rig, 8 * MIB)
  expect(report.totals).toMatchObject({ fetched: 12, failed: 0 })
  expect(await differences(rig)).toEqual([])
  expect(peak()).toBeGreaterThan(0)
  expect(peak()).toBeLessThanOrEqual(8 * MIB)
})

test('two bodies that each need more than half of it, and one larger than all of it, still end', async () => {
  const rig = await rigWith([5 * MIB, 5 * MIB, 9 * MIB])
  const { report, peak } = await backupWith(rig, 6 * MIB)
  expect(report.totals).toMatchObject({ fetched: 3, failed: 0 })
  expect(peak()).toBeLessThanOrEqual(9 * MIB)
  expect(await differences(rig)).toEqual([])
})

test('small bodies go on while large ones wait for scratch', async () => {
  const rig = await rigWith([5 * MIB, 5 * MIB, 5 * MIB, ...Array.from({ length: 30 }, () => 1000)])
  rig.sandbox.faults.add({ area: 'delivery', pathMatch: /film-[0-2]\b/u, fault: { kind: 'latency', ms: 1500 } })
  const { report, events } = await backupWith(rig, 6 * MIB, { concurrency: 3 })
  expect(report.totals).toMatchObject({ fetched: 33, failed: 0 })
  const order = events.flatMap((event) => (event.type === 'fetched' ? [event.bytes] : []))
  expect(order.slice(0, 30).every((bytes) => bytes === 1000)).toBe(true)
})

test('a run that is stopped while bodies wait ends, and the next one goes on with what it left', async () => {
  const rig = await rigWith([5 * MIB, 5 * MIB, 5 * MIB])
  rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'bandwidth', bytesPerSecond: 2 * MIB } })
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 700)
  await expect(backupWith(rig, 6 * MIB, { signal: stop.signal })).rejects.toThrow()
  rig.sandbox.faults.clear()
  const left = await lengthOf(join(rig.vault, '.cache', 'scratch'))
  expect(left).toBeGreaterThan(0)
  const { report, scratch, peak } = await backupWith(rig, 6 * MIB)
  expect(report.totals).toMatchObject({ failed: 0 })
  // What was left belongs to one of those who wait, and must not keep the first of them waiting for ever.
  expect(peak()).toBeLessThanOrEqual(6 * MIB + left)
  expect(await readdir(scratch)).toEqual([])
  expect(await differences(rig)).toEqual([])
})

test('a run says beforehand how much it may take, where, and how much is free', async () => {
  const rig = await rigWith([2 * MIB])
  const { events, scratch } = await backupWith(rig, 1e15)
  const kinds = events.map(({ type }) => type)
  const estimate = events.find((event) => event.type === 'estimate')?.estimate.scratch
  expect(estimate).toMatchObject({ folder: scratch, limit: 1e15, free: expect.any(Number) })
  expect(kinds.indexOf('estimate')).toBeLessThan(kinds.indexOf('fetched'))
  const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
  expect(notes.join()).toMatch(/may be needed in .*are free there/u)
})
