import { expect, it } from 'vitest'
import { sampleEntry, sampleSnapshot } from '../../../test/samples/manifest.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { encodeEntry } from '../../model/entry.ts'
import { AppError } from '../../model/errors.ts'
import { decodeHistoryHead, decodeHistoryLine, encodeHistoryLine } from '../../model/history.ts'
import { memoryBody } from '../../vault/body.ts'
import { createVault } from '../../vault/create.ts'
import { openVault } from '../../vault/open.ts'
import type { Store } from '../../vault/store.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import type { Vault } from '../../vault/vault.ts'
import { copyVault } from './copy.ts'
import type { CopyOptions, CopyReport } from './report.ts'

const signal = new AbortController().signal
const birth = { now: new Date(0), tool: 'cloudkeep test' }
const DAY = 24 * 3_600_000

const hexId = (n: number): string => sha256Hex(`asset ${n}`).slice(0, 32)

const putText = async (vault: Vault, text: string): Promise<{ object: string; size: number }> => {
  const bytes = Buffer.from(text)
  await vault.putObject(sha256Hex(bytes), memoryBody(bytes))
  return { object: sha256Hex(bytes), size: bytes.length }
}

const entryOf = async (vault: Vault, n: number, text: string) => {
  const bytes = await putText(vault, text)
  return sampleEntry({ assetId: hexId(n), publicId: `p/${n}`, version: sha256Hex(text).slice(0, 16), ...bytes })
}

/** Three snapshots of six assets, of which one is replaced each time, and a history record of a version before. */
async function sourceVault(): Promise<Vault> {
  const vault = await createVault(createMemoryStore(), { ...birth, id: 'source' })
  for (let day = 0; day < 3; day += 1) {
    const entries = []
    for (let n = 0; n < 6; n += 1)
      entries.push(await entryOf(vault, n, n <= day ? `asset ${n} of ${day}` : `asset ${n}`))
    entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
    const put = await vault.putLines(entries.map(encodeEntry))
    const takenAt = new Date(Date.UTC(2026, 0, 1) + day * DAY).toISOString()
    const segments = [{ prefix: '', object: put.object, size: put.size, entries: put.lines, contentBytes: 0 }]
    const folders = await vault.putLines([`{"path":"of day ${day}"}`])
    const head = { id: `s${day}`, takenAt, startedAt: takenAt, assets: 6, segments, folders: folders.object }
    await vault.writeSnapshot(sampleSnapshot(head))
  }
  const line = { since: null, until: null, reason: 'import', keepUntil: null, versionId: null }
  const entry = await entryOf(vault, 0, 'asset 0 long ago')
  const lines = await vault.putLines([encodeHistoryLine({ entry, ...line })])
  const at = '2026-02-01T00:00:00.000Z'
  const head = { format: 1, id: 'h1', cloud: 'acme', writtenAt: at, origin: 'import', entries: 1, contentBytes: 9 }
  const value = { ...head, lines: lines.object, size: lines.size, tool: 'test' }
  await vault.writeRecord({ kind: 'history', cloud: 'acme' }, { id: 'h1', at, value })
  for (const kind of ['pins', 'prunes', 'restores', 'drills'] as const) {
    await vault.writeRecord({ kind, cloud: 'acme' }, { id: kind, at, value: { kind } })
  }
  await vault.writeRecord({ kind: 'proofs' }, { id: 'proof', at, value: { format: 1 } })
  return vault
}

const purge = (vault: Vault, text: string, n: number): Promise<string> => {
  const object = sha256Hex(text)
  const version = { assetId: hexId(n), version: object.slice(0, 16), publicId: `p/${n}`, object, objectRemoved: true }
  const value = { format: 1, id: 'g1', cloud: 'acme', at: '2026-03-01T00:00:00.000Z', reason: 'asked to', tool: 'test' }
  const record = { ...value, alsoAtCloudinary: false, versions: [version] }
  return vault.writeRecord({ kind: 'purges', cloud: 'acme' }, { id: 'g1', at: value.at, value: record })
}

const copy = (source: Vault, target: Vault, given: Partial<CopyOptions> = {}): Promise<CopyReport> => {
  const options = { damaged: false, dryRun: false, concurrency: 4, now: () => new Date(0), onProgress: () => undefined }
  return copyVault(source, target, { ...options, ...given }, signal)
}

const keysOf = async (vault: Vault): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of vault.store.list('')) keys.push(key)
  return keys.sort()
}

/** What the heads of a vault promise and the vault does not hold, read with nothing but the vault itself. */
const brokenPromises = async (vault: Vault): Promise<readonly string[]> => {
  const broken: string[] = []
  const check = async (head: string, digest: string | null): Promise<void> => {
    if (digest === null) return
    try {
      for await (const _ of await vault.openObject(digest));
    } catch (error) {
      broken.push(`${head}: ${String(error)}`)
    }
  }
  for (const key of await vault.snapshotKeys('acme')) {
    const { snapshot } = await vault.readSnapshot(key)
    await check(key, snapshot.folders)
    for (const { object } of snapshot.segments) {
      for await (const entry of vault.readSegment(object)) await check(key, entry.object)
    }
  }
  for (const key of await vault.recordKeys({ kind: 'history', cloud: 'acme' })) {
    const { lines } = decodeHistoryHead(await vault.readRecord(key))
    for await (const line of vault.readLines(lines)) await check(key, decodeHistoryLine(line).entry.object)
  }
  return broken
}

/** A store that works `operations` times at writing and then never again, as if the process had been killed. */
const dying = (store: Store, operations: number, puts: string[]): Store => {
  let left = operations
  return {
    ...store,
    put: async (key, body, at, mode) => {
      if (left <= 0) throw new AppError('STORE_UNAVAILABLE', 'the plug was pulled', { permanent: false })
      left -= 1
      const isWritten = await store.put(key, body, at, mode)
      puts.push(key)
      return isWritten
    },
  }
}

