import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { assetIdOf, CLOUD, entryOf, lineOf, type State, storedSnapshot } from '../../../test/samples/history.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { openSqliteCatalog } from '../../catalog/sqlite/catalog.ts'
import { syncCatalog } from '../../catalog/sync.ts'
import { type Entry, encodeEntry } from '../../model/entry.ts'
import { encodeHistoryLine } from '../../model/history.ts'
import { decodePurge, removedBy } from '../../model/purge.ts'
import { createVault } from '../../vault/create.ts'
import type { Store } from '../../vault/store.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import { openSweeper } from '../../vault/sweeper.ts'
import type { Vault } from '../../vault/vault.ts'
import { verify } from '../verify/verify.ts'
import { isDone, type PurgePlan, planPurge } from './plan.ts'
import { applyPurge, type PurgeReport } from './purge.ts'

const signal = new AbortController().signal
const undo: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action()
})

interface Place {
  readonly vault: Vault
  readonly catalog: Catalog
}

async function place(change: (store: Store) => Store = (store) => store): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-purge-'))
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'))
  undo.push(async () => {
    await catalog.close()
    await rm(folder, { recursive: true })
  })
  const birth = { now: new Date(0), id: 'vault', tool: 'cloudkeep test' }
  return { vault: await createVault(change(createMemoryStore()), birth), catalog }
}

const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
async function putBytes(vault: Vault, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes)
  await vault.putObject(digest, {
    size: bytes.length,
    memory: bytes,
    open: async function* () {
      yield bytes
    },
  })
  return digest
}

/** Entries whose bytes are in the vault; `derived` are texts. */
async function entriesIn(vault: Vault, states: readonly (State & { derived?: string })[]): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const { derived, ...state } of states) {
    const entry = entryOf(state)
    if (entry.object !== null) await putBytes(vault, Buffer.from(state.bytes ?? 'bytes'))
    const object = derived === undefined ? null : await putBytes(vault, Buffer.from(derived))
    const details = { derived: [{ transformation: 'w_10', bytes: 1, secure_url: 'https://x', object }] }
    entries.push(object === null ? entry : { ...entry, raw: { list: {}, details } })
  }
  return entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
}

async function snapshot(vault: Vault, n: number, entries: readonly Entry[], cloud = CLOUD): Promise<void> {
  const { object, size } = await vault.putLines(entries.map(encodeEntry))
  const contentBytes = entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0)
  const segments = [{ prefix: '', object, size, entries: entries.length, contentBytes }]
  await vault.writeSnapshot(
    storedSnapshot(n, { cloud, segments, assets: entries.length, bytes: contentBytes }).snapshot,
  )
}

const [A, B] = [assetIdOf(1), assetIdOf(2)]
const sources = ({ vault, catalog }: Place) => ({ vault, catalog, shelf: null, reader: null })

async function plan(at: Place, ...states: readonly State[]): Promise<PurgePlan> {
  await syncCatalog(at.catalog, at.vault, signal)
  const versions = states.map((state) => ({ assetId: state.assetId, version: entryOf(state).version }))
  return await planPurge(sources(at), { cloud: CLOUD, versions, atCloudinary: false }, signal)
}

const apply = ({ vault }: Place, planned: PurgePlan): Promise<PurgeReport> =>
  applyPurge(
    { vault, sweeper: openSweeper(vault.store), library: null, writer: null },
    planned,
    { id: 'p1', at: '2027-01-01T00:00:00.000Z', reason: '', tool: 'test' },
    signal,
  )

const fates = ({ objects }: PurgePlan): Record<string, boolean> =>
  Object.fromEntries(objects.map(({ digest, goes }) => [digest, goes]))
const findings = async ({ vault }: Place): Promise<string[]> => {
  const options = {
    read: { kind: 'all' },
    repair: null,
    now: () => new Date('2027-02-01'),
    newId: () => 'v1',
    tool: 'test',
    listen: () => undefined,
  } as const
  return (await verify(vault, options, signal)).findings.map((one) => `${one.severity} ${one.code}`)
}

const old = { assetId: A, bytes: 'the old bytes' }
const now = { assetId: A, bytes: 'the new bytes' }

