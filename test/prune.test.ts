import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseRule } from '../src/backup/rules.ts'
import type { Catalog } from '../src/catalog/catalog.ts'
import { openSqliteCatalog } from '../src/catalog/sqlite/catalog.ts'
import { parseSpan } from '../src/lib/span.ts'
import { pinSnapshot } from '../src/maintenance/prune/pins.ts'
import { type PruneDeps, planPrune } from '../src/maintenance/prune/plan.ts'
import { type PruneReport, pruneVault } from '../src/maintenance/prune/prune.ts'
import { prunedSnapshots, readPrunes } from '../src/maintenance/prune/records.ts'
import type { PrunePolicy } from '../src/maintenance/prune/view.ts'
import { encodeHistoryLine } from '../src/model/history.ts'
import { createVault } from '../src/vault/create.ts'
import type { Store } from '../src/vault/store.ts'
import { createMemoryStore } from '../src/vault/stores/memory.ts'
import { openSweeper } from '../src/vault/sweeper.ts'
import { listTrash } from '../src/vault/trash.ts'
import { objectKey, type Vault } from '../src/vault/vault.ts'
import { assetIdOf, CLOUD, entryOf, type State } from './samples/history.ts'
import { digestOf, historyOf, putText, readWhole, takeSnapshot } from './samples/shelf.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.parse('2026-11-01T00:00:00Z')
const never = new AbortController().signal

let clock: number
let store: Store
let vault: Vault
let catalog: Catalog
let folder: string
let ids: number
beforeEach(async () => {
  clock = START
  ids = 0
  store = createMemoryStore(() => clock)
  vault = await createVault(store, { now: new Date(clock), id: 'v', tool: 'cloudkeep test' })
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-prune-'))
  catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'))
})
afterEach(async () => {
  await catalog.close()
  await rm(folder, { recursive: true, force: true })
})

const depsOn = (on: Vault): PruneDeps => ({
  vault: on,
  sweeper: openSweeper(on.store),
  catalog,
  now: () => new Date(clock),
  newId: () => {
    ids += 1
    return `id${ids}`
  },
  tool: 'cloudkeep test',
  onProgress: () => undefined,
})

interface Wanted {
  readonly policy?: Partial<PrunePolicy>
  readonly graceMs?: number
  readonly deps?: PruneDeps
  readonly cloud?: string
}

const prune = async ({ policy, graceMs = DAY, deps = depsOn(vault), cloud }: Wanted = {}): Promise<PruneReport> => {
  const options = {
    policy: { snapshots: { last: 1 }, versions: { rules: [] }, ...policy },
    cloud: cloud ?? null,
    graceMs,
  }
  return await pruneVault(deps, { plan: await planPrune(deps, options, never), options }, never)
}

const [A, B, C] = [assetIdOf(1), assetIdOf(2), assetIdOf(3)]
/** The n-th day's snapshot; the clock stands at its time afterwards. */
const take = async (day: number, ...states: readonly State[]) => {
  clock = START + day * DAY
  return await takeSnapshot(vault, { id: `day${day}`, takenAt: new Date(clock).toISOString() }, states)
}
const trashed = async (): Promise<string[]> => {
  const found: string[] = []
  for await (const { digest } of listTrash(store)) found.push(digest)
  return found.sort()
}
const has = async (text: string): Promise<boolean> => (await vault.statObject(digestOf(text))) !== null

test('what only removed snapshots name goes in two steps, and all that stays is whole', async () => {
  await take(1, { assetId: A, bytes: 'old' }, { assetId: B, bytes: 'same' })
  await take(2, { assetId: A, bytes: 'new' }, { assetId: B, bytes: 'same' })
  clock += 2 * DAY
  const first = await prune()
  expect(first.accounts[0]?.removed.map(({ snapshot }) => snapshot.id)).toEqual(['day1'])
  // The bytes, the segment and the folders of the first day.
  expect(first.swept).toMatchObject({ moved: { objects: 3 }, deleted: { objects: 0 }, kept: { objects: 4 } })
  expect(await has('old')).toBe(false)
  expect(await trashed()).toContain(digestOf('old'))
  expect((await readWhole(vault)).snapshots).toEqual(['day2'])
  clock += DAY
  expect((await prune()).swept).toMatchObject({ moved: { objects: 0 }, waiting: { objects: 3 } })
  clock += 1
  expect((await prune()).swept).toMatchObject({ deleted: { objects: 3 }, waiting: { objects: 0 } })
  expect(await trashed()).toEqual([])
  expect((await readWhole(vault)).snapshots).toEqual(['day2'])
})

