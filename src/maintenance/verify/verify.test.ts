import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { sampleEntry, sampleSnapshot } from '../../../test/samples/manifest.ts'
import { type Entry, encodeEntry } from '../../model/entry.ts'
import { encodeHistoryLine } from '../../model/history.ts'
import { memoryBody } from '../../vault/body.ts'
import { createVault } from '../../vault/create.ts'
import type { Store } from '../../vault/store.ts'
import { createMemoryStore } from '../../vault/stores/memory.ts'
import { objectKey, type Vault } from '../../vault/vault.ts'
import { latestProofs } from '../proofs.ts'
import { parseReadWish } from './reading.ts'
import type { VerifyReport } from './report.ts'
import { verify } from './verify.ts'

const START = Date.parse('2026-11-01T00:00:00.000Z')
const signal = new AbortController().signal
const hex = (text: string): string => createHash('sha256').update(text).digest('hex')

let store: Store
let vault: Vault
/** How often the bytes of each object were opened, by digest. */
let opened: Map<string, number>
let minute = 0

beforeEach(async () => {
  minute = 0
  opened = new Map()
  const memory = createMemoryStore()
  store = {
    ...memory,
    get: async (key, ...more) => {
      const digest = key.startsWith('objects/') ? key.slice(11) : null
      if (digest !== null) opened.set(digest, (opened.get(digest) ?? 0) + 1)
      return memory.get(key, ...more)
    },
  }
  vault = await createVault(store, { now: new Date(START), id: 'v', tool: 'test' })
})

const now = (): Date => new Date(START + minute * 60_000)

async function put(text: string): Promise<{ object: string; size: number }> {
  const bytes = Buffer.from(text)
  await vault.putObject(hex(text), memoryBody(bytes))
  return { object: hex(text), size: bytes.length }
}

async function entryFor(text: string): Promise<Entry> {
  const assetId = hex(`asset ${text}`).slice(0, 32)
  return sampleEntry({ assetId, publicId: text, version: hex(text).slice(0, 16), md5: null, ...(await put(text)) })
}

/** A snapshot of assets whose bytes are their names, taken now. */
async function snapshot(
  names: readonly string[],
  changes: { id?: string; parent?: string | null } = {},
): Promise<string> {
  const entries = await Promise.all(names.map(entryFor))
  const sorted = entries.sort((a, b) => (a.assetId < b.assetId ? -1 : 1))
  const { object, size } = await vault.putLines(sorted.map(encodeEntry))
  const contentBytes = sorted.reduce((sum, entry) => sum + (entry.size ?? 0), 0)
  const id = changes.id ?? `s${minute}`
  await vault.writeSnapshot(
    sampleSnapshot({
      id,
      takenAt: now().toISOString(),
      parent: changes.parent ?? null,
      segments: [{ prefix: '', object, size, entries: sorted.length, contentBytes }],
      assets: sorted.length,
      bytes: contentBytes,
    }),
  )
  return object
}

const check = (read: string): Promise<VerifyReport> => {
  minute += 1
  const options = { read: parseReadWish(read), repair: null, now, newId: () => `p${minute}`, tool: 'test' }
  return verify(vault, { ...options, listen: () => undefined }, signal)
}

const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `asset number ${1000 + from + n}`)

