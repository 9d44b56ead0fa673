import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { histories, IDS, replay } from '../../test/contracts/catalog-laws.ts'
import {
  assetIdOf,
  CLOUD,
  collect,
  each,
  entryOf,
  lineOf,
  purgeOf,
  type State,
  storedSnapshot,
} from '../../test/samples/history.ts'
import { type Entry, encodeEntry } from '../model/entry.ts'
import { AppError } from '../model/errors.ts'
import { encodeHistoryLine, type HistoryLine } from '../model/history.ts'
import type { Failure, SegmentRef, Snapshot, StoredSnapshot } from '../model/snapshot.ts'
import { createVault } from '../vault/create.ts'
import { createMemoryStore } from '../vault/stores/memory.ts'
import { objectKey, type Vault } from '../vault/vault.ts'
import type { Catalog } from './catalog.ts'
import { openSqliteCatalog } from './sqlite/catalog.ts'
import { type SyncReport, syncCatalog, type VaultSource } from './sync.ts'

const signal = new AbortController().signal
const undo: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action()
})

const newVault = (): Promise<Vault> =>
  createVault(createMemoryStore(), { now: new Date(0), id: 'vault', tool: 'cloudkeep test' })

async function newCatalog(): Promise<Catalog> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-sync-'))
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'))
  undo.push(async () => {
    await catalog.close()
    await rm(folder, { recursive: true })
  })
  return catalog
}

/** Counts what is read of a vault, and breaks what a test wants broken. */
function watched(vault: Vault): VaultSource & { readonly read: string[]; broken: (digest: string) => AppError | null } {
  const source = {
    read: [] as string[],
    broken: (_: string): AppError | null => null,
    clouds: () => vault.clouds(),
    snapshotKeys: (cloud: string) => vault.snapshotKeys(cloud),
    recordKeys: (place: { kind: 'history' | 'purges'; cloud: string }) => vault.recordKeys(place),
    readRecord: async (key: string) => {
      source.read.push(key)
      const error = source.broken(key)
      if (error !== null) throw error
      return await vault.readRecord(key)
    },
    readSnapshot: async (key: string) => {
      source.read.push(key)
      const error = source.broken(key)
      if (error !== null) throw error
      return await vault.readSnapshot(key)
    },
    async *readLines(digest: string) {
      source.read.push(digest)
      const error = source.broken(digest)
      let given = 0
      for await (const line of vault.readLines(digest)) {
        // Damage shows in the middle at the earliest, and often at the very end only.
        if (error !== null && given === 1) throw error
        given += 1
        yield line
      }
      if (error !== null) throw error
    },
  }
  return source
}

const damaged = (digest: string): AppError => new AppError('OBJECT_CORRUPT', `object ${digest} is damaged`)

/** Writes an account's state as the n-th snapshot, split by so many characters. */
async function write(
  vault: Vault,
  n: number,
  entries: Iterable<Entry>,
  more: Partial<Snapshot> = {},
): Promise<StoredSnapshot> {
  const prefixLength = more.prefixLength ?? 1
  const sorted = [...entries].sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
  const segments: SegmentRef[] = []
  for (const prefix of new Set(sorted.map((entry) => entry.assetId.slice(0, prefixLength)))) {
    const inside = sorted.filter((entry) => entry.assetId.startsWith(prefix))
    const { object, size, lines } = await vault.putLines(inside.map(encodeEntry))
    const contentBytes = inside.reduce((sum, entry) => sum + (entry.size ?? 0), 0)
    segments.push({ prefix, object, size, entries: lines, contentBytes })
  }
  const parent = n === 1 ? null : `snapshot${n - 1}`
  const { snapshot } = storedSnapshot(n, { segments, assets: sorted.length, parent, ...more, prefixLength })
  return await vault.writeSnapshot(snapshot)
}

const states = (...list: readonly State[]): Entry[] => list.map(entryOf)

/** Everything a catalog knows of the account, to be compared with another one. */
async function dump(catalog: Catalog, ids: readonly string[] = IDS): Promise<unknown> {
  return await catalog.read(async (tx) => {
    const snapshots = await tx.snapshots(CLOUD)
    const versions = await Promise.all(ids.map((id) => tx.versionsOf(CLOUD, id)))
    const rest = [await tx.changeCounts(CLOUD), await tx.knownPartitions(CLOUD), await tx.currentCount(CLOUD)]
    return {
      snapshots,
      versions,
      rest,
      failures: await Promise.all(snapshots.map((row) => tx.failures(row.snapshot.id))),
    }
  })
}

