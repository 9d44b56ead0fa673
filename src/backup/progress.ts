import type { BackupPhase } from './report.ts'
import type { Run } from './run-state.ts'

/** Tells the listener where the run stands. Cheap; called after every page and every download. */
export function announce(run: Run, phase: BackupPhase): void {
  const { live, deps, profile, base } = run
  deps.listen({
    type: 'progress',
    progress: {
      phase,
      scanned: live.scanned,
      expected: live.searchTotal ?? base?.snapshot.assets ?? profile.assets,
      fetched: live.fetched,
      wanted: live.wanted,
      fetchedBytes: live.fetchedBytes,
      wantedBytes: live.wantedBytes,
      failed: live.failed,
      transfers: live.transfers,
      budget: deps.reader.budget,
      apiCalls: deps.reader.calls,
    },
  })
}