describe('reading by part', () => {
  test('opens every object exactly once in a cycle, and only the end of it says so', async () => {
    const segment = await snapshot(names(100))
    opened.clear()
    for (let n = 1; n <= 10; n += 1) {
      const report = await check('10%')
      expect([n, report.everyByte]).toEqual([n, n === 10])
      expect(Math.abs((report.cycle?.share ?? 0) - n / 10)).toBeLessThan(0.2)
    }
    opened.delete(segment)
    expect(opened.size).toBe(100)
    expect([...opened.values()].every((count) => count === 1)).toBe(true)
    expect(await latestProofs(vault)).toMatchObject({ everyByte: { everyByte: true }, cycle: null })
  })

  test('reads what came meanwhile in the same cycle, once, and begins another one then', async () => {
    await snapshot(names(50))
    expect((await check('60%')).read).toBe(31)
    minute += 1
    await snapshot(names(60), { parent: 's0' })
    opened.clear()
    const { everyByte } = await check('99%')
    expect(everyByte).toBe(true)
    const fresh = names(10, 50).map((name) => opened.get(hex(name)))
    expect(fresh).toEqual(Array.from({ length: 10 }, () => 1))
    // What is left of the old ones, the new ones, and the two manifests.
    expect(opened.size).toBe(20 + 10 + 2)
    opened.clear()
    expect(await check('10%')).toMatchObject({ everyByte: false })
  })

  test('is not disturbed by checks that read nothing, and is replaced by one that reads all', async () => {
    await snapshot(names(40))
    const { cycle } = await check('50%')
    expect(await check('none')).toMatchObject({ everyByte: false, cycle: null })
    expect(await check('25%')).toMatchObject({ cycle: { startedAt: cycle?.startedAt } })
    expect(await check('all')).toMatchObject({ everyByte: true, cycle: null })
    const next = await check('25%')
    expect(next.everyByte).toBe(false)
    expect(next.cycle?.startedAt).not.toBe(cycle?.startedAt)
  })

  test('by time reads on while there is time', async () => {
    await snapshot(names(20))
    opened.clear()
    // The clock stands still, so there is time for all of it.
    expect(await check('1s')).toMatchObject({ everyByte: true })
  })

  test('damage that was found behind the position is told again until it is mended', async () => {
    await snapshot(names(30))
    const victim = names(30).map(hex).sort()[0] ?? ''
    await store.put(objectKey(victim), memoryBody(Buffer.from('asset number XXXX')))
    expect(await check('20%')).toMatchObject({ errors: 1 })
    expect(await check('20%')).toMatchObject({ errors: 1, findings: [{ code: 'object-corrupt', subject: victim }] })
    expect(await check('none')).toMatchObject({ errors: 1 })
    const right = names(30).find((name) => hex(name) === victim) ?? ''
    await store.put(objectKey(victim), memoryBody(Buffer.from(right)))
    expect(await check('none')).toMatchObject({ errors: 0 })
    expect((await latestProofs(vault)).verify?.damaged).toBeUndefined()
  })
})