const sync = (catalog: Catalog, vault: VaultSource): Promise<SyncReport> => syncCatalog(catalog, vault, signal)

async function expectRebuiltAlike(catalog: Catalog, vault: VaultSource, ids: readonly string[] = IDS): Promise<void> {
  const fresh = await newCatalog()
  await sync(fresh, vault)
  expect(await dump(catalog, ids)).toEqual(await dump(fresh, ids))
}

test('a catalog that followed every snapshot equals one rebuilt from the vault, however segments are split', async () => {
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.infiniteStream(fc.nat(3)),
      fc.infiniteStream(fc.boolean()),
      async (history, lengths, syncs) => {
        const [vault, catalog, viaChanges] = [await newVault(), await newCatalog(), await newCatalog()]
        for (const [i, state] of replay(history).slice(1).entries()) {
          const stored = await write(vault, i + 1, state.values(), { prefixLength: lengths.next().value })
          await viaChanges.write((tx) => tx.addSnapshot(stored, each(history[i] ?? [])))
          if (syncs.next().value) await sync(catalog, vault)
        }
        await sync(catalog, vault)
        expect(await dump(catalog)).toEqual(await dump(viaChanges))
        await expectRebuiltAlike(catalog, vault)
        for (const action of undo.splice(0).reverse()) await action()
      },
    ),
    { numRuns: 15 },
  )
})

test('nothing new costs one listing, and one change costs its two segments', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const all = Array.from({ length: 200 }, (_, n) => ({ assetId: assetIdOf(n) }))
  await write(vault, 1, states(...all))
  const source = watched(vault)
  expect(await sync(catalog, source)).toEqual({ added: 1, rebuilt: [], damage: [] })
  source.read.length = 0
  expect(await sync(catalog, source)).toEqual({ added: 0, rebuilt: [], damage: [] })
  expect(source.read).toEqual([])
  const second = await write(vault, 2, states({ assetId: assetIdOf(0), bytes: 'new' }, ...all.slice(1)))
  await sync(catalog, source)
  expect(source.read).toHaveLength(3)
  expect(source.read[0]).toBe(second.key)
  expect(await catalog.read((tx) => tx.changeCounts(CLOUD))).toEqual([
    { seq: 2, change: 'replaced', count: 1 },
    { seq: 1, change: 'new', count: 200 },
  ])
})

test('what the vault no longer has leaves the catalog, snapshots and whole accounts', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const [a, b] = [assetIdOf(1), assetIdOf(2)]
  await write(vault, 1, states({ assetId: a }))
  const middle = await write(vault, 2, states({ assetId: a, bytes: 'x' }, { assetId: b }))
  const last = await write(vault, 3, states({ assetId: b }))
  const other = await write(vault, 4, states({ assetId: a }), { cloud: 'other', parent: null })
  await sync(catalog, vault)
  await vault.store.delete(middle.key)
  await vault.store.delete(other.key)
  const source = watched(vault)
  expect(await sync(catalog, source)).toEqual({ added: 0, rebuilt: [], damage: [] })
  expect(source.read).toEqual([])
  expect(await catalog.read((tx) => tx.clouds())).toEqual([CLOUD])
  // The numbers of those that stay do not change: a run under way may hold them.
  expect((await catalog.read((tx) => tx.snapshots(CLOUD))).map((row) => row.seq)).toEqual([1, 3])
  expect((await catalog.read((tx) => tx.lastSnapshot(CLOUD)))?.key).toBe(last.key)
  expect((await catalog.read((tx) => tx.versionsOf(CLOUD, a))).map((row) => [row.fromSeq, row.untilSeq])).toEqual([
    [1, 3],
  ])
  await vault.store.delete(last.key)
  expect(await sync(catalog, vault)).toMatchObject({ added: 1, rebuilt: [CLOUD] })
  await expectRebuiltAlike(catalog, vault, [a, b])
})

test('a damaged snapshot that is taken out is not told of any more', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const first = await write(vault, 1, states({ assetId: assetIdOf(1) }))
  const source = watched(vault)
  const lost = first.snapshot.segments[0]?.object
  source.broken = (digest) => (digest === lost ? damaged(digest) : null)
  await write(vault, 2, states({ assetId: assetIdOf(1), bytes: 'x' }))
  expect((await sync(catalog, source)).damage).toHaveLength(1)
  await vault.store.delete(first.key)
  expect(await sync(catalog, source)).toEqual({ added: 0, rebuilt: [], damage: [] })
})