test('a prune says beforehand what it does, and planning changes nothing', async () => {
  await take(1, { assetId: A, bytes: 'old' })
  await take(2, { assetId: A, bytes: 'new' })
  clock += 2 * DAY
  const before: string[] = []
  for await (const { key, changedAt } of store.list('')) before.push(`${key} ${changedAt}`)
  const options = { policy: { snapshots: { last: 1 }, versions: { rules: [] } }, cloud: null, graceMs: DAY }
  const plan = await planPrune(depsOn(vault), options, never)
  const after: string[] = []
  for await (const { key, changedAt } of store.list('')) after.push(`${key} ${changedAt}`)
  expect(after).toEqual(before)
  const { swept } = await pruneVault(depsOn(vault), { plan, options }, never)
  expect([swept.moved, swept.kept, swept.young]).toEqual([plan.swept.moved, plan.swept.kept, plan.swept.young])
})

test('what was planned and is pinned, or newest, by the time the plan is applied stays', async () => {
  await take(1, { assetId: A, bytes: '1' })
  await take(2, { assetId: A, bytes: '2' })
  await take(3, { assetId: A, bytes: '3' })
  const options = { policy: { snapshots: { last: 1 }, versions: { rules: [] } }, cloud: null, graceMs: 0 }
  const plan = await planPrune(depsOn(vault), options, never)
  const pin = {
    format: 1,
    snapshot: 'day1',
    cloud: CLOUD,
    at: new Date(clock).toISOString(),
    reason: '',
    tool: '',
  } as const
  await pinSnapshot({ vault, sweeper: openSweeper(store) }, pin)
  await take(4, { assetId: A, bytes: '4' })
  await pruneVault(depsOn(vault), { plan, options }, never)
  // Day 3 was to stay when the plan was shown.
  expect((await readWhole(vault)).snapshots).toEqual(['day1', 'day3', 'day4'])
})

test('objects that are young stay, whoever put them', async () => {
  await take(1, { assetId: A })
  clock += 5 * DAY
  await putText(vault, 'a run is about to name this')
  clock += DAY - 1
  expect((await prune()).swept).toMatchObject({ young: { objects: 1 }, moved: { objects: 0 } })
  await putText(vault, 'a run is about to name this')
  clock += DAY - 1
  expect((await prune()).swept).toMatchObject({ young: { objects: 1 }, moved: { objects: 0 } })
  clock += 2
  expect((await prune()).swept).toMatchObject({ young: { objects: 0 }, moved: { objects: 1 } })
})

test('a snapshot that appears while objects are being moved gets back what it names', async () => {
  await take(1, { assetId: A, bytes: 'comes back' })
  await take(2, { assetId: A, bytes: 'other' })
  clock += DAY
  const deps = depsOn(vault)
  let isLate = false
  const sweeper = {
    ...deps.sweeper,
    trashObject: async (digest: string) => {
      await deps.sweeper.trashObject(digest)
      if (digest !== digestOf('comes back')) return
      // As a run in another process whose check was just before: nothing is put, the head names what is in the trash.
      const { object, size } = await vault.putLines([JSON.stringify(entryOf({ assetId: A, bytes: 'comes back' }))])
      const { snapshot } = await vault.readSnapshot((await vault.snapshotKeys(CLOUD)).at(-1) ?? '')
      const segments = [{ prefix: '', object, size, entries: 1, contentBytes: 10 }]
      await vault.writeSnapshot({ ...snapshot, id: 'late', takenAt: new Date(clock).toISOString(), segments })
      isLate = true
    },
  }
  const { swept } = await prune({ graceMs: 0, deps: { ...deps, sweeper } })
  expect(isLate).toBe(true)
  expect(swept.returned).toMatchObject({ objects: 1 })
  expect((await readWhole(vault)).snapshots).toEqual(['day2', 'late'])
})