describe('what was taken away on purpose', () => {
  const purge = (versions: readonly { name: string; removed: boolean }[]): Promise<string> =>
    vault.writeRecord(
      { kind: 'purges', cloud: 'acme' },
      {
        id: 'purge',
        at: now().toISOString(),
        value: {
          ...{ format: 1, id: 'purge', cloud: 'acme', at: now().toISOString(), reason: '', tool: 'test' },
          alsoAtCloudinary: false,
          versions: versions.map(({ name, removed }) => ({
            assetId: hex(`asset ${name}`).slice(0, 32),
            version: hex(name).slice(0, 16),
            publicId: name,
            object: hex(name),
            objectRemoved: removed,
          })),
        },
      },
    )

  test('is counted and is no finding; what remains of it is', async () => {
    await snapshot(['gone', 'half gone', 'kept'])
    await purge([
      { name: 'gone', removed: true },
      { name: 'half gone', removed: true },
    ])
    await store.delete(objectKey(hex('gone')))
    expect(await check('all')).toMatchObject({
      purged: 1,
      errors: 0,
      findings: [{ severity: 'warning', code: 'object-not-purged', subject: hex('half gone') }],
    })
  })

  test('does not excuse an absence that another version minds', async () => {
    await snapshot(['shared'])
    const other = { ...(await entryFor('shared')), assetId: 'other', publicId: 'other', version: 'f'.repeat(16) }
    const { object, size } = await vault.putLines([encodeHistoryLine(lineOf(other))])
    await historyRecord({ object, size, contentBytes: other.size ?? 0 })
    await purge([{ name: 'shared', removed: false }])
    expect(await check('all')).toMatchObject({ findings: [], purged: 0 })
    await store.delete(objectKey(hex('shared')))
    expect(await check('none')).toMatchObject({
      findings: [{ code: 'object-missing', subject: hex('shared'), affects: [{ publicId: 'other' }] }],
    })
  })

  test('a snapshot that a prune took is not missed as a parent, and one that just vanished is', async () => {
    await snapshot(['a'], { id: 'first' })
    minute += 1
    await snapshot(['a', 'b'], { id: 'second', parent: 'first' })
    await check('none')
    const [first = '', second = ''] = await vault.snapshotKeys('acme')
    const head = await store.get(first)
    const bytes: Uint8Array[] = []
    for await (const piece of head) bytes.push(piece)
    await store.delete(first)
    const { findings } = await check('none')
    expect(findings).toMatchObject([{ severity: 'warning', code: 'snapshot-parent-missing', subject: second }])
    await store.put(first, memoryBody(Buffer.concat(bytes)))
    await store.delete(second)
    expect((await check('none')).findings).toMatchObject([{ code: 'snapshot-missing', subject: 'second' }])
    const taken = { takenAt: now().toISOString(), complete: true, parent: null, reason: 'by a rule' }
    const pruned = { format: 1, id: 'x', cloud: 'acme', at: now().toISOString(), tool: 'test', policy: [] }
    const value = { ...pruned, snapshots: [{ id: 'second', ...taken }] }
    await vault.writeRecord({ kind: 'prunes', cloud: 'acme' }, { id: 'x', at: now().toISOString(), value })
    expect((await check('none')).findings).toEqual([])
  })

  const lineOf = (entry: Entry) => ({
    entry,
    since: null,
    until: null,
    reason: 'Cloudinary’s backup',
    keepUntil: null,
    versionId: null,
  })

  const historyRecord = (of: { object: string; size: number; contentBytes: number }): Promise<string> => {
    const head = { format: 1, id: 'h', cloud: 'acme', writtenAt: now().toISOString(), origin: 'import', entries: 1 }
    const value = { ...head, lines: of.object, size: of.size, contentBytes: of.contentBytes, tool: 'test' }
    return vault.writeRecord({ kind: 'history', cloud: 'acme' }, { id: 'h', at: now().toISOString(), value })
  }

  test('what only history names is checked like what a snapshot names', async () => {
    const old = await entryFor('imported')
    const { object, size } = await vault.putLines([encodeHistoryLine(lineOf(old))])
    await historyRecord({ object, size, contentBytes: old.size ?? 0 })
    expect(await check('all')).toMatchObject({ findings: [], read: 2, objects: 2 })
    await store.put(objectKey(hex('imported')), memoryBody(Buffer.from('1mported')))
    expect((await check('all')).findings).toMatchObject([{ code: 'object-corrupt', subject: hex('imported') }])
    await store.delete(objectKey(object))
    expect((await check('none')).findings.map(({ code }) => code)).toContain('segment-unreadable')
  })
})

test('a length that the manifest does not say is an error even when no byte is read', async () => {
  await snapshot(['short'])
  await store.put(objectKey(hex('short')), memoryBody(Buffer.from('shor')))
  expect(await check('none')).toMatchObject({ errors: 1, findings: [{ code: 'object-length' }] })
})

test('a vault that cannot be written is checked all the same, and says that no record was left', async () => {
  await snapshot(['a'])
  const { AppError } = await import('../../model/errors.ts')
  const readOnly: Vault = {
    ...vault,
    writeRecord: () => Promise.reject(new AppError('STORE_REFUSED', 'the file system is read-only')),
  }
  const notes: unknown[] = []
  const options = { read: parseReadWish('all'), repair: null, now, newId: () => 'p', tool: 'test' }
  const report = await verify(readOnly, { ...options, listen: (event) => notes.push(event) }, signal)
  expect(report).toMatchObject({ errors: 0, proof: null })
  expect(notes).toContainEqual({ type: 'note', message: expect.stringContaining('read-only') })
})

test('an interrupted check leaves no proof', async () => {
  await snapshot(names(10))
  const controller = new AbortController()
  const options = { read: parseReadWish('all'), repair: null, now, newId: () => 'p', tool: 'test' }
  const listen = (): void => controller.abort()
  await expect(verify(vault, { ...options, listen }, controller.signal)).rejects.toThrow()
  expect(await vault.recordKeys({ kind: 'proofs' })).toEqual([])
})

test('an empty vault is fine', async () => {
  expect(await check('all')).toMatchObject({ findings: [], snapshots: 0, objects: 0, everyByte: true })
  expect(await check('5%')).toMatchObject({ findings: [], everyByte: true })
})
