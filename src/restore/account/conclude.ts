import type { Failure } from '../../model/snapshot.ts'
import type { ConfigurationResult, PlanTotals, RestoreReport, RestoreResult } from '../report.ts'
import { NOT_REPRODUCIBLE } from './compare.ts'
import { writeDone } from './journal.ts'
import { prove } from './prove.ts'
import type { ResultList } from './results.ts'
import type { RestoreRun } from './run-state.ts'

interface Ending {
  readonly totals: PlanTotals
  readonly results: ResultList
  /** Milliseconds since the epoch: when this call began, which is not when the restore did if it was continued. */
  readonly began: number
  readonly configuration: readonly ConfigurationResult[]
  /** What could not be done besides. */
  readonly notes: readonly string[]
  readonly uploadedBytes: number
}

/** Reads the target again, counts, writes down that the restore is done, and says what happened. */
export async function conclude(run: RestoreRun, ending: Ending): Promise<RestoreReport> {
  const { totals, results, configuration } = ending
  const { deps, options, request } = run
  const counts = { restored: 0, same: 0, skipped: 0, remote: 0, conflicts: 0 }
  const failures: Failure[] = []
  const incomplete: { name: RestoreResult['name']; fields: RestoreResult['missing'] }[] = []
  const touched = totals.assets - totals.byAction.same - totals.byAction.conflict - totals.byAction.remote
  for await (const result of options.dryRun ? [] : prove(run, results, touched)) {
    count(result, counts)
    if (result.outcome === 'failed') failures.push(failureOf(result))
    if (result.missing.length > 0) {
      incomplete.push({ name: result.name, fields: result.missing })
      deps.listen({ type: 'result', result })
    }
    if (result.newUrl !== null) deps.listen({ type: 'mapped', oldUrl: result.oldUrl, newUrl: result.newUrl, result })
  }
  const notes = [...run.problems, ...ending.notes]
  for (const message of notes) deps.listen({ type: 'note', message })
  const failedParts = configuration.filter(({ outcome }) => outcome === 'failed')
  const report: RestoreReport = {
    run: run.id,
    cloud: request.cloud,
    target: request.target,
    snapshot: request.snapshot,
    before: run.before?.snapshot.id ?? null,
    totals,
    ...counts,
    failures,
    incomplete,
    configuration,
    notReproducible: NOT_REPRODUCIBLE,
    uploadedBytes: ending.uploadedBytes,
    apiCalls: deps.reader.calls + deps.writer.calls,
    uploadCalls: deps.writer.uploads,
    durationMs: deps.now().getTime() - ending.began,
    complete: failures.length + incomplete.length + failedParts.length + notes.length === 0,
  }
  if (options.dryRun) return report
  const at = deps.now().toISOString()
  const done = { report, at, startedAt: run.startedAt, tool: deps.tool, undo: request.undo }
  await writeDone(deps.vault, request.cloud, done, run.signal)
  return report
}

function count(
  result: RestoreResult,
  counts: Record<'restored' | 'same' | 'skipped' | 'remote' | 'conflicts', number>,
): void {
  if (result.outcome === 'restored') counts.restored += 1
  if (result.outcome === 'same') counts.same += 1
  if (result.outcome !== 'skipped') return
  counts.skipped += 1
  if (result.action === 'remote') counts.remote += 1
  if (result.action === 'conflict') counts.conflicts += 1
}

const failureOf = ({ assetId, name, code, reason }: RestoreResult): Failure => ({
  assetId,
  ...name,
  code: code ?? 'UPLOAD_REFUSED',
  reason: reason ?? 'it could not be restored',
})