test('a snapshot that comes between others is put in its place', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const a = assetIdOf(1)
  await write(vault, 1, states({ assetId: a }))
  await write(vault, 3, states({ assetId: a, bytes: '3' }))
  await sync(catalog, vault)
  await write(vault, 2, states({ assetId: a, bytes: '2' }))
  expect(await sync(catalog, vault)).toMatchObject({ added: 3, rebuilt: [CLOUD] })
  const versions = await catalog.read((tx) => tx.versionsOf(CLOUD, a))
  expect(versions.map((row) => row.fromSeq)).toEqual([1, 2, 3])
  await expectRebuiltAlike(catalog, vault, [a])
})

test('snapshots of one second, and of one moment, keep the order in which they were taken', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const a = assetIdOf(1)
  const at = (ms: string, id: string, parent: string | null) => ({ takenAt: `2026-01-01T00:00:00.${ms}Z`, id, parent })
  await write(vault, 1, states({ assetId: a, bytes: '1' }), at('100', 'zz', null))
  await sync(catalog, vault)
  await write(vault, 2, states({ assetId: a, bytes: '2' }), at('200', 'yy', 'zz'))
  await sync(catalog, vault)
  await write(vault, 3, states({ assetId: a, bytes: '3' }), at('200', 'xx', 'yy'))
  expect(await sync(catalog, vault)).toMatchObject({ added: 1, rebuilt: [] })
  expect((await catalog.read((tx) => tx.snapshots(CLOUD))).map((row) => row.snapshot.id)).toEqual(['zz', 'yy', 'xx'])
  await expectRebuiltAlike(catalog, vault, [a])
})

test('failures come from the vault too', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const failure: Failure = {
    assetId: assetIdOf(1),
    publicId: 'p',
    resourceType: 'image',
    type: 'upload',
    code: 'C',
    reason: 'r',
  }
  const { object } = await vault.putLines([JSON.stringify(failure)])
  await write(vault, 1, [], { failures: object })
  await sync(catalog, vault)
  expect(await catalog.read((tx) => tx.failures('snapshot1'))).toEqual([failure])
})

test('a sync that is stopped goes on where it was', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  for (const n of [1, 2, 3]) await write(vault, n, states({ assetId: assetIdOf(1), bytes: `${n}` }))
  const stop = new AbortController()
  const stopped = syncCatalog(catalog, vault, stop.signal, ({ done, total }) => {
    expect(total).toBe(3)
    if (done === 1) stop.abort()
  })
  await expect(stopped).rejects.toThrow()
  expect(await sync(catalog, vault)).toEqual({ added: 2, rebuilt: [], damage: [] })
  await expectRebuiltAlike(catalog, vault, [assetIdOf(1)])
})

test('an error that may pass is thrown and leaves no half of a snapshot', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  await write(vault, 1, states({ assetId: assetIdOf(1) }, { assetId: assetIdOf(2) }))
  const source = watched(vault)
  source.broken = (name) =>
    name.startsWith('accounts/') ? null : new AppError('STORE_UNAVAILABLE', 'later', { permanent: false })
  await expect(sync(catalog, source)).rejects.toThrow('later')
  expect(await catalog.read((tx) => tx.clouds())).toEqual([])
})

test('a damaged segment costs its own assets only, and is reported', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const all = Array.from({ length: 60 }, (_, n) => ({ assetId: assetIdOf(n) }))
  const { key, snapshot } = await write(vault, 1, states(...all))
  const bad = snapshot.segments.find((segment) => segment.entries > 1)
  const source = watched(vault)
  source.broken = (digest) => (digest === bad?.object ? damaged(digest) : null)
  const { damage } = await sync(catalog, source)
  expect(damage).toMatchObject([{ key, object: bad?.object }])
  expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(60 - (bad?.entries ?? 0))
})

