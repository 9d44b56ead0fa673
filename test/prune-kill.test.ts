import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRule } from '../src/backup/rules.ts'
import { openSqliteCatalog } from '../src/catalog/sqlite/catalog.ts'
import { parseSpan } from '../src/lib/span.ts'
import { type PruneDeps, planPrune } from '../src/maintenance/prune/plan.ts'
import { pruneVault } from '../src/maintenance/prune/prune.ts'
import type { PrunePolicy } from '../src/maintenance/prune/view.ts'
import type { HistoryLine } from '../src/model/history.ts'
import { createVault } from '../src/vault/create.ts'
import { openVault } from '../src/vault/open.ts'
import type { Store } from '../src/vault/store.ts'
import { createMemoryStore } from '../src/vault/stores/memory.ts'
import { openSweeper } from '../src/vault/sweeper.ts'
import { objectKey, type Vault } from '../src/vault/vault.ts'
import { assetIdOf, CLOUD, entryOf, type State } from './samples/history.ts'
import { digestOf, historyOf, putText, readWhole, takeSnapshot } from './samples/shelf.ts'

const DAY = 24 * 3_600_000
const START = Date.parse('2026-11-01T00:00:00Z')
const never = new AbortController().signal

interface World {
  readonly store: Store
  readonly vault: Vault
  readonly clock: { at: number }
  prune(on: Store, policy: PrunePolicy, graceMs: number): Promise<void>
}

/** A vault and a catalog of its own, for as long as `work` lasts. */
async function inWorld(work: (world: World) => Promise<void>): Promise<void> {
  const clock = { at: START }
  const store = createMemoryStore(() => clock.at)
  const vault = await createVault(store, { now: new Date(clock.at), id: 'v', tool: 'test' })
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-prune-'))
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'))
  let ids = 0
  const newId = (): string => {
    ids += 1
    return `id${ids}`
  }
  try {
    await work({
      store,
      vault,
      clock,
      prune: async (on, policy, graceMs) => {
        const made = await openVault(on)
        const now = () => new Date(clock.at)
        const fixed = { vault: made, sweeper: openSweeper(on), catalog, now, newId, tool: 'test' }
        const deps: PruneDeps = { ...fixed, onProgress: () => undefined }
        const options = { policy, cloud: null, graceMs }
        await pruneVault(deps, { plan: await planPrune(deps, options, never), options }, never)
      },
    })
  } finally {
    await catalog.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A store whose process dies at its n-th change: before it, or after it and before anybody hears of it. */
function dying(store: Store, at: number, when: 'before' | 'after'): { readonly store: Store; died: boolean } {
  let left = at
  const state = { died: false }
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state.died) throw new Error('dead')
    left -= 1
    if (left > 0) return work()
    if (when === 'after') await work()
    state.died = true
    throw new Error('killed')
  }
  const { touch, move } = store
  return Object.assign(state, {
    store: {
      ...store,
      put: (...given: Parameters<Store['put']>) => change(() => store.put(...given)),
      delete: (...given: Parameters<Store['delete']>) => change(() => store.delete(...given)),
      ...(touch && { touch: (...given: Parameters<typeof touch>) => change(() => touch(...given)) }),
      ...(move && { move: (...given: Parameters<typeof move>) => change(() => move(...given)) }),
      // The dead read nothing either.
      stat: async (...given: Parameters<Store['stat']>) => {
        if (state.died) throw new Error('dead')
        return store.stat(...given)
      },
    } satisfies Store,
  })
}

const allKeys = async (store: Store, prefix: string): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys.sort()
}

const [A, B, C, D] = [assetIdOf(1), assetIdOf(2), assetIdOf(3), assetIdOf(4)]
const POLICY: PrunePolicy = {
  snapshots: { last: 2 },
  versions: {
    keepGone: parseSpan('30d'),
    rules: [{ match: parseRule('folder:contracts'), keepWithin: parseSpan('1y') }],
  },
}

