import type { ScanState, SearchMark } from '../catalog/catalog.ts'
import type { AccountRow, ListPosition, Partition } from '../cloudinary/reader.ts'
import { MANAGED_TYPES, type ResourceType } from '../model/asset.ts'
import { type AppError, isAppError } from '../model/errors.ts'
import { isSameTime } from './decide.ts'
import { ingest } from './ingest.ts'
import type { Run } from './run-state.ts'

/** The search index lags behind writes; everything changed since the last scan began, less this, is read again. */
const INDEX_LAG_MS = 2 * 3_600_000
/** So often the index is read to its end, to find what a missed change would hide. */
const RECONCILE_MS = 7 * 24 * 3_600_000

export interface ScanResult {
  /** Partitions whose listing reached its end. Absence is concluded in these only. */
  readonly complete: readonly Partition[]
  readonly incomplete: readonly { readonly partition: Partition; readonly error: AppError }[]
}

/**
 * Reads what the account holds: listings say what is there, the search index adds MD5 and dates. A first run reads
 * both at once, oldest first, so that downloads start with the first pages; a later run reads the index first, down
 * to where nothing is new, so that the listing can be judged row by row without keeping it.
 */
export async function scan(run: Run): Promise<ScanResult> {
  run.deps.listen({ type: 'phase', phase: 'scan' })
  if (run.base === null) {
    const [, result] = await Promise.all([readSearch(run), readLists(run)])
    return withDiscovered(run, result)
  }
  await readSearch(run)
  return withDiscovered(run, await readLists(run))
}

async function readLists(run: Run): Promise<ScanResult> {
  const result: { complete: Partition[]; incomplete: ScanResult['incomplete'][number][] } = {
    complete: [],
    incomplete: [],
  }
  for (const partition of await partitions(run)) {
    try {
      await readList(run, partition)
      result.complete.push(partition)
    } catch (error) {
      if (!isPartitionFailure(error)) throw error
      result.incomplete.push({ partition, error })
      run.partial.add('scan-incomplete')
      run.deps.listen({
        type: 'note',
        message: `the listing of ${label(partition)} did not reach its end: ${error.message}`,
      })
    }
  }
  const [first] = result.incomplete
  if (first !== undefined && result.complete.length === 0) throw first.error
  return result
}

/** One partition failing must not cost the others; what ends the whole run is passed on. */
const isPartitionFailure = (error: unknown): error is AppError =>
  isAppError(error, 'API_REFUSED') ||
  isAppError(error, 'API_UNAVAILABLE') ||
  isAppError(error, 'API_UNEXPECTED') ||
  isAppError(error, 'CURSOR_EXPIRED') ||
  isAppError(error, 'RESOURCE_NOT_FOUND')

const label = (partition: Partition): string => `${partition.resourceType}/${partition.type}`
const key = (partition: Partition): string => `list:${label(partition)}`

async function partitions(run: Run): Promise<readonly Partition[]> {
  const { reader, catalog } = run.deps
  const present = await reader.resourceTypes(run.signal)
  const known = await catalog.read((tx) => tx.knownPartitions(run.cloud))
  const all = new Map<string, Partition>()
  const types = new Set<string>([...present, ...known.map((p) => p.resourceType)])
  for (const resourceType of types) {
    for (const type of MANAGED_TYPES) add(all, { resourceType: resourceType as ResourceType, type })
  }
  for (const { resourceType, type } of known) add(all, { resourceType: resourceType as ResourceType, type })
  return [...all.values()]
}

const add = (all: Map<string, Partition>, partition: Partition): void => {
  all.set(label(partition), partition)
}

/** Delivery types that only the search index told of (fetch, youtube, …) are listed too, so that they are recorded. */
async function withDiscovered(run: Run, result: ScanResult): Promise<ScanResult> {
  const listed = new Set([...result.complete, ...result.incomplete.map((i) => i.partition)].map(label))
  const found = [...run.live.discovered].filter((text) => !listed.has(text))
  const complete = [...result.complete]
  const incomplete = [...result.incomplete]
  for (const text of found) {
    const [resourceType, type] = text.split('/') as [ResourceType, string]
    const partition = { resourceType, type }
    try {
      await readList(run, partition)
      complete.push(partition)
    } catch (error) {
      if (!isPartitionFailure(error)) throw error
      run.deps.listen({ type: 'note', message: `${text} assets exist but cannot be listed: ${error.message}` })
      incomplete.push({ partition, error })
    }
  }
  return { complete, incomplete }
}

/** A cursor is bound to the parameters it was made with, so the two are saved as one. */
interface Saved {
  readonly cursor: string | null
  readonly startAt: string | null
}
const encode = (saved: Saved): string => JSON.stringify(saved)
const decode = (text: string | null): Saved =>
  text === null ? { cursor: null, startAt: null } : (JSON.parse(text) as Saved)

