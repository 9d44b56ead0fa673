import type { AccountRow, Partition } from '../cloudinary/reader.ts'
import type { AssetFacts } from '../model/asset.ts'
import { isAppError } from '../model/errors.ts'
import { isImplausible } from './guard.ts'
import { ingest } from './ingest.ts'
import { announce } from './progress.ts'
import type { GuardVerdict } from './report.ts'
import type { Run } from './run-state.ts'
import type { ScanResult } from './scan.ts'

/** Ids a call of `by_asset_ids` takes. */
const BATCH = 100
/** So many absences are asked for one by one, at 100 a call; beyond that the sample stands for the rest. */
const MAX_CONFIRMED = 2000

/**
 * Guarantee 5: an asset is gone only when a listing that reached its end does not name it and, asked for by its id,
 * the account does not know it either. Assets that the index names and the listing does not are asked for the same
 * way, so a listing that ended too early is found out. What turns out to exist is judged like any listed row.
 *
 * Returns the ids that are gone. Empty when absence cannot be concluded.
 */
export async function confirmAbsence(run: Run, scanned: ScanResult): Promise<readonly string[]> {
  run.deps.listen({ type: 'phase', phase: 'confirm' })
  try {
    await askForUnlisted(run)
    const missing = await missingIds(run, scanned.complete)
    const present = await askFor(run, missing.slice(0, MAX_CONFIRMED))
    const gone = missing.filter((id) => !present.has(id))
    // When the listing forgot some that we asked for, it may have forgotten some that we did not.
    return missing.length > MAX_CONFIRMED && present.size > 0 ? [] : gone
  } catch (error) {
    if (!isAppError(error) || error.code === 'API_LIMIT' || error.code === 'INTERRUPTED') throw error
    run.partial.add('scan-incomplete')
    run.deps.listen({
      type: 'note',
      message: `nothing is taken as gone, because it could not be confirmed: ${error.message}`,
    })
    return []
  }
}

async function missingIds(run: Run, partitions: readonly Partition[]): Promise<string[]> {
  const ids: string[] = []
  for (let after = ''; ; ) {
    const page = await run.deps.catalog.read((tx) => tx.missing(run.cloud, run.id, partitions, after, 1000))
    ids.push(...page.map((known) => known.assetId))
    const last = page.at(-1)
    if (last === undefined) return ids
    after = last.assetId
  }
}

async function askForUnlisted(run: Run): Promise<void> {
  let asked = 0
  for (let after = ''; asked < MAX_CONFIRMED; ) {
    const marks = await run.deps.catalog.read((tx) => tx.unlistedMarks(run.id, after, BATCH))
    const last = marks.at(-1)
    if (last === undefined) return
    after = last.assetId
    asked += marks.length
    await askFor(
      run,
      marks.map((mark) => mark.assetId),
    )
  }
  run.partial.add('scan-incomplete')
  run.deps.listen({
    type: 'note',
    message: `more than ${MAX_CONFIRMED} assets are in the search index but not in the listing`,
  })
}

/** Those of the ids that exist after all; they become part of the run. */
async function askFor(run: Run, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const present = new Set<string>()
  for (let i = 0; i < ids.length; i += BATCH) {
    const rows: readonly AccountRow[] = await run.deps.reader.byAssetIds(ids.slice(i, i + BATCH), run.signal)
    const live = rows.filter((row) => !row.placeholder)
    if (live.length > 0) await ingest(run, live, null)
    for (const row of live) present.add(row.facts.assetId)
    announce(run, 'confirm')
  }
  return present
}

/**
 * Assets that were listed, could not be downloaded, and were then said not to exist. One such answer may be wrong, so
 * they are asked for once more; what exists after all has failed, and only the rest is gone. Returns those of the rest
 * that were kept before.
 */
export async function vanished(run: Run): Promise<string[]> {
  const { catalog, reader } = run.deps
  const gone: string[] = []
  for (let after = ''; ; ) {
    const page = await catalog.read((tx) => tx.steps(run.id, { state: 'vanished', after, limit: BATCH }))
    const last = page.at(-1)
    if (last === undefined) return gone
    after = last.assetId
    const ids = page.map((step) => step.assetId)
    const rows = (await reader.byAssetIds(ids, run.signal)).filter((row) => !row.placeholder)
    for (const { facts } of rows) await fail(run, facts)
    const present = new Set(rows.map((row) => row.facts.assetId))
    const known = await catalog.read((tx) => tx.known(run.cloud, ids))
    gone.push(...[...known.keys()].filter((id) => !present.has(id)))
  }
}

async function fail(run: Run, facts: AssetFacts): Promise<void> {
  const { assetId, publicId, resourceType, type } = facts
  const why = { code: 'DOWNLOAD_REFUSED', reason: 'it is listed, but neither its bytes nor its details are to be had' }
  await run.deps.catalog.write((tx) => tx.markFailed(run.id, assetId, why))
  const failure = { assetId, publicId, resourceType, type, ...why }
  run.failures.push(failure)
  run.live.failed += 1
  run.deps.listen({ type: 'failure', failure })
}

/** Compares what vanished and what was replaced since the last complete snapshot with what is plausible. */
export async function judgeChange(run: Run, gone: readonly string[]): Promise<GuardVerdict | null> {
  const { trusted } = run
  if (trusted === null || run.options.yesMassChange) return null
  const { counts, earlier } = await run.deps.catalog.read(async (tx) => ({
    counts: await tx.stepCounts(run.id),
    earlier: await tx.replacedSince(run.cloud, trusted.seq),
  }))
  const now = counts
    .filter((row) => row.kind === 'fetch' && row.why === 'replaced')
    .reduce((n, row) => n + row.count, 0)
  const verdict = { vanished: gone.length, replaced: now + earlier, base: trusted.snapshot.assets }
  return isImplausible(verdict) ? verdict : null
}