test('bytes stay for another account in the vault, a history record, a derived asset, and say so', async () => {
  const at = await place()
  const one = await entriesIn(at.vault, [old])
  await snapshot(at.vault, 1, one)
  await snapshot(at.vault, 2, await entriesIn(at.vault, [now]))
  expect(Object.values(fates(await plan(at, old)))).toEqual([true])
  const kept = async (): Promise<unknown[]> => (await plan(at, old)).objects.flatMap(({ because }) => because)

  await snapshot(at.vault, 3, await entriesIn(at.vault, [{ ...old, assetId: B }]), 'other')
  expect(await kept()).toMatchObject([{ kind: 'version', cloud: 'other', assetId: B, isOriginal: true }])
  await snapshot(at.vault, 4, await entriesIn(at.vault, [{ assetId: B, bytes: 'x', derived: 'the old bytes' }]))
  expect(await kept()).toHaveLength(2)
  const { object, size } = await at.vault.putLines([encodeHistoryLine(lineOf({ ...old, assetId: assetIdOf(3) }))])
  const head = { format: 1, id: 'h', cloud: CLOUD, writtenAt: '2026-06-01T00:00:00.000Z', origin: 'import' } as const
  const value = { ...head, lines: object, size, entries: 1, contentBytes: 13, tool: 'test' }
  await at.vault.writeRecord({ kind: 'history', cloud: CLOUD }, { id: 'h', at: head.writtenAt, value })
  expect(await kept()).toMatchObject([
    { cloud: CLOUD, assetId: B, isOriginal: false },
    { cloud: CLOUD, assetId: assetIdOf(3), isOriginal: true },
    { cloud: 'other', assetId: B },
  ])
  await apply(at, await plan(at, old))
  expect(await at.vault.statObject(digestOf(old.bytes))).not.toBeNull()
  expect(await findings(at)).toEqual([])
})

test('derived bytes go with the version, unless another has them too', async () => {
  const at = await place()
  const shared = { assetId: B, bytes: 'b', derived: 'shared thumbnail' }
  await snapshot(at.vault, 1, await entriesIn(at.vault, [{ ...old, derived: 'thumbnail' }, shared]))
  await snapshot(at.vault, 2, await entriesIn(at.vault, [{ ...now, derived: 'shared thumbnail' }, shared]))
  await apply(at, await plan(at, old, now))
  const there = async (text: string): Promise<boolean> => (await at.vault.statObject(digestOf(text))) !== null
  expect(await Promise.all(['thumbnail', 'the old bytes', 'shared thumbnail', 'b'].map(there))).toEqual([
    false,
    false,
    true,
    true,
  ])
  const [key = ''] = await at.vault.recordKeys({ kind: 'purges', cloud: CLOUD })
  expect([...removedBy(decodePurge(await at.vault.readRecord(key)))].sort()).toEqual(
    ['the old bytes', 'the new bytes', 'thumbnail'].map(digestOf).sort(),
  )
  expect(await findings(at)).toEqual([])
})

test('an asset whose bytes are a manifest of the vault cannot take it along', async () => {
  const at = await place()
  const { object: digest, size } = await at.vault.putLines([encodeEntry(entryOf({ assetId: B, bytes: null }))])
  const trap: Entry = { ...entryOf(old), object: digest, size }
  await snapshot(at.vault, 1, [trap])
  const segments = [{ prefix: '', object: digest, size, entries: 1, contentBytes: 0 }]
  await at.vault.writeSnapshot(storedSnapshot(2, { segments, assets: 1 }).snapshot)
  const planned = await plan(at, old)
  expect(planned.objects).toMatchObject([{ digest, goes: false, because: [{ kind: 'manifest' }] }])
})

test('what an unfinished backup has just fetched stays for it', async () => {
  const at = await place()
  await snapshot(at.vault, 1, await entriesIn(at.vault, [old]))
  await snapshot(at.vault, 2, await entriesIn(at.vault, [now]))
  await syncCatalog(at.catalog, at.vault, signal)
  const step = { assetId: B, kind: 'fetch', state: 'queued', why: 'new', listHash: 'h', listRaw: '{}' } as const
  await at.catalog.write(async (tx) => {
    await tx.beginRun({ id: 'r', cloud: CLOUD, command: 'backup', startedAt: 'now' })
    await tx.saveSteps('r', [step])
    await tx.markHashed('r', { assetId: B, object: digestOf(old.bytes), size: 13, md5: '', proof: 'md5' })
  })
  expect((await plan(at, old)).objects).toMatchObject([{ goes: false, because: [{ kind: 'run' }] }])
})