async function readList(run: Run, partition: Partition): Promise<void> {
  const { reader, catalog } = run.deps
  const states = await catalog.read((tx) => tx.scanStates(run.id))
  const found = states.find((s) => s.source === key(partition))
  if (found?.done === true) return
  let { cursor, startAt } = decode(found?.cursor ?? null)
  let newest = found?.since ?? null
  let rows = found?.rows ?? 0
  let expiries = 0
  for (;;) {
    const position: ListPosition = { cursor, since: startAt }
    const page = await reader.listPage(partition, position, run.signal).catch((error: unknown) => {
      // The listing is in order of creation, so the newest creation time seen is the way back in: one page is read
      // twice, not all of them. A second death without a page in between starts from the beginning, a third gives up.
      if (!isAppError(error, 'CURSOR_EXPIRED') || expiries >= 2) throw error
      return null
    })
    if (page === null) {
      expiries += 1
      cursor = null
      startAt = expiries === 1 ? newest : null
      run.deps.listen({
        type: 'note',
        message: `the cursor of ${label(partition)} expired; going on from ${startAt ?? 'the start'}`,
      })
      continue
    }
    if (startAt !== null && cursor === null && page.rows.length === 0) {
      // At least the row that gave us this time should be here: `start_at` is not honoured, so read from the start.
      startAt = null
      continue
    }
    expiries = 0
    rows += page.rows.length
    for (const row of page.rows) {
      const created = row.facts.createdAt
      if (created !== null && (newest === null || Date.parse(created) > Date.parse(newest))) newest = created
    }
    cursor = page.cursor
    await ingest(run, page.rows, {
      source: key(partition),
      cursor: encode({ cursor, startAt }),
      since: newest,
      rows,
      done: cursor === null,
      savedAt: run.deps.now().toISOString(),
    })
    if (cursor === null) return
  }
}

/**
 * Reads the search index. It is a help, not the truth: when it refuses, the run goes on with lengths alone and says
 * so, because a listing without it still names every asset.
 */
async function readSearch(run: Run): Promise<void> {
  try {
    await readIndex(run)
  } catch (error) {
    if (!isPartitionFailure(error) && !isAppError(error, 'CREDENTIALS_REFUSED')) throw error
    run.deps.listen({
      type: 'note',
      message: `the search index could not be read, so some downloads are checked by length only: ${error.message}`,
    })
  } finally {
    run.live.searchDone = true
  }
}

async function readIndex(run: Run): Promise<void> {
  const { reader, catalog } = run.deps
  const first = run.base === null
  const states = await catalog.read((tx) => tx.scanStates(run.id))
  const found = states.find((s) => s.source === 'search')
  if (found?.done === true) return
  let cursor = found?.cursor ?? null
  let rows = found?.rows ?? 0
  let expiries = 0
  const horizon = searchHorizon(run)
  for (;;) {
    const page = await reader.searchPage(cursor, run.signal, first ? 'created' : 'changed').catch((error: unknown) => {
      // Marks are keyed by asset, so reading the index again from its start costs calls and nothing else.
      if (!isAppError(error, 'CURSOR_EXPIRED') || expiries >= 2) throw error
      return null
    })
    if (page === null) {
      expiries += 1
      cursor = null
      rows = 0
      continue
    }
    run.live.searchTotal = page.totalCount ?? run.live.searchTotal
    for (const row of page.rows) {
      if (!MANAGED_TYPES.includes(row.facts.type)) run.live.discovered.add(label(row.facts))
    }
    rows += page.rows.length
    cursor = page.cursor
    const reachedHorizon = horizon !== null && isPast(page.rows, horizon)
    const done = cursor === null || reachedHorizon
    if (cursor === null) run.live.reconciledAt = run.startedAt
    await saveMarks(run, page.rows, {
      source: 'search',
      cursor,
      since: null,
      rows,
      done,
      savedAt: run.deps.now().toISOString(),
    })
    if (done) return
  }
}

/** Down to when the index must be read; null means to its end. */
function searchHorizon(run: Run): number | null {
  if (run.base === null || run.trusted === null || run.options.full) return null
  const reconciled = run.base.snapshot.reconciledAt
  if (reconciled === null || run.deps.now().getTime() - Date.parse(reconciled) > RECONCILE_MS) return null
  return Date.parse(run.trusted.snapshot.startedAt) - INDEX_LAG_MS
}

/** True when the page is in falling order of change and ends before the horizon. An unsorted page proves nothing. */
function isPast(rows: readonly AccountRow[], horizon: number): boolean {
  const changed = (row: AccountRow): number => Date.parse(row.facts.updatedAt ?? row.facts.uploadedAt ?? '')
  const times = rows.map(changed)
  const sorted = times.every((time, i) => !Number.isNaN(time) && (i === 0 || time <= (times[i - 1] ?? time)))
  const last = times.at(-1)
  return sorted && last !== undefined && last < horizon
}

async function saveMarks(run: Run, rows: readonly AccountRow[], state: ScanState): Promise<void> {
  const live = rows.filter((row) => !row.placeholder)
  await run.deps.catalog.write(async (tx) => {
    const known = await tx.known(
      run.cloud,
      live.map((row) => row.facts.assetId),
    )
    const marks = live.map(({ facts, raw }): SearchMark => {
      const old = known.get(facts.assetId)
      const repeats =
        old !== undefined &&
        old.cldVersion === facts.cldVersion &&
        old.etag === facts.etag &&
        (facts.updatedAt === null || isSameTime(old.updatedAt, facts.updatedAt))
      return {
        assetId: facts.assetId,
        etag: facts.etag,
        updatedAt: facts.updatedAt,
        raw: repeats ? null : JSON.stringify(raw),
      }
    })
    await tx.saveSearchMarks(run.id, marks)
    await tx.saveScanState(run.id, state)
  })
}