test('what was damaged is reported until it is repaired, and then taken in', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const all = Array.from({ length: 40 }, (_, n) => ({ assetId: assetIdOf(n) }))
  const { snapshot } = await write(vault, 1, states(...all))
  const source = watched(vault)
  source.broken = (digest) => (digest === snapshot.segments[0]?.object ? damaged(digest) : null)
  await sync(catalog, source)
  expect(await sync(catalog, source)).toMatchObject({ added: 0, rebuilt: [], damage: [{}] })
  source.broken = () => null
  expect(await sync(catalog, source)).toMatchObject({ added: 1, rebuilt: [CLOUD], damage: [] })
  expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(40)
  expect(await sync(catalog, source)).toMatchObject({ added: 0, rebuilt: [], damage: [] })
})

test('after a damaged segment the next good one is taken whole', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const ids = Array.from({ length: 300 }, (_, n) => assetIdOf(n))
    .filter((id) => id.startsWith('a'))
    .sort()
  const [a = '', b = '', c = ''] = ids
  await write(vault, 1, states({ assetId: a }, { assetId: b }))
  const second = await write(vault, 2, states({ assetId: a }, { assetId: b, bytes: 'lost' }))
  await write(vault, 3, states({ assetId: a }, { assetId: c }))
  const source = watched(vault)
  const bad = second.snapshot.segments[0]?.object ?? ''
  source.broken = (digest) => (digest === bad ? damaged(digest) : null)
  const { damage } = await sync(catalog, source)
  expect(damage.map(({ object }) => object)).toEqual([bad])
  const current = await catalog.read((tx) => collect(tx.currentIds(CLOUD, '')))
  expect(current).toEqual([a, c].sort())
  expect(await catalog.read((tx) => tx.versionsOf(CLOUD, a))).toHaveLength(1)
})

test('a head that cannot be read is left out and reported each time, and nothing is done twice for it', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  await write(vault, 1, states({ assetId: assetIdOf(1) }))
  const second = await write(vault, 2, states({ assetId: assetIdOf(2) }))
  await write(vault, 3, states({ assetId: assetIdOf(3) }))
  const source = watched(vault)
  source.broken = (key) => (key === second.key ? new AppError('VAULT_INVALID', 'a newer format') : null)
  expect(await sync(catalog, source)).toMatchObject({ added: 2, damage: [{ key: second.key, object: null }] })
  expect(await sync(catalog, source)).toMatchObject({ added: 0, rebuilt: [], damage: [{ key: second.key }] })
  source.broken = () => null
  expect(await sync(catalog, source)).toMatchObject({ added: 3, rebuilt: [CLOUD], damage: [] })
})

test('a line that is no entry is reported with its segment', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const good = encodeEntry(entryOf({ assetId: assetIdOf(1) }))
  const { object, size } = await vault.putLines([good, `{"assetId":"zz","version":7}`])
  const segments = [{ prefix: '', object, size, entries: 2, contentBytes: 0 }]
  const { snapshot } = storedSnapshot(1, { segments, prefixLength: 0 })
  await vault.writeSnapshot(snapshot)
  const { damage } = await sync(catalog, vault)
  expect(damage.map((one) => one.object)).toEqual([object])
  expect(await sync(catalog, vault)).toEqual({ added: 0, rebuilt: [], damage: [] })
  expect((await catalog.read((tx) => tx.currentCount(CLOUD))).assets).toBe(1)
})

test('bytes that rot in the store are noticed', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const { snapshot } = await write(vault, 1, states({ assetId: assetIdOf(1) }, { assetId: assetIdOf(2) }), {
    prefixLength: 0,
  })
  const [segment] = snapshot.segments
  const other = await vault.putLines(['{"assetId":"x"}'])
  const body = await collect(await vault.openObject(other.object))
  const bytes = Buffer.concat(body)
  await vault.store.put(objectKey(segment?.object ?? ''), {
    size: bytes.length,
    memory: bytes,
    open: () => each([bytes]),
  })
  const { damage } = await sync(catalog, vault)
  expect(damage).toHaveLength(1)
  expect(createHash('sha256').update(bytes).digest('hex')).not.toBe(segment?.object)
})

const writeHistory = async (vault: Vault, id: string, lines: readonly HistoryLine[]): Promise<string> => {
  const { object, size } = await vault.putLines(lines.map(encodeHistoryLine))
  const at = '2026-06-01T00:00:00.000Z'
  const head = { format: 1, id, cloud: CLOUD, writtenAt: at, origin: 'import', lines: object, size } as const
  const value = { ...head, entries: lines.length, contentBytes: 0, tool: 'test' }
  return await vault.writeRecord({ kind: 'history', cloud: CLOUD }, { id, at, value })
}