it('takes snapshots, history and records along, and leaves the evidence of another vault behind', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  const report = await copy(source, target)
  expect(report).toMatchObject({ heads: 4, headsWritten: 4, findings: [], incomplete: [], records: 3, there: 0 })
  const left = (await keysOf(source)).filter((key) => !/^proofs|\/drills\//u.test(key))
  expect(await keysOf(target)).toEqual(left)
  expect(await brokenPromises(target)).toEqual([])
})

it('killed at any point, what is there can be used, and the next call writes nothing twice', async () => {
  const source = await sourceVault()
  const needed = (await keysOf(source)).filter((key) => /^(objects|accounts)/u.test(key) && !key.includes('/drills/'))
  for (let operations = 0; operations <= needed.length; operations += 1) {
    const store = createMemoryStore()
    await createVault(store, { ...birth, id: 'target' })
    const puts: string[] = []
    const first = copy(source, await openVault(dying(store, operations, puts)))
    if (operations < needed.length) await expect(first).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    else await first
    const target = await openVault(store)
    expect(await brokenPromises(target), `after ${operations} writes`).toEqual([])
    expect(await copy(source, await openVault(dying(store, 1000, puts)))).toMatchObject({
      findings: [],
      incomplete: [],
    })
    expect(puts.sort()).toEqual(needed)
  }
})

it('what was purged in the source is not missed, and named where the target still has it', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  const before = await createVault(createMemoryStore(), { ...birth, id: 'before' })
  await copy(source, before)
  const text = 'asset 1 of 1'
  await purge(source, text, 1)
  await source.store.delete(`objects/${sha256Hex(text).slice(0, 2)}/${sha256Hex(text)}`)
  expect(await copy(source, target)).toMatchObject({
    headsWritten: 4,
    findings: [],
    incomplete: [],
    purgedVersions: 1,
    purgedInTarget: 0,
  })
  expect(await copy(source, before)).toMatchObject({ headsThere: 4, findings: [], purgedInTarget: 1 })
})

it('what was purged in the target does not come back, unless another version has the same bytes', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  // Only one version has these bytes; those of asset 5 are in every snapshot under the same version.
  await purge(target, 'asset 1 of 1', 1)
  const report = await copy(source, target)
  expect(report).toMatchObject({ headsWritten: 4, findings: [], purgedVersions: 1 })
  expect(await target.statObject(sha256Hex('asset 1 of 1'))).toBeNull()
  await copy(await withTwin(source), target)
  expect(await target.statObject(sha256Hex('asset 1 of 1'))).not.toBeNull()
})

/** One more snapshot, in which another asset has the bytes that were purged. */
async function withTwin(vault: Vault): Promise<Vault> {
  const put = await vault.putLines([encodeEntry(await entryOf(vault, 9, 'asset 1 of 1'))])
  const segments = [{ prefix: '', object: put.object, size: put.size, entries: 1, contentBytes: 0 }]
  await vault.writeSnapshot(sampleSnapshot({ id: 's9', takenAt: '2026-05-01T00:00:00.000Z', assets: 1, segments }))
  return vault
}

it('a head with fields of a later version is copied byte for byte', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  const [key = ''] = await source.snapshotKeys('acme')
  const read = async (vault: Vault): Promise<string> => {
    const pieces: Uint8Array[] = []
    for await (const piece of await vault.store.get(key)) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  }
  const later = JSON.stringify({ ...JSON.parse(await read(source)), invented: 'later' }, null, 1)
  await source.store.put(key, memoryBody(Buffer.from(later)))
  await copy(source, target)
  expect(await read(target)).toBe(later)
})

it('another snapshot under the same key is named and left alone', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  const other = { id: 's0', takenAt: '2026-01-01T00:00:00.000Z', tool: 'another life' }
  const { key } = await target.writeSnapshot(sampleSnapshot(other))
  const report = await copy(source, target)
  expect(report.findings).toEqual([expect.objectContaining({ code: 'snapshot-differs', subject: key })])
  expect((await target.readSnapshot(key)).snapshot.tool).toBe('another life')
})

it('a bad sector costs one object, a source that is gone ends the copy', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  const bad = sha256Hex('asset 5')
  const broken = (whole: boolean): Store => ({
    ...source.store,
    stat: (key, at) => (whole && key === 'cloudkeep.json' ? gone() : source.store.stat(key, at)),
    get: (key, at, range) => (key.endsWith(bad) ? gone() : source.store.get(key, at, range)),
  })
  const gone = (): never => {
    throw new AppError('STORE_UNAVAILABLE', 'the disk answered EIO', { permanent: false })
  }
  const report = await copy(await openVault(broken(false)), target)
  expect(report.findings).toEqual([expect.objectContaining({ code: 'object-unreadable', subject: bad })])
  expect(report.incomplete.map(({ id }) => id)).toEqual(['s0', 's1', 's2'])
  await expect(copy(await openVault(broken(true)), target)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

it('a list that is damaged in the source is read from the target when that has it', async () => {
  const source = await sourceVault()
  const target = await createVault(createMemoryStore(), { ...birth, id: 'target' })
  await copy(source, target)
  const { snapshot } = await source.readSnapshot((await source.snapshotKeys('acme'))[0] ?? '')
  const list = snapshot.segments[0]?.object ?? ''
  await source.store.put(`objects/${list.slice(0, 2)}/${list}`, memoryBody(Buffer.from('not gzip')))
  expect(await copy(source, target)).toMatchObject({ findings: [], incomplete: [], copied: 0 })
})
