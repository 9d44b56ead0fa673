import type { CatalogReader, CatalogWriter } from './catalog.ts'
import * as assets from './queries/assets.ts'
import { diff } from './queries/diff.ts'
import * as records from './queries/records.ts'
import { removeSnapshots } from './queries/removal.ts'
import { openRunObjects, openRunSince, requeueDone } from './queries/run-objects.ts'
import * as runs from './queries/runs.ts'
import * as snapshots from './queries/snapshots.ts'
import * as steps from './queries/steps.ts'
import * as versions from './queries/versions.ts'
import type { Session, WriteSession } from './session.ts'

type SnapshotReading =
  | 'clouds'
  | 'snapshots'
  | 'snapshotKeys'
  | 'damagedSnapshots'
  | 'lastSnapshot'
  | 'changeCounts'
  | 'failures'
const snapshotReading = (on: Session): Pick<CatalogReader, SnapshotReading> => ({
  clouds: () => snapshots.clouds(on),
  snapshots: (cloud) => snapshots.snapshots(on, cloud),
  snapshotKeys: (cloud) => snapshots.snapshotKeys(on, cloud),
  damagedSnapshots: (cloud) => snapshots.damagedSnapshots(on, cloud),
  lastSnapshot: (cloud, only) => snapshots.lastSnapshot(on, cloud, only),
  changeCounts: (cloud) => snapshots.changeCounts(on, cloud),
  failures: (snapshotId) => snapshots.failures(on, snapshotId),
})

type VersionReading =
  | 'known'
  | 'knownPartitions'
  | 'currentIds'
  | 'currentCount'
  | 'replacedSince'
  | 'missing'
  | 'withoutDetails'
  | 'versionsAt'
  | 'goneAt'
  | 'versionsOf'
  | 'namedBy'
  | 'recordKeys'
  | 'purgedVersions'
  | 'byPublicId'
  | 'bearers'
  | 'byAssetId'
  | 'byPath'
  | 'diff'
const versionReading = (on: Session): Pick<CatalogReader, VersionReading> => ({
  known: (cloud, assetIds) => versions.known(on, cloud, assetIds),
  currentIds: (cloud, prefix) => versions.currentIds(on, cloud, prefix),
  knownPartitions: (cloud) => versions.knownPartitions(on, cloud),
  currentCount: (cloud) => versions.currentCount(on, cloud),
  replacedSince: (cloud, seq) => versions.replacedSince(on, cloud, seq),
  missing: (cloud, runId, partitions, after, limit) => versions.missing(on, cloud, { runId, partitions, after, limit }),
  withoutDetails: (cloud, after, limit) => versions.withoutDetails(on, cloud, { after, limit }),
  versionsAt: (cloud, seq, filter) => versions.versionsAt(on, cloud, { seq, filter }),
  goneAt: (cloud, seq, filter) => assets.goneAt(on, cloud, { seq, filter }),
  versionsOf: (cloud, assetId) => assets.versionsOf(on, cloud, assetId),
  namedBy: (cloud, object) => assets.namedBy(on, cloud, object),
  bearers: (cloud, seq, publicIds) => assets.bearers(on, cloud, { seq, publicIds }),
  byPublicId: (cloud, publicId, kind) => assets.byPublicId(on, cloud, { publicId, ...kind }),
  byAssetId: (cloud, assetId) => assets.byAssetId(on, cloud, assetId),
  byPath: (cloud, path) => assets.byPath(on, cloud, path),
  recordKeys: (cloud) => records.recordKeys(on, cloud),
  purgedVersions: (cloud) => records.purgedVersions(on, cloud),
  diff: (cloud, from, to) => diff(on, cloud, { from, to }),
})

