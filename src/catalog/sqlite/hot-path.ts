import type { HotPath } from '../hot-path.ts'
import { bulkLoad } from './bulk-load.ts'
import type { Connection } from './connection.ts'
import { claimPath } from './path-claim.ts'
import * as steps from './step-statements.ts'
import * as versions from './version-statements.ts'

const FIND_ACCOUNT = 'select id from accounts where cloud = ?'
const FIND_RUN = 'select id from runs where run_id = ?'

export const sqliteHotPath = (on: Connection): HotPath => ({
  account: async (cloud) => numberOf(on.prepare(FIND_ACCOUNT).get(cloud)?.['id']),
  run: async (runId) => {
    const run = numberOf(on.prepare(FIND_RUN).get(runId)?.['id'])
    if (run === null) throw new Error(`The catalog knows of no run ${runId}.`)
    return run
  },
  known: (accountId, assetIds) => versions.known(on, accountId, assetIds),
  claimPath: (claim) => claimPath(on, claim),
  applyChanges: (batch) => versions.applyChanges(on, batch),
  addBeside: (batch) => versions.addBeside(on, batch),
  bulkLoad: (load) => bulkLoad(on, load),
  searchMarks: (run, assetIds) => steps.searchMarks(on, run, assetIds),
  saveSteps: (run, rows) => steps.saveSteps(on, run, rows),
  saveSearchMarks: (run, marks) => steps.saveSearchMarks(on, run, marks),
  markHashed: (run, transferred) => steps.markHashed(on, run, transferred),
  markDone: (run, assetIds) => steps.markDone(on, run, assetIds),
  savePath: (run, assetId, path) => steps.savePath(on, run, { assetId, path }),
  saveDetails: (run, assetId, detailsRaw) => steps.saveDetails(on, run, { assetId, detailsRaw }),
  markGone: (run, assetIds) => steps.markGone(on, run, assetIds),
})

const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
