import type { RunStatus } from '../catalog/catalog.ts'
import type { StoredSnapshot } from '../model/snapshot.ts'
import type { BackupReport, GuardVerdict } from './report.ts'
import type { Run } from './run-state.ts'
import { totalsOf } from './totals.ts'

export interface Ending {
  readonly guard: GuardVerdict | null
  readonly gone: readonly string[]
  readonly stored: StoredSnapshot | null
  readonly library: BackupReport['library']
}

/** Counts, closes the run in the catalog, and says what happened. */
export async function conclude(run: Run, { guard, gone, stored, library }: Ending): Promise<BackupReport> {
  const { catalog, reader, now } = run.deps
  const counts = await catalog.read((tx) => tx.stepCounts(run.id))
  const totals = stored?.snapshot.totals ?? totalsOf(counts, gone.length)
  const complete = run.partial.size === 0
  const status: RunStatus = guard !== null ? 'guard' : complete ? 'done' : 'partial'
  await catalog.write((tx) =>
    tx.finishRun(run.id, {
      status,
      finishedAt: now().toISOString(),
      snapshotId: stored?.snapshot.id ?? null,
      totals,
      apiCalls: reader.calls,
      message: null,
    }),
  )
  return {
    cloud: run.cloud,
    snapshot: stored?.snapshot.id ?? null,
    complete,
    partialReasons: [...run.partial],
    totals,
    excludedBy: Object.fromEntries(run.excludedBy),
    failures: run.failures,
    guard,
    apiCalls: reader.calls,
    durationMs: now().getTime() - Date.parse(run.startedAt),
    library,
  }
}
