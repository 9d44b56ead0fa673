import { commit } from './commit.ts'
import { conclude } from './conclude.ts'
import { confirmAbsence, judgeChange, vanished } from './confirm.ts'
import { deepen } from './details.ts'
import { updateLibrary } from './library.ts'
import { prepare } from './prepare.ts'
import type { BackupOptions, BackupReport } from './report.ts'
import type { BackupDeps, Run } from './run-state.ts'
import { scan } from './scan.ts'
import { type Looked, lookAt } from './scope.ts'
import { keepSurroundings } from './surroundings.ts'
import { startTransfers } from './transfer.ts'

/**
 * One backup, scan -> plan -> transfer -> commit. Everything that must survive a kill is in the vault or the catalog
 * before the next line begins, so this function can be entered again at any time and goes on where it stopped.
 */
export async function runBackup(deps: BackupDeps, options: BackupOptions, signal: AbortSignal): Promise<BackupReport> {
  const run = await prepare(deps, options, signal)
  const transfers = startTransfers(run)
  try {
    const { surroundings, absent } =
      options.scope === undefined ? await lookAround(run) : await lookAt(run, options.scope)
    run.live.scanDone = true
    deps.listen({ type: 'phase', phase: 'transfer' })
    await transfers.finished()
    const missing = [...absent, ...(await vanished(run))]
    const guard = await judgeChange(run, missing)
    if (guard !== null) run.partial.add('guard')
    await deepen(run)
    const gone = guard === null ? missing : []
    if (options.dryRun) return await conclude(run, { guard, gone, stored: null, library: null })
    const stored = await commit(run, { gone, surroundings })
    const library = await updateLibrary(run, stored, surroundings)
    return await conclude(run, { guard, gone, stored, library })
  } finally {
    await transfers.stop()
  }
}

async function lookAround(run: Run): Promise<Looked> {
  const scanned = await scan(run)
  const surroundings = await keepSurroundings(run)
  // Before the last transfers: what the listing forgot joins them.
  return { surroundings, absent: await confirmAbsence(run, scanned) }
}