test('what a run that never finished has transferred is not taken, or is given back', async () => {
  await take(1, { assetId: A })
  const [before, during] = [await putText(vault, 'before'), await putText(vault, 'during')]
  clock += DAY
  const run = { id: 'r', cloud: 'another', command: 'backup', startedAt: new Date(clock).toISOString() }
  const step = { kind: 'fetch', state: 'queued', why: 'new', listHash: 'h', listRaw: '{}' } as const
  const hashed = (assetId: string, object: string) =>
    catalog.write((tx) => tx.markHashed('r', { assetId, object, size: 6, md5: '', proof: 'md5' }))
  await catalog.write(async (tx) => {
    await tx.beginRun(run)
    await tx.saveSteps('r', [
      { ...step, assetId: B },
      { ...step, assetId: C },
    ])
  })
  await hashed(B, before)
  await catalog.write((tx) => tx.forgetScan('r'))
  const deps = depsOn(vault)
  const sweeper = {
    ...deps.sweeper,
    trashObject: async (digest: string) => {
      await deps.sweeper.trashObject(digest)
      if (digest !== during) return
      await catalog.write((tx) => tx.saveSteps('r', [{ ...step, assetId: C }]))
      await hashed(C, during)
    },
  }
  await prune({ graceMs: 0, deps: { ...deps, sweeper } })
  expect(await trashed()).toEqual([])
  expect([await has('before'), await has('during')]).toEqual([true, true])
  const end = {
    status: 'failed',
    finishedAt: 'now',
    snapshotId: null,
    totals: null,
    apiCalls: 0,
    message: null,
  } as const
  await catalog.write((tx) => tx.finishRun('r', end))
  clock += 1
  await prune({ graceMs: 0 })
  expect(await trashed()).toEqual([before, during].sort())
})

test('what a run put or found since it began is young, whatever the grace, until the run has ended or is a week old', async () => {
  await take(1, { assetId: A })
  const begin = (id: string) =>
    catalog.write((tx) =>
      tx.beginRun({ id, cloud: CLOUD, command: 'backup', startedAt: new Date(clock).toISOString() }),
    )
  const end = {
    status: 'failed',
    finishedAt: 'now',
    snapshotId: null,
    totals: null,
    apiCalls: 0,
    message: null,
  } as const
  await putText(vault, 'older, and found again')
  await putText(vault, 'older')
  clock += DAY
  await begin('r')
  clock += 1
  await putText(vault, 'new')
  await putText(vault, 'older, and found again')
  clock += DAY
  expect((await prune({ graceMs: 0 })).swept).toMatchObject({ moved: { objects: 1 }, young: { objects: 2 } })
  expect(await trashed()).toEqual([digestOf('older')])
  // Moved since the run began: it may have looked before.
  clock += DAY
  expect((await prune({ graceMs: 0 })).swept).toMatchObject({ deleted: { objects: 0 }, waiting: { objects: 1 } })
  await catalog.write((tx) => tx.finishRun('r', end))
  expect((await prune({ graceMs: 0 })).swept).toMatchObject({ moved: { objects: 2 }, deleted: { objects: 1 } })
  await begin('forgotten')
  await putText(vault, 'of a run that never goes on')
  clock += 7 * DAY - 1
  expect((await prune({ graceMs: 0 })).swept.young.objects).toBe(1)
  clock += 2
  expect((await prune({ graceMs: 0 })).swept.moved.objects).toBe(1)
})