/** Snapshots to take away, lines of an earlier prune, something old in the trash, and something needed there too. */
async function prepare({ store, vault, clock, prune }: World): Promise<void> {
  const contract = { assetId: C, folder: 'contracts' }
  const days: State[][] = [
    [
      { assetId: A, bytes: 'a1' },
      { assetId: B, bytes: 'gone early' },
      { ...contract, bytes: 'c1' },
    ],
    [
      { assetId: A, bytes: 'a2' },
      { ...contract, bytes: 'c2' },
    ],
    [
      { assetId: A, bytes: 'a3' },
      { assetId: D, bytes: 'gone late' },
      { ...contract, bytes: 'c2' },
    ],
    [
      { assetId: A, bytes: 'a3' },
      { ...contract, bytes: 'c3' },
    ],
    [
      { assetId: A, bytes: 'a4' },
      { ...contract, bytes: 'c3' },
    ],
    [
      { assetId: A, bytes: 'a5' },
      { ...contract, bytes: 'c3' },
    ],
  ]
  for (const [i, states] of days.entries()) {
    clock.at = START + i * DAY
    const takenAt = new Date(clock.at).toISOString()
    await takeSnapshot(vault, { id: `day${i}`, takenAt, prefixLength: i < 3 ? 0 : 1 }, states)
    if (i === 3) await prune(store, POLICY, DAY)
  }
  await putText(vault, 'garbage')
  clock.at += DAY
  await openSweeper(store).trashObject(digestOf('a5'))
  clock.at += 3 * DAY
}

const linesIn = async (vault: Vault): Promise<string[]> =>
  (await historyOf(vault)).map((line: HistoryLine) => `${line.entry.object} ${line.keepUntil} ${line.reason}`)

test('killed at any step, a prune that is run again leaves what one leaves that was never killed', async () => {
  let expected: readonly [lines: string[], objects: string[]] = [[], []]
  const finish = async ({ store, vault, clock, prune }: World): Promise<readonly [string[], string[]]> => {
    await prune(store, POLICY, DAY)
    const { snapshots } = await readWhole(vault)
    expect(snapshots).toEqual(['day4', 'day5'])
    clock.at += 2 * DAY
    await prune(store, POLICY, DAY)
    await readWhole(vault)
    expect(await allKeys(store, 'trash/')).toEqual([])
    return [await linesIn(vault), await allKeys(store, 'objects/')]
  }
  await inWorld(async (world) => {
    await prepare(world)
    expected = await finish(world)
    expect(expected[0]).toHaveLength(4)
  })
  let steps = 0
  for (const when of ['before', 'after'] as const) {
    for (let n = 1; ; n += 1) {
      let isOver = false
      await inWorld(async (world) => {
        await prepare(world)
        const mortal = dying(world.store, n, when)
        await world.prune(mortal.store, POLICY, DAY).catch((error: unknown) => {
          if (!mortal.died) throw error
        })
        isOver = !mortal.died
        if (isOver) return
        steps += 1
        world.clock.at += 1
        expect(await finish(world), `killed ${when} change ${n}`).toEqual(expected)
      })
      if (isOver) break
    }
  }
  expect(steps).toBeGreaterThan(30)
})

const IDS = Array.from({ length: 6 }, (_, n) => assetIdOf(n))
const histories = fc.array(
  fc.tuple(
    ...IDS.map((assetId) =>
      fc.option(fc.record({ assetId: fc.constant(assetId), bytes: fc.constantFrom('1', '2', '3', null) }), {
        freq: 3,
      }),
    ),
  ),
  { minLength: 1, maxLength: 7 },
)
const few = fc.integer({ min: 0, max: 3 })
const ofTwo = <T>(one: T, other: T) => fc.constantFrom(one, other)

