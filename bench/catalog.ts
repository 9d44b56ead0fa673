/**
 * What the catalog costs a run, in CPU and memory. `node dist/bench/catalog.js [assets]`: a first run over so many
 * assets (search marks, steps, transfers, paths, snapshot), then one in which nothing changed.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Catalog, NewStep } from '../src/catalog/catalog.ts'
import { openSqliteCatalog } from '../src/catalog/sqlite/catalog.ts'
import type { Entry, EntryChange } from '../src/model/entry.ts'
import { NO_TOTALS, type StoredSnapshot } from '../src/model/snapshot.ts'

const CLOUD = 'bench'
const PAGE = 500
const assets = Number(process.argv[2] ?? 100_000)
/** Ids in no order, whose order is known without having them all: the bits of `n` turned round. */
const BITS = Math.ceil(Math.log2(assets))
function turned(n: number): number {
  let [rest, result] = [n, 0]
  for (let bit = 0; bit < BITS; bit += 1, rest >>= 1) result = result * 2 + (rest & 1)
  return result
}
const idOf = (n: number): string => turned(n).toString(16).padStart(8, '0').padEnd(32, 'c0ffee')
const listRawOf = (n: number): string =>
  JSON.stringify({ asset_id: idOf(n), public_id: publicIdOf(n), filler: 'x'.repeat(900) })
const publicIdOf = (n: number): string => `products/${n % 97}/summer-collection-${n}`

const NONE = null
const FACTS: Entry['facts'] = {
  ...{ assetId: '', publicId: '', resourceType: 'image', type: 'upload', format: 'jpg', cldVersion: 1, bytes: 1000 },
  ...{
    etag: '0'.repeat(32),
    width: 800,
    height: 600,
    duration: NONE,
    pages: NONE,
    folder: 'products',
    displayName: 'one',
  },
  ...{ createdAt: '2026-01-01T00:00:00Z', uploadedAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z' },
  ...{ tags: ['one', 'two'], context: {}, metadata: {}, accessMode: 'public', accessControl: NONE, moderation: [] },
  ...{ coordinates: NONE, regions: NONE, originalFilename: NONE, status: NONE, isAudio: NONE, secureUrl: NONE },
}

function entryOf(n: number, assetId: string): Entry {
  const publicId = publicIdOf(n)
  return {
    assetId,
    version: assetId.slice(0, 16),
    publicId,
    resourceType: 'image',
    type: 'upload',
    cldVersion: 1,
    object: `${assetId}${assetId}`,
    size: 1000,
    md5: assetId,
    proof: 'md5',
    path: `${publicId}.jpg`,
    capturedAt: '2026-01-01T00:00:00Z',
    listHash: assetId,
    facts: FACTS,
    raw: { list: {} },
  }
}

function* pages(): Iterable<number[]> {
  for (let n = 0; n < assets; n += PAGE) yield Array.from({ length: Math.min(PAGE, assets - n) }, (_, i) => n + i)
}

function stored(n: number): StoredSnapshot {
  const time = new Date(Date.UTC(2026, 0, n)).toISOString()
  return {
    key: `accounts/${CLOUD}/snapshots/${n}.json`,
    snapshot: {
      ...{ format: 1, id: `s${n}`, cloud: CLOUD, startedAt: time, takenAt: time, parent: null, complete: true },
      ...{
        partialReasons: [],
        tool: 'bench',
        folderMode: 'dynamic',
        totals: NO_TOTALS,
        assets,
        bytes: 0,
        prefixLength: 0,
      },
      ...{ segments: [], folders: null, configuration: null, failures: null, excludedBy: {}, reconciledAt: null },
    },
  }
}

let peak = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 50).unref()

