import { syncCatalog } from '../../catalog/sync.ts'
import { begin, type ImportDeps, type ImportRun } from './import-state.ts'
import { type Plan, plan } from './plan.ts'
import type { ImportOptions, ImportReport } from './report.ts'
import { importAll } from './workers.ts'

/**
 * Brings in what Cloudinary's own backup still holds from before the first run: count -> ask -> fetch -> record. Costs
 * one API call an asset, so it may take days; killed or stopped it goes on where it was. Throws SNAPSHOT_NOT_FOUND
 * when the account was never backed up, API_LIMIT when the reader does not wait; what came in until then is recorded.
 */
export async function importHistory(
  deps: ImportDeps,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<ImportReport> {
  const run = await begin(deps, options, signal)
  const planned = await plan(run)
  if (options.dryRun) return conclude(run, planned)
  await importAll(run, planned.assets)
  await syncCatalog(deps.catalog, deps.vault, signal)
  return conclude(run, planned)
}

const conclude = (
  { cloud, deps, counts, failures, live, startedAt, callsBefore }: ImportRun,
  { estimate }: Plan,
): ImportReport => ({
  cloud,
  ...counts,
  estimate,
  finished: live.finished,
  failures,
  apiCalls: deps.reader.calls - callsBefore,
  durationMs: deps.now().getTime() - startedAt,
})
