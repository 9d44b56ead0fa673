import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLOUD, lineOf, type State } from '../../../test/samples/history.ts'
import { digestOf, takeSnapshot } from '../../../test/samples/shelf.ts'
import { AppError } from '../../model/errors.ts'
import { encodeHistoryLine } from '../../model/history.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import { textBody } from '../../vault/body.ts'
import { createVault } from '../../vault/create.ts'
import type { Store } from '../../vault/store.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import { type ExtendReport, extendLocks } from './extend.ts'
import { openLockMemory } from './lock-memory.ts'
import { rememberCreated } from './remember-created.ts'

const DAY = 86_400_000
const DAYS = 30
const BEGIN = Date.parse('2026-11-01T06:00:00Z')
const { signal } = new AbortController()

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloudkeep-locks-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A vault in a store that locks what is written and remembers every seal. */
async function rig(refuse: (key: string) => AppError | null = () => null) {
  const at = { now: BEGIN }
  const ends = new Map<string, number>()
  const calls: string[] = []
  const inner = createMemoryStore(() => at.now)
  const store: Store = {
    ...inner,
    traits: { ...inner.traits, isFar: true, lock: { mode: 'compliance', days: DAYS } },
    async put(key, body, given, mode) {
      const isWritten = await inner.put(key, body, given, mode)
      if (isWritten) ends.set(key, Math.max(ends.get(key) ?? 0, at.now + DAYS * DAY))
      return isWritten
    },
    async seal(key, until) {
      calls.push(key)
      const refused = refuse(key)
      if (refused !== null) throw refused
      if ((await inner.stat(key)) === null) throw new AppError('OBJECT_NOT_FOUND', `${key} is not there`)
      ends.set(key, Math.max(ends.get(key) ?? 0, until))
    },
  }
  const vault = await createVault(store, { now: new Date(at.now), id: 'v', tool: 'test' })
  return { at, ends, calls, vault, store }
}

type Rig = Awaited<ReturnType<typeof rig>>

const assets = (count: number, words = 'bytes'): State[] =>
  Array.from({ length: count }, (_, i) => ({
    assetId: i.toString(16).padStart(2, '0').padEnd(32, '0'),
    bytes: `${words} ${i}`,
  }))

const take = (vault: Vault, at: number, states: readonly State[]): Promise<StoredSnapshot> =>
  takeSnapshot(vault, { id: `s${at}`, takenAt: new Date(at).toISOString(), prefixLength: 1, changes: {} }, states)

const extend = async ({ vault, at }: Rig, snapshot: StoredSnapshot, file: string | null): Promise<ExtendReport> =>
  await extendLocks(
    {
      vault,
      snapshot,
      memory: await openLockMemory(file),
      now: new Date(at.now),
      listen: () => undefined,
      concurrency: 4,
    },
    signal,
  )

const keysOf = async ({ snapshot, key }: StoredSnapshot, vault: Vault): Promise<string[]> => {
  const keys = [key, 'cloudkeep.json']
  for (const digest of [snapshot.folders, snapshot.configuration, snapshot.failures])
    if (digest !== null && (await vault.statObject(digest)) !== null) keys.push(objectKey(digest))
  for (const { object } of snapshot.segments) {
    keys.push(objectKey(object))
    for await (const entry of vault.readSegment(object)) if (entry.object !== null) keys.push(objectKey(entry.object))
  }
  return keys
}

const shortest = async (made: Rig, stored: StoredSnapshot): Promise<number> =>
  Math.min(...(await keysOf(stored, made.vault)).map((key) => made.ends.get(key) ?? 0))