test('of any history and any policy, what snapshots and kept versions name is whole, and the rest goes', async () => {
  const policies = fc.record({
    snapshots: fc.record({ last: few, daily: few }),
    gone: ofTwo<boolean>(true, false),
    all: ofTwo<boolean>(true, false),
  })
  const round = fc.record({ policy: policies, pruned: fc.boolean(), prefixLength: fc.integer({ min: 0, max: 2 }) })
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.array(round, { minLength: 7, maxLength: 7 }),
      fc.boolean(),
      async (days, rounds, far) => {
        await inWorld(async ({ store, vault, clock, prune }) => {
          const versions = new Map<string, string>()
          let last: PrunePolicy | null = null
          let wasAlways = { gone: true, all: true }
          for (const [i, states] of days.entries()) {
            const { policy, pruned, prefixLength } = rounds[i] ?? { policy: null, pruned: false, prefixLength: 0 }
            clock.at = START + i * (far ? DAY : DAY / 2)
            const present = states.filter((state) => state !== null)
            for (const state of present) versions.set(`${state.assetId} ${entryOf(state).version}`, state.assetId)
            await takeSnapshot(vault, { id: `s${i}`, takenAt: new Date(clock.at).toISOString(), prefixLength }, present)
            if (!pruned || policy === null) continue
            const forever = parseSpan('forever')
            last = {
              snapshots: policy.snapshots,
              versions: {
                ...(policy.gone && { keepGone: forever }),
                rules: policy.all ? [{ match: parseRule('**'), keepWithin: forever }] : [],
              },
            }
            wasAlways = { gone: wasAlways.gone && (policy.gone || policy.all), all: wasAlways.all && policy.all }
            clock.at += 1
            await prune(store, last, 0)
            await readWhole(vault)
          }
          const { snapshots, objects } = await readWhole(vault)
          expect(snapshots.at(-1)).toBe(`s${days.length - 1}`)
          await checkVersions(vault, { versions, days, wasAlways })
          // Nothing is left that nobody names, and nothing is there twice.
          clock.at += 1
          const keepAll: PrunePolicy = { snapshots: {}, versions: { rules: [] } }
          await prune(store, keepAll, 0)
          clock.at += 1
          await prune(store, keepAll, 0)
          const records = new Set<string>()
          for (const key of await vault.recordKeys({ kind: 'history', cloud: CLOUD })) {
            const value = (await vault.readRecord(key)) as { lines: string }
            records.add(value.lines)
          }
          const named = [...objects, ...records].map(objectKey).sort()
          expect(await allKeys(store, 'objects/')).toEqual(named)
          expect(await allKeys(store, 'trash/')).toEqual([])
        })
      },
    ),
    { numRuns: 12 },
  )
})

/** Where a rule was in force at every prune, each version that it speaks of is still there. */
async function checkVersions(
  vault: Vault,
  at: {
    readonly versions: ReadonlyMap<string, string>
    readonly days: readonly (readonly (State | null)[])[]
    readonly wasAlways: { readonly gone: boolean; readonly all: boolean }
  },
): Promise<void> {
  const there = new Set<string>()
  for (const key of await vault.snapshotKeys(CLOUD)) {
    for (const ref of (await vault.readSnapshot(key)).snapshot.segments) {
      for await (const entry of vault.readSegment(ref.object)) there.add(`${entry.assetId} ${entry.version}`)
    }
  }
  const lines = (await historyOf(vault)).map(({ entry }) => `${entry.assetId} ${entry.version}`)
  expect(new Set(lines).size).toBe(lines.length)
  for (const line of lines) there.add(line)
  if (at.wasAlways.all) expect([...at.versions.keys()].filter((key) => !there.has(key))).toEqual([])
  if (!at.wasAlways.gone) return
  for (const assetId of IDS) {
    const last = at.days.flatMap((states) => states.filter((state) => state?.assetId === assetId)).at(-1)
    if (last != null) expect(there).toContain(`${assetId} ${entryOf(last).version}`)
  }
}