test('an object that lies in the trash and is needed comes back, and one too many goes', async () => {
  const { snapshot } = await take(1, { assetId: A, bytes: 'needed' }, { assetId: B, bytes: 'twice' })
  const sweeper = openSweeper(store)
  for (const digest of [digestOf('needed'), snapshot.segments[0]?.object ?? '', digestOf('twice')])
    await sweeper.trashObject(digest)
  await putText(vault, 'twice')
  clock += 2 * DAY
  const deps = depsOn(vault)
  const options = { policy: { snapshots: { last: 1 }, versions: { rules: [] } }, cloud: null, graceMs: DAY }
  const { swept } = await pruneVault(deps, { plan: { now: clock, accounts: [] }, options }, never)
  expect(swept).toMatchObject({ returned: { objects: 1 }, deleted: { objects: 1 } })
  expect(await trashed()).toEqual([])
  expect((await readWhole(vault)).snapshots).toEqual(['day1'])
})

test('an account that has nothing but imported history keeps what that names', async () => {
  await take(1, { assetId: A })
  const object = await putText(vault, 'imported')
  const entry = { ...entryOf({ assetId: B, bytes: 'imported' }) }
  const line = { entry, since: null, until: null, reason: 'import', keepUntil: null, versionId: null }
  const packed = await vault.putLines([encodeHistoryLine(line)])
  const at = new Date(clock).toISOString()
  const head = { format: 1, id: 'h', cloud: 'quiet', writtenAt: at, origin: 'import', entries: 1, contentBytes: 8 }
  const value = { ...head, lines: packed.object, size: packed.size, tool: 't' }
  await vault.writeRecord({ kind: 'history', cloud: 'quiet' }, { id: 'h', at, value })
  clock += 5 * DAY
  for (let i = 0; i < 3; i += 1) {
    clock += 2 * DAY
    expect((await prune({ cloud: CLOUD })).swept.moved.objects).toBe(0)
  }
  expect(await vault.statObject(object)).not.toBeNull()
})

test('of what cannot be read nobody knows what it needs: nothing is removed', async () => {
  await take(1, { assetId: A, bytes: '1' })
  const { snapshot } = await take(2, { assetId: A, bytes: '2' })
  const segment = snapshot.segments[0]?.object ?? ''
  clock += 2 * DAY
  const whole = await store.get(objectKey(segment))
  const pieces: Uint8Array[] = []
  for await (const piece of whole) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  for (const harm of ['flip', 'delete'] as const) {
    const bad = Buffer.from(bytes)
    bad[bad.length - 6] = (bad[bad.length - 6] ?? 0) ^ 1
    if (harm === 'delete') await store.delete(objectKey(segment))
    else
      await store.put(objectKey(segment), {
        size: bad.length,
        open: async function* () {
          yield bad
        },
      })
    clock += 2 * DAY
    const deps = depsOn(vault)
    const options = { policy: { snapshots: { last: 1 }, versions: { rules: [] } }, cloud: null, graceMs: DAY }
    await expect(planPrune(deps, options, never)).rejects.toMatchObject({ hint: expect.stringContaining('verify') })
    const plan = { now: clock, accounts: [] }
    await expect(pruneVault(deps, { plan, options }, never)).rejects.toMatchObject({
      hint: expect.stringContaining('nothing was deleted'),
    })
    expect(await vault.snapshotKeys(CLOUD)).toHaveLength(2)
    expect(await trashed()).toEqual([])
  }
})

test('what was taken is on record, and why', async () => {
  await take(1, { assetId: A, bytes: '1' })
  await take(2, { assetId: A, bytes: '2' })
  await prune({ policy: { snapshots: { last: 1 }, versions: { keepGone: parseSpan('1y'), rules: [] } } })
  expect(await readPrunes(vault, CLOUD)).toMatchObject([
    { policy: ['last 1', 'gone 1y'], snapshots: [{ id: 'day1', complete: true, reason: 'no rule keeps it' }] },
  ])
  expect(await prunedSnapshots(vault, CLOUD)).toEqual(new Set(['day1']))
  expect(await catalog.read((tx) => tx.snapshots(CLOUD))).toHaveLength(1)
})