describe('locks are extended', () => {
  it('of everything a snapshot needs, so that it is held for half of the days after every run of a year', async () => {
    const made = await rig()
    const file = join(folder, 'locks.jsonl')
    let calls = 0
    for (let day = 0; day < 365; day += 1) {
      made.at.now = BEGIN + day * DAY
      const stored = await take(made.vault, made.at.now, assets(20))
      made.calls.length = 0
      const report = await extend(made, stored, file)
      expect(report.failed).toEqual([])
      expect(await shortest(made, stored)).toBeGreaterThanOrEqual(made.at.now + (DAYS / 2) * DAY)
      calls += made.calls.filter((key) => key === objectKey(digestOf('bytes 7'))).length
    }
    // Once in half of the days.
    expect(calls).toBeLessThanOrEqual(Math.ceil(365 / (DAYS / 2)) + 1)
  }, 60_000)

  it('without a call for lists that did not change, and with one for each object that came', async () => {
    const made = await rig()
    const file = join(folder, 'locks.jsonl')
    const first = await take(made.vault, made.at.now, assets(32))
    await extend(made, first, file)
    made.at.now += DAY
    made.calls.length = 0
    const second = await take(made.vault, made.at.now, [
      ...assets(32),
      { assetId: '1f1'.padEnd(32, '0'), bytes: 'new' },
    ])
    const report = await extend(made, second, file)
    const [kept, changed] = second.snapshot.segments
    expect(made.calls).not.toContain(objectKey(kept?.object ?? ''))
    expect(new Set(made.calls)).toEqual(
      new Set([
        second.key,
        objectKey(second.snapshot.folders ?? ''),
        objectKey(changed?.object ?? ''),
        objectKey(digestOf('new')),
      ]),
    )
    expect(report.sealed).toBe(4)
  })

  it('all of them when the memory is lost, or cut in a line', async () => {
    const made = await rig()
    const file = join(folder, 'locks.jsonl')
    const stored = await take(made.vault, made.at.now, assets(20))
    const all = (await extend(made, stored, file)).sealed
    expect((await extend(made, stored, file)).sealed).toBe(0)
    await appendFile(file, '{"is":"list","part":"1:0","obj')
    expect((await extend(made, stored, file)).sealed).toBe(0)
    await rm(file)
    expect((await extend(made, stored, file)).sealed).toBe(all)
    expect((await extend(made, stored, null)).sealed).toBe(all)
  })

  it('not of what this process created a moment ago', async () => {
    const made = await rig()
    const memory = await openLockMemory(null)
    const vault: Vault = await createVault(
      rememberCreated(made.store, memory, () => made.at.now),
      {
        now: new Date(made.at.now),
        id: 'v',
        tool: 'test',
      },
    )
    await made.store.put(objectKey(digestOf('bytes 3')), textBody('bytes 3'))
    const snapshot = await take(vault, made.at.now, assets(20))
    const options = { vault, snapshot, memory, now: new Date(made.at.now), listen: () => undefined }
    await extendLocks(options, signal)
    // The one that was there before this process may have an older lock.
    const objects = assets(20).map(({ bytes }) => objectKey(digestOf(bytes ?? '')))
    expect(made.calls.filter((key) => objects.includes(key))).toEqual([objectKey(digestOf('bytes 3'))])
  })

  it('with what fails named, and tried again the next time', async () => {
    let isRefused = true
    const victim = objectKey(digestOf('bytes 5'))
    const made = await rig((key) =>
      isRefused && key === victim ? new AppError('STORE_UNAVAILABLE', 'not now', { permanent: false }) : null,
    )
    const file = join(folder, 'locks.jsonl')
    const stored = await take(made.vault, made.at.now, assets(20))
    expect((await extend(made, stored, file)).failed).toEqual([
      { key: victim, code: 'STORE_UNAVAILABLE', reason: 'not now' },
    ])
    isRefused = false
    made.calls.length = 0
    expect((await extend(made, stored, file)).failed).toEqual([])
    expect(made.calls).toContain(victim)
  })

  it('of all but what is missing, which is named', async () => {
    const made = await rig()
    const stored = await take(made.vault, made.at.now, assets(20))
    await made.vault.store.delete(objectKey(digestOf('bytes 2')))
    const [, list] = stored.snapshot.segments
    await made.vault.store.delete(objectKey(list?.object ?? ''))
    const { failed, gaveUp } = await extend(made, stored, join(folder, 'locks.jsonl'))
    expect(gaveUp).toBe(false)
    expect(new Set(failed.map(({ key }) => key))).toEqual(
      new Set([objectKey(digestOf('bytes 2')), objectKey(list?.object ?? '')]),
    )
  })

  it('no longer when everything is refused: it gives up and says so', async () => {
    const made = await rig(() => new AppError('STORE_REFUSED', 's3:PutObjectRetention is not allowed'))
    const stored = await take(made.vault, made.at.now, assets(200))
    const report = await extend(made, stored, join(folder, 'locks.jsonl'))
    expect(report.gaveUp).toBe(true)
    expect(report.sealed).toBe(0)
    expect(report.failed.length).toBeLessThan(60)
    expect(report.failed[0]?.reason).toContain('s3:PutObjectRetention')
  })

  it('not at all where the store has no lock', async () => {
    const vault = await createVault(createMemoryStore(), { now: new Date(BEGIN), id: 'v', tool: 'test' })
    const snapshot = await take(vault, BEGIN, assets(2))
    const memory = await openLockMemory(null)
    const report = await extendLocks({ vault, snapshot, memory, now: new Date(BEGIN), listen: () => undefined }, signal)
    expect(report).toEqual({ sealed: 0, known: 0, failed: [], gaveUp: false })
  })

  it('until somebody interrupts, which is no failure', async () => {
    const made = await rig()
    const stored = await take(made.vault, made.at.now, assets(20))
    const memory = await openLockMemory(null)
    const options = { vault: made.vault, snapshot: stored, memory, now: new Date(made.at.now), listen: () => undefined }
    await expect(extendLocks(options, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  it('of what only a history record holds, once in half of the days', async () => {
    const made = await rig()
    const file = join(folder, 'locks.jsonl')
    const { vault } = made
    const [old] = assets(1, 'from before')
    if (old === undefined) throw new Error('there is one')
    await made.store.put(objectKey(digestOf('from before 0')), textBody('from before 0'))
    const { object, size } = await vault.putLines([encodeHistoryLine(lineOf(old))], signal)
    const at = new Date(made.at.now).toISOString()
    const counts = { lines: object, size, entries: 1, contentBytes: 13, tool: 'test' }
    const head = { format: 1, id: 'h1', cloud: CLOUD, writtenAt: at, origin: 'import', ...counts }
    const stored = await take(vault, made.at.now, assets(20))
    const key = await vault.writeRecord({ kind: 'history', cloud: CLOUD }, { id: 'h1', at, value: head }, signal)
    expect((await extend(made, stored, file)).failed).toEqual([])
    expect(made.calls).toEqual(expect.arrayContaining([key, objectKey(object), objectKey(digestOf('from before 0'))]))
    made.calls.length = 0
    expect((await extend(made, stored, file)).failed).toEqual([])
    expect(made.calls).toEqual([])
    made.at.now += 20 * DAY
    await extend(made, stored, file)
    for (const each of [key, objectKey(object), objectKey(digestOf('from before 0'))])
      expect(made.ends.get(each)).toBe(made.at.now + DAYS * DAY)
  })

  it('in a memory that does not grow with the runs', async () => {
    const made = await rig()
    const file = join(folder, 'locks.jsonl')
    const lengths: number[] = []
    for (let day = 0; day < 5; day += 1) {
      made.at.now = BEGIN + day * DAY
      await extend(made, await take(made.vault, made.at.now, assets(20, `day ${day}`)), file)
      lengths.push((await readFile(file, 'utf8')).length)
    }
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(200)
  })
})