const writePurge = (vault: Vault, ...entries: readonly Entry[]): Promise<string> => {
  const value = { ...purgeOf(...entries), versions: purgeOf(...entries).versions.map((one) => ({ ...one })) }
  return vault.writeRecord({ kind: 'purges', cloud: CLOUD }, { id: 'p', at: value.at, value })
}

test('history and purge records come and go with the vault, each read once', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const a = assetIdOf(1)
  await write(vault, 1, states({ assetId: a, bytes: 'now' }))
  const key = await writeHistory(vault, 'h', [lineOf({ assetId: a, bytes: 'once' }), lineOf({ assetId: assetIdOf(2) })])
  const purge = await writePurge(vault, entryOf({ assetId: a, bytes: 'once' }))
  const source = watched(vault)
  await sync(catalog, source)
  expect(source.read).toContain(key)
  source.read.length = 0
  await sync(catalog, source)
  expect(source.read).toEqual([])
  const told = async () =>
    (await catalog.read((tx) => tx.versionsOf(CLOUD, a))).map((row) => [row.size, row.origin, row.purged?.reason])
  expect(await told()).toEqual([
    [4, 'import', 'asked for'],
    [3, 'snapshot', undefined],
  ])
  await write(vault, 2, states({ assetId: a, bytes: 'newest' }))
  await sync(catalog, source)
  await expectRebuiltAlike(catalog, vault, [a, assetIdOf(2)])
  await vault.store.delete(purge)
  await sync(catalog, vault)
  expect((await told())[0]).toEqual([4, 'import', undefined])
  await vault.store.delete(key)
  await sync(catalog, vault)
  expect(await told()).toEqual([
    [3, 'snapshot', undefined],
    [6, 'snapshot', undefined],
  ])
})

test('an account that is indexed anew gets its history back', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const a = assetIdOf(1)
  await write(vault, 1, states({ assetId: a, bytes: '1' }))
  const second = await write(vault, 2, states({ assetId: a, bytes: '22' }))
  await writeHistory(vault, 'h', [lineOf({ assetId: a, bytes: '' })])
  await sync(catalog, vault)
  await vault.store.delete(second.key)
  expect(await sync(catalog, vault)).toMatchObject({ rebuilt: [CLOUD] })
  expect((await catalog.read((tx) => tx.versionsOf(CLOUD, a))).map((row) => row.size)).toEqual([0, 1])
})

test('a damaged history or purge record is left out whole, reported each time, and read when it is whole again', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  const [a, b] = [assetIdOf(1), assetIdOf(2)]
  await write(vault, 1, states({ assetId: a }))
  const key = await writeHistory(vault, 'h', [lineOf({ assetId: a, bytes: '' }), lineOf({ assetId: b })])
  const nonsense = await vault.writeRecord(
    { kind: 'purges', cloud: CLOUD },
    { id: 'x', at: '2026-06-01T00:00:00.000Z', value: { format: 1 } },
  )
  const source = watched(vault)
  const lines = await vault.readRecord(key)
  const object = typeof lines === 'object' && lines !== null && 'lines' in lines ? String(lines.lines) : ''
  source.broken = (digest) => (digest === object ? damaged(digest) : null)
  for (let i = 0; i < 2; i += 1) {
    const { damage } = await sync(catalog, source)
    expect(damage.map((one) => [one.key, one.object])).toEqual([
      [key, object],
      [nonsense, null],
    ])
    expect(await catalog.read((tx) => tx.byAssetId(CLOUD, b))).toBeNull()
  }
  source.broken = () => null
  expect((await sync(catalog, source)).damage.map((one) => one.key)).toEqual([nonsense])
  expect((await catalog.read((tx) => tx.byAssetId(CLOUD, b)))?.origin).toBe('import')
})

test('a store that fails for a moment is no damage of a record', async () => {
  const [vault, catalog] = [await newVault(), await newCatalog()]
  await write(vault, 1, states({ assetId: assetIdOf(1) }))
  const key = await writeHistory(vault, 'h', [lineOf({ assetId: assetIdOf(2) })])
  const source = watched(vault)
  source.broken = (name) => (name === key ? new AppError('STORE_UNAVAILABLE', 'i/o', { permanent: false }) : null)
  await expect(sync(catalog, source)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  source.broken = () => null
  await sync(catalog, source)
  expect(await catalog.read((tx) => tx.recordKeys(CLOUD))).toEqual([key])
})