type RunReading = Exclude<keyof CatalogReader, SnapshotReading | VersionReading>
const runReading = (on: Session): Pick<CatalogReader, RunReading> => ({
  runs: (cloud, limit) => runs.runs(on, cloud, limit),
  openRun: (cloud) => runs.openRun(on, cloud),
  openRunObjects: () => openRunObjects(on),
  openRunSince: (after) => openRunSince(on, after),
  scanStates: (runId) => runs.scanStates(on, runId),
  searchMarks: async (runId, assetIds) => on.hot.searchMarks(await on.hot.run(runId), assetIds),
  unlistedMarks: (runId, after, limit) => steps.unlistedMarks(on, runId, { after, limit }),
  steps: (runId, filter) => steps.steps(on, runId, filter),
  stepCounts: (runId) => steps.stepCounts(on, runId),
  queuedFetches: (runId, options) => steps.queuedFetches(on, runId, options),
  changedPrefixes: (runId, prefixLength) => steps.changedPrefixes(on, runId, prefixLength),
  doneSteps: (runId, prefix) => steps.doneSteps(on, runId, prefix),
  goneIds: (runId, prefix) => steps.goneIds(on, runId, prefix),
})

export const catalogReader = (on: Session): CatalogReader => ({
  ...snapshotReading(on),
  ...versionReading(on),
  ...runReading(on),
})

type StepWriting =
  | 'saveSteps'
  | 'saveSearchMarks'
  | 'saveDetails'
  | 'promoteKeep'
  | 'savePath'
  | 'claimPath'
  | 'markGone'
const stepWriting = (on: WriteSession): Pick<CatalogWriter, StepWriting | (`mark${string}` & keyof CatalogWriter)> => ({
  saveSteps: async (runId, rows) => on.hot.saveSteps(await on.hot.run(runId), rows),
  saveSearchMarks: async (runId, marks) => on.hot.saveSearchMarks(await on.hot.run(runId), marks),
  markHashed: async (runId, transferred) => on.hot.markHashed(await on.hot.run(runId), transferred),
  markDone: async (runId, assetIds) => on.hot.markDone(await on.hot.run(runId), assetIds),
  markFailed: (runId, assetId, failure) => steps.markFailed(on, runId, { assetId, ...failure }),
  markVanished: (runId, assetId) => steps.markVanished(on, runId, assetId),
  markGone: async (runId, assetIds) => on.hot.markGone(await on.hot.run(runId), assetIds),
  saveDetails: async (runId, assetId, detailsRaw) => on.hot.saveDetails(await on.hot.run(runId), assetId, detailsRaw),
  promoteKeep: (runId, assetId, detailsRaw) => steps.promoteKeep(on, runId, { assetId, detailsRaw }),
  savePath: async (runId, assetId, path) => on.hot.savePath(await on.hot.run(runId), assetId, path),
  claimPath: async (cloud, runId, claim) => {
    const [accountId, run] = [await versions.accountOf(on, cloud), await on.hot.run(runId)]
    return await on.hot.claimPath({ accountId, run, ...claim })
  },
})

export const catalogWriter = (on: WriteSession): CatalogWriter => ({
  ...catalogReader(on),
  ...stepWriting(on),
  beginRun: (run) => runs.beginRun(on, run),
  finishRun: (id, end) => runs.finishRun(on, id, end),
  saveScanState: (runId, state) => runs.saveScanState(on, runId, state),
  forgetScan: (runId) => runs.forgetScan(on, runId),
  requeueFailed: (runId) => steps.requeueFailed(on, runId),
  requeueDone: (runId, assetIds) => requeueDone(on, runId, assetIds),
  addSnapshot: (stored, changes) => snapshots.addSnapshot(on, stored, changes),
  saveFailures: (snapshotId, list) => snapshots.saveFailures(on, snapshotId, list),
  saveDamage: (snapshotId, objects) => snapshots.saveDamage(on, snapshotId, objects),
  addHistory: (cloud, record, lines) => records.addHistory(on, { cloud, ...record }, lines),
  addPurge: (cloud, key, purge) => records.addPurge(on, { cloud, key }, purge),
  forgetRecord: (cloud, key) => records.forgetRecord(on, cloud, key),
  removeSnapshots: (cloud, keys) => removeSnapshots(on, cloud, keys),
  forgetAccount: (cloud) => snapshots.forgetAccount(on, cloud),
})
