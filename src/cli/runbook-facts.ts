import type { SnapshotRow } from '../catalog/catalog.ts'
import { FOLDER_TARGET } from '../maintenance/drill/record.ts'
import type { RunbookAccount } from './runbook.ts'
import type { Standing, StatusFrame } from './status-report.ts'
import { obstacleText } from './status-sentence.ts'

/** What the run-book says about an account, from what `status` sees of it. */
export function runbookAccount(standing: Standing, { proofs }: StatusFrame): RunbookAccount {
  const { cloud, last, lastComplete, lastDrill, look, verdict } = standing
  return {
    cloud,
    complete: lastComplete && briefly(lastComplete),
    newer: last === null || last.key === lastComplete?.key ? null : briefly(last),
    failed: last?.snapshot.totals.failed ?? 0,
    purged: look.purged,
    obstacles: verdict.obstacles.map(obstacleText),
    everyByteReadAt: proofs.everyByte?.at ?? null,
    lastDrill: lastDrill && {
      at: lastDrill.at,
      restored: lastDrill.restored,
      failed: lastDrill.failed,
      toFolder: lastDrill.target === FOLDER_TARGET,
      bytesPerSecond: speed(lastDrill.bytes, lastDrill.restoreMs),
    },
    downloadBytesPerSecond: standing.downloadBytesPerSecond,
    // What an account grants is known while it can be asked, and this is for the day on which it cannot.
    adminCallsPerHour: null,
  }
}

const briefly = ({ snapshot: { id, takenAt, assets, bytes } }: SnapshotRow) => ({ id, takenAt, assets, bytes })

const speed = (bytes: number, ms: number): number | null => (bytes > 0 && ms > 0 ? (bytes * 1000) / ms : null)

/** How fast the last run that fetched something did so, the scan and all else included. */
export function downloadSpeed(snapshots: readonly SnapshotRow[]): number | null {
  const fetched = snapshots.findLast(({ snapshot }) => snapshot.totals.fetchedBytes > 0)?.snapshot
  return fetched === undefined
    ? null
    : speed(fetched.totals.fetchedBytes, Date.parse(fetched.takenAt) - Date.parse(fetched.startedAt))
}
