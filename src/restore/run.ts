import { begin, type RestoreAsk } from './account/begin.ts'
import { conclude } from './account/conclude.ts'
import { totalsOf } from './account/plan.ts'
import { relate } from './account/relate.ts'
import { createResultList } from './account/results.ts'
import type { RestoreDeps } from './account/run-state.ts'
import { openSurroundings } from './account/surroundings.ts'
import { type Strain, transfer } from './account/transfer.ts'
import type { RestoreReport } from './report.ts'

/**
 * One restore to an account: select -> plan -> transfer -> report. The plan is a comparison of what is wanted with what
 * is there, so this function can be entered again at any time: what was done already shows as equal.
 */
export async function restoreToAccount(
  deps: RestoreDeps,
  ask: RestoreAsk,
  strain: Strain,
  signal: AbortSignal,
): Promise<RestoreReport> {
  const began = deps.now().getTime()
  const run = await begin(deps, ask, signal)
  deps.listen({ type: 'phase', phase: 'plan' })
  const { dryRun } = ask.options
  const totals = await totalsOf(run, ({ item }) => (dryRun ? deps.listen({ type: 'planned', item }) : undefined))
  deps.listen({ type: 'plan', totals })
  const results = await createResultList(deps.scratch, run.id)
  try {
    if (dryRun) return await conclude(run, { totals, results, began, configuration: [], notes: [], uploadedBytes: 0 })
    const surroundings = ask.options.surroundings ? await openSurroundings(run) : null
    deps.listen({ type: 'phase', phase: 'configuration' })
    await surroundings?.beforeAssets()
    deps.listen({ type: 'phase', phase: 'transfer' })
    const uploadedBytes = await transfer(run, totals, results, strain)
    deps.listen({ type: 'phase', phase: 'relate' })
    const notes = await relate(run)
    await surroundings?.afterAssets()
    deps.listen({ type: 'phase', phase: 'prove' })
    return await conclude(run, {
      totals,
      results,
      began,
      configuration: surroundings?.results ?? [],
      notes,
      uploadedBytes,
    })
  } finally {
    await results.remove()
  }
}