async function measure(name: string, action: () => Promise<unknown>): Promise<void> {
  const [cpu, from] = [process.cpuUsage(), performance.now()]
  await action()
  const used = process.cpuUsage(cpu)
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2).padStart(8)} s`
  const memory = `${Math.round(Math.max(peak, process.memoryUsage.rss()) / 1e6)} MB peak`
  console.log(
    `${name.padEnd(44)}${seconds((used.user + used.system) / 1000)} CPU${seconds(performance.now() - from)}  ${memory}`,
  )
}

const begin = (catalog: Catalog, id: string): Promise<void> =>
  catalog.write((tx) => tx.beginRun({ id, cloud: CLOUD, command: 'backup', startedAt: 'now' }))

const end = (catalog: Catalog, id: string): Promise<void> =>
  catalog.write((tx) =>
    tx.finishRun(id, { status: 'done', finishedAt: 'now', snapshotId: null, totals: null, apiCalls: 0, message: null }),
  )

async function scan(catalog: Catalog, run: string, step: (n: number) => NewStep): Promise<void> {
  for (const page of pages()) {
    const ids = page.map(idOf)
    await catalog.write(async (tx) => {
      await tx.known(CLOUD, ids)
      await tx.searchMarks(run, ids)
      await tx.saveSteps(run, page.map(step))
      await tx.saveScanState(run, { source: 'list', cursor: 'c', since: null, rows: 0, done: false, savedAt: 'now' })
    })
  }
}

async function search(catalog: Catalog, run: string, raw: (n: number) => string | null): Promise<void> {
  for (const page of pages()) {
    await catalog.write(async (tx) => {
      await tx.known(CLOUD, page.map(idOf))
      await tx.saveSearchMarks(
        run,
        page.map((n) => ({ assetId: idOf(n), etag: idOf(n), updatedAt: 'now', raw: raw(n) })),
      )
    })
  }
}

async function transfer(catalog: Catalog, run: string): Promise<void> {
  for (;;) {
    const queue = { limit: 64, except: new Set<string>(), withSearch: true }
    const steps = await catalog.read((tx) => tx.queuedFetches(run, queue))
    if (steps.length === 0) return
    for (const { assetId } of steps) {
      const object = `${assetId}${assetId}`
      await catalog.write((tx) => tx.markHashed(run, { assetId, object, size: 1000, md5: assetId, proof: 'md5' }))
    }
    await catalog.write((tx) =>
      tx.markDone(
        run,
        steps.map((step) => step.assetId),
      ),
    )
  }
}

async function name(catalog: Catalog, run: string): Promise<void> {
  for (const page of pages()) {
    await catalog.write(async (tx) => {
      for (const n of page) {
        await tx.claimPath(CLOUD, run, { assetId: idOf(n), path: `${publicIdOf(n)}.jpg`, goneIsFree: false })
      }
    })
  }
}

async function* sorted(): AsyncIterable<EntryChange> {
  for (let place = 0; place < 2 ** BITS; place += 1) {
    const n = turned(place)
    if (n < assets) yield { assetId: idOf(n), after: entryOf(n, idOf(n)) }
  }
}

async function count(rows: AsyncIterable<unknown>): Promise<number> {
  let total = 0
  for await (const _ of rows) total += 1
  return total
}

async function firstRun(catalog: Catalog): Promise<void> {
  await begin(catalog, 'first')
  await measure('first: search marks', () => search(catalog, 'first', listRawOf))
  const fetch = (n: number): NewStep => {
    const assetId = idOf(n)
    return { assetId, kind: 'fetch', state: 'queued', why: 'new', listHash: assetId, listRaw: listRawOf(n) }
  }
  await measure('first: listing', () => scan(catalog, 'first', fetch))
  await measure('first: transfers, each in its transaction', () => transfer(catalog, 'first'))
  await measure('first: paths', () => name(catalog, 'first'))
  await measure('first: reading what is to be written', () => catalog.read((tx) => count(tx.doneSteps('first', ''))))
  await measure('first: snapshot', () => catalog.write((tx) => tx.addSnapshot(stored(1), sorted())))
  await measure('first: end of the run', () => end(catalog, 'first'))
}

async function unchangedRun(catalog: Catalog): Promise<void> {
  await begin(catalog, 'next')
  const keep = (n: number): NewStep => {
    const assetId = idOf(n)
    return { assetId, kind: 'keep', state: 'done', why: 'unchanged', listHash: assetId, listRaw: null }
  }
  await measure('unchanged: search marks (only with --full)', () => search(catalog, 'next', () => null))
  await measure('unchanged: listing', () => scan(catalog, 'next', keep))
  await measure('unchanged: questions', () =>
    catalog.read(async (tx) => {
      await tx.missing(CLOUD, 'next', [{ resourceType: 'image', type: 'upload' }], '', 500)
      await tx.stepCounts('next')
      await tx.changedPrefixes('next', 2)
      await tx.knownPartitions(CLOUD)
      await tx.currentCount(CLOUD)
      await tx.replacedSince(CLOUD, 1)
      await tx.withoutDetails(CLOUD, '', 100)
    }),
  )
  await measure('unchanged: snapshot', () => catalog.write((tx) => tx.addSnapshot(stored(2), none())))
  await measure('unchanged: end of the run', () => end(catalog, 'next'))
}

async function* none(): AsyncIterable<EntryChange> {}

const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-bench-'))
const file = join(folder, 'catalog.sqlite')
console.log(`${assets} assets, Node ${process.version}`)
const catalog = await openSqliteCatalog(file)
try {
  await firstRun(catalog)
  await unchangedRun(catalog)
  await measure('looking: all versions', () => catalog.read((tx) => count(tx.versionsAt(CLOUD, 2, {}))))
  await measure('looking: a word', () => catalog.read((tx) => count(tx.versionsAt(CLOUD, 2, { text: 'ion-777' }))))
  await measure('looking: a diff without differences', () => catalog.read((tx) => count(tx.diff(CLOUD, 1, 2))))
} finally {
  await catalog.close()
  console.log(`${Math.round((await stat(file)).size / 1e6)} MB catalog`)
  await rm(folder, { recursive: true })
}