test('the last version of a gone asset outlives its snapshots, and no longer than it was promised', async () => {
  await take(1, { assetId: A, bytes: 'stays' }, { assetId: B, bytes: 'gone 1' }, { assetId: C, bytes: 'replaced' })
  await take(2, { assetId: A, bytes: 'stays' }, { assetId: B, bytes: 'gone 2' }, { assetId: C, bytes: 'present' })
  await take(3, { assetId: A, bytes: 'stays' }, { assetId: C, bytes: 'present' })
  await take(4, { assetId: A, bytes: 'stays' }, { assetId: C, bytes: 'present' })
  const versions = { keepGone: parseSpan('90d'), rules: [] }
  clock += 2 * DAY
  await prune({ policy: { versions } })
  expect(await historyOf(vault)).toMatchObject([
    {
      entry: { assetId: B, object: digestOf('gone 2') },
      until: new Date(START + 3 * DAY).toISOString(),
      keepUntil: new Date(START + 93 * DAY).toISOString(),
      reason: 'the last version of a gone asset: 90d',
    },
  ])
  // Without the rule the promise still holds, and the same lines are not written again.
  const keys = await vault.recordKeys({ kind: 'history', cloud: CLOUD })
  clock = START + 93 * DAY - 1
  await prune()
  expect(await vault.recordKeys({ kind: 'history', cloud: CLOUD })).toEqual(keys)
  expect(await has('gone 2')).toBe(true)
  expect([await has('gone 1'), await has('replaced')]).toEqual([false, false])
  await readWhole(vault)
  clock += 1
  await prune()
  expect(await vault.recordKeys({ kind: 'history', cloud: CLOUD })).toEqual([])
  expect(await has('gone 2')).toBe(false)
  expect((await readWhole(vault)).snapshots).toEqual(['day4'])
})

test('what a rule names is kept longer, version by version, and what comes back needs no line', async () => {
  const contract = { assetId: A, folder: 'contracts' }
  await take(1, { ...contract, bytes: 'a1' }, { assetId: B, bytes: 'b1' })
  await take(2, { ...contract, bytes: 'a2' }, { assetId: B, bytes: 'b2' })
  await take(3, { ...contract, bytes: 'a3' }, { assetId: B, bytes: 'b3' })
  const versions = { rules: [{ match: parseRule('folder:contracts'), keepWithin: parseSpan('1y') }] }
  await prune({ policy: { versions } })
  expect((await historyOf(vault)).map(({ entry, until }) => [entry.object, until?.slice(0, 10)])).toEqual([
    [digestOf('a1'), '2026-11-03'],
    [digestOf('a2'), '2026-11-04'],
  ])
  await take(4, { ...contract, bytes: 'a1' })
  await prune({ policy: { versions } })
  expect((await historyOf(vault)).map(({ entry }) => entry.object)).toEqual([digestOf('a2'), digestOf('a3')])
  clock += 2 * DAY
  await prune({ policy: { versions } })
  expect([await has('a1'), await has('a2'), await has('a3'), await has('b1')]).toEqual([true, true, true, false])
})

test('a purged version is not written down', async () => {
  await take(1, { assetId: A, bytes: 'secret' }, { assetId: B })
  await take(2, { assetId: B })
  const at = new Date(clock).toISOString()
  const version = { assetId: A, version: entryOf({ assetId: A, bytes: 'secret' }).version, publicId: 'x' }
  const versions = [{ ...version, object: digestOf('secret'), objectRemoved: true }]
  const purge = { format: 1, id: 'p', cloud: CLOUD, at, reason: '', tool: '', alsoAtCloudinary: false, versions }
  await vault.writeRecord({ kind: 'purges', cloud: CLOUD }, { id: 'p', at, value: purge })
  await store.delete(objectKey(digestOf('secret')))
  await prune({ policy: { versions: { keepGone: parseSpan('forever'), rules: [] } } })
  expect(await historyOf(vault)).toEqual([])
})