test('while a manifest cannot be read, nothing is purged: it may name the same bytes', async () => {
  const at = await place()
  await snapshot(at.vault, 1, await entriesIn(at.vault, [old]))
  await snapshot(at.vault, 2, await entriesIn(at.vault, [now]))
  await snapshot(at.vault, 3, await entriesIn(at.vault, [{ assetId: B }]), 'other')
  const [key = ''] = await at.vault.snapshotKeys('other')
  const { snapshot: other } = await at.vault.readSnapshot(key)
  await openSweeper(at.vault.store).removeObject(other.segments[0]?.object ?? '')
  await expect(plan(at, old)).rejects.toMatchObject({
    code: 'OBJECT_NOT_FOUND',
    message: expect.stringContaining(key),
    hint: expect.stringContaining('--repair'),
  })
})

test('killed anywhere, the absence is explained, and the same purge again removes what was left', async () => {
  for (let allowed = 0; ; allowed += 1) {
    let left = Number.POSITIVE_INFINITY
    const at = await place((store) => ({
      ...store,
      delete: async (key, until) => {
        if (left === 0) throw new Error('killed')
        left -= 1
        await store.delete(key, until)
      },
    }))
    await snapshot(
      at.vault,
      1,
      await entriesIn(at.vault, [
        { ...old, derived: 'thumbnail' },
        { assetId: B, bytes: 'b 1' },
      ]),
    )
    await snapshot(at.vault, 2, await entriesIn(at.vault, [now, { assetId: B, bytes: 'b 2' }]))
    const wanted = [old, { assetId: B, bytes: 'b 1' }]
    const planned = await plan(at, ...wanted)
    left = allowed
    const error = await apply(at, planned).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    left = Number.POSITIVE_INFINITY
    expect((await findings(at)).filter((one) => one.startsWith('error'))).toEqual([])
    if (error === null) {
      expect(allowed).toBe(3)
      break
    }
    const rest = await plan(at, ...wanted)
    expect(isDone(rest)).toBe(false)
    await apply(at, rest)
    expect(isDone(await plan(at, ...wanted))).toBe(true)
    expect(await findings(at)).toEqual([])
  }
})

test('a record comes before the first removal', async () => {
  const done: string[] = []
  const at = await place((store) => ({
    ...store,
    put: (key, body, until) => {
      done.push(`put ${key.split('/')[2]}`)
      return store.put(key, body, until)
    },
    delete: (key, until) => {
      done.push('delete')
      return store.delete(key, until)
    },
  }))
  await snapshot(at.vault, 1, await entriesIn(at.vault, [old]))
  await snapshot(at.vault, 2, await entriesIn(at.vault, [now]))
  const planned = await plan(at, old)
  done.length = 0
  await apply(at, planned)
  expect(done).toEqual(['put purges', 'delete'])
})

test('a sealed vault lets nobody take anything out', async () => {
  const at = await place((store) => ({ ...store, traits: { ...store.traits, sealed: true } }))
  await snapshot(at.vault, 1, await entriesIn(at.vault, [old]))
  await snapshot(at.vault, 2, await entriesIn(at.vault, [now]))
  const planned = await plan(at, old)
  expect(() => openSweeper(at.vault.store)).toThrow(expect.objectContaining({ code: 'VAULT_SEALED' }))
  expect(planned.objects).toHaveLength(1)
  expect(await at.vault.recordKeys({ kind: 'purges', cloud: CLOUD })).toEqual([])
})

test('a version that is not kept cannot be purged, one without bytes can', async () => {
  const at = await place()
  const record = { assetId: B, bytes: null }
  await snapshot(at.vault, 1, await entriesIn(at.vault, [old, record]))
  await expect(plan(at, { assetId: A, bytes: 'never seen' })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
  const report = await apply(at, await plan(at, record))
  expect(report).toMatchObject({ versions: 1, objects: 0, bytes: 0 })
  expect(await findings(at)).toEqual([])
})
