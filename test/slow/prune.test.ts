import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { keepChanging } from '../../sandbox/changes.ts'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { createRandom } from '../../sandbox/random.ts'
import type { Asset, Cloud, Content } from '../../sandbox/state.ts'
import { parseSpan } from '../../src/lib/span.ts'
import { type PruneDeps, planPrune } from '../../src/maintenance/prune/plan.ts'
import { pruneVault } from '../../src/maintenance/prune/prune.ts'
import { openSweeper } from '../../src/vault/sweeper.ts'
import { createRig, type Rig } from '../rig.ts'
import { readWhole } from '../samples/shelf.ts'
import { patience, runProgram, start } from './program.ts'

/** Fewer on a slow machine. */
const ROUNDS = 4
const BACKUPS_A_ROUND = 8
const BUDGET_MS = 20_000 * patience
const SEED = 20261122
const QUIET = ['--details', 'none', '--yes-mass-change', '--json']

/**
 * Assets that swap between a few bodies: what the next run finds, or thinks to find, is what nothing named a moment ago
 * and what is just being moved to the trash, or lies there.
 */
function keepSwapping(cloud: Cloud, assets: readonly Asset[], bodies: readonly Content[]): { stop(): void } {
  const random = createRandom(SEED)
  const timer = setInterval(() => {
    const asset = random.pick(assets)
    if (cloud.shelf.byId(asset.assetId) === undefined) return
    const now = Date.now()
    Object.assign(asset, {
      content: random.pick(bodies),
      version: asset.version + 1,
      uploadedAt: now,
      times: { ...asset.times, updated: now },
    })
  }, 5)
  return { stop: () => clearInterval(timer) }
}

interface Counted {
  backups: number
  killed: number
  prunes: number
  removed: number
  moved: number
  deleted: number
  returned: number
}

/** Prunes one after the other, without any grace, until it is told to stop. */
async function pruneOn(rig: Rig, counted: Counted, isOver: () => boolean): Promise<void> {
  const context = rig.context()
  const [vault, catalog] = [await context.vault(), await context.catalog()]
  const { now, newId, tool } = context
  const sweeper = openSweeper(vault.store)
  const deps: PruneDeps = { vault, catalog, sweeper, now, newId, tool, onProgress: () => undefined }
  const versions = { keepGone: parseSpan('1h'), rules: [] }
  const options = { policy: { snapshots: { last: 2 }, versions }, cloud: null, graceMs: 0 }
  const { signal } = new AbortController()
  while (!isOver()) {
    const report = await pruneVault(deps, { plan: await planPrune(deps, options, signal), options }, signal)
    counted.prunes += 1
    counted.removed += report.accounts.reduce((sum, { removed }) => sum + removed.length, 0)
    counted.moved += report.swept.moved.objects
    counted.deleted += report.swept.deleted.objects
    counted.returned += report.swept.returned.objects
  }
  await context.close()
}

/** Backups one after the other in processes of their own, some of them killed. Returns what should not have happened. */
async function backUpOn(rig: Rig, counted: Counted, random: ReturnType<typeof createRandom>): Promise<string[]> {
  const wrong: string[] = []
  for (let n = 0; n < BACKUPS_A_ROUND; n += 1) {
    const { child, ended } = start(['backup', ...QUIET], rig.env)
    const timer = random.chance(0.25) ? setTimeout(() => child.kill('SIGKILL'), 300 + random.below(1200)) : null
    const end = await ended
    if (timer !== null) clearTimeout(timer)
    counted.backups += 1
    if (end.signal === 'SIGKILL') counted.killed += 1
    // An account that changes under the listing may make a snapshot partial; nothing else may go wrong.
    else if (end.code !== 0 && end.code !== 3) wrong.push(`backup: ${end.code} ${end.stdout.slice(-800)} ${end.stderr}`)
  }
  return wrong
}

test('while runs follow one another in other processes and prunes without grace in this one, no snapshot loses a byte', async () => {
  const rig = await createRig({ env: { CLOUDKEEP_CONCURRENCY: '6' } })
  const random = createRandom(SEED)
  const counted: Counted = { backups: 0, killed: 0, prunes: 0, removed: 0, moved: 0, deleted: 0, returned: 0 }
  const assets: Asset[] = []
  for (let n = 0; n < 60; n += 1) {
    const createdAt = Date.now() - 7_200_000 + n
    const bytes = Buffer.from(`bytes of ${n} `.repeat(40))
    assets.push(makeAsset(rig.cloud, { publicId: `p/${n}`, bytes, createdAt }))
  }
  const bodies = assets.slice(0, 12).flatMap(({ content }) => (content === null ? [] : [content]))
  rig.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 3, jitterMs: 10 } })
  const first = await runProgram(['backup', ...QUIET], rig.env)
  expect(first.code, first.stderr).toBe(0)
  const swapping = keepSwapping(rig.cloud, assets.slice(0, 20), bodies)
  const changing = keepChanging(rig.cloud, { everyMs: 150, seed: SEED })
  const began = performance.now()
  try {
    for (let round = 0; round < ROUNDS && performance.now() - began < BUDGET_MS; round += 1) {
      let isOver = false
      const pruning = pruneOn(rig, counted, () => isOver)
      const wrong = await Promise.race([backUpOn(rig, counted, random), pruning.then(() => [])])
      isOver = true
      await pruning
      expect(wrong).toEqual([])
      // Every byte of every snapshot and of every version that is kept beside them.
      const context = rig.context()
      expect((await readWhole(await context.vault())).snapshots.length).toBeGreaterThan(0)
      await context.close()
    }
    swapping.stop()
    await changing.stop()
    await sleep(50)
    expect((await runProgram(['backup', ...QUIET], rig.env)).code).toBe(0)
    const verified = await runProgram(['verify', '--read', 'all', '--json'], rig.env)
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
    expect(verified.lines.at(-1)).toMatchObject({ errors: 0, warnings: 0 })
  } finally {
    swapping.stop()
    await changing.stop()
    await rig.close()
  }
  console.log(JSON.stringify(counted))
  // Otherwise nothing met.
  expect(counted.prunes).toBeGreaterThan(counted.backups)
  expect(Math.min(counted.removed, counted.moved, counted.deleted)).toBeGreaterThan(1)
})
