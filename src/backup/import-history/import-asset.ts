import type { AccountRow, BackupHistory } from '../../cloudinary/reader.ts'
import type { Throttle } from '../../lib/throttle.ts'
import type { AssetIdentity } from '../../model/asset.ts'
import { AppError, isAppError } from '../../model/errors.ts'
import type { HistoryLine } from '../../model/history.ts'
import { nameOf } from '../run-state.ts'
import { type Judged, sortOut, type Verdict } from './decide.ts'
import { fetchVersion } from './fetch-version.ts'
import { type AssetToAsk, announce, fail, type ImportRun } from './import-state.ts'
import { lineOf } from './line.ts'

/** So many assets or versions unavailable one after the other are an outage and not their fault. */
const OUTAGE = 20

/** Asks for one asset and brings in what the vault lacks of it. Throws what must end the run. */
export async function importAsset(run: ImportRun, throttle: Throttle, asset: AssetToAsk): Promise<void> {
  const { counts, deps, batch } = run
  const history = await attempt(run, { asset, versionId: null }, () => deps.reader.backupHistory(asset, run.signal))
  counts.assetsAsked += 1
  announce(run)
  if (history === undefined || history === null) return
  const lines: HistoryLine[] = []
  let lacksNothing = false
  try {
    lacksNothing = await importVersions(run, throttle, { history, lines })
  } finally {
    const { cldVersion } = asset
    await batch.add(lines, lacksNothing && cldVersion !== null ? { assetId: asset.assetId, cldVersion } : null)
  }
}

interface Importing {
  readonly history: BackupHistory
  /** Filled as versions come in, so that none is lost when a later one ends the run. */
  readonly lines: HistoryLine[]
}

/** True when the vault then has every version, or had it removed: there is nothing more to ask for. */
async function importVersions(run: ImportRun, throttle: Throttle, { history, lines }: Importing): Promise<boolean> {
  const { row } = history
  const known = await run.deps.catalog.read((tx) => tx.versionsOf(run.cloud, row.facts.assetId))
  let lacksNothing = countUnreadable(run, history)
  for (const judged of sortOut(history, known)) {
    run.counts.versionsFound += 1
    if (judged.verdict !== 'fetch') {
      count(run, row, judged)
      lacksNothing &&= judged.verdict === 'kept' || judged.verdict === 'purged'
      continue
    }
    const at = { asset: row.facts, versionId: judged.version.versionId }
    const line = await attempt(run, at, () => bringIn(run, throttle, { row, judged }))
    if (line === undefined) lacksNothing = false
    // Where the service gives no version numbers only the bytes tell that the vault has them.
    else if (judged.version.cldVersion === null && known.some(({ object }) => object === line.entry.object)) {
      run.counts.alreadyKept += 1
    } else {
      lines.push(line)
      countImported(run, line)
    }
    announce(run)
  }
  return lacksNothing
}

function countImported({ counts, deps }: ImportRun, { entry, since }: HistoryLine): void {
  const bytes = entry.size ?? 0
  counts.imported += 1
  counts.importedBytes += bytes
  deps.listen({ type: 'imported', publicId: entry.publicId, version: entry.version, since, bytes })
}

async function bringIn(
  run: ImportRun,
  throttle: Throttle,
  { row, judged }: { readonly row: AccountRow; readonly judged: Judged },
): Promise<HistoryLine> {
  const { assetId } = row.facts
  const { version } = judged
  const kept = await fetchVersion(run, throttle, { assetId, name: nameOf(row.facts), version })
  return lineOf(row.facts, judged, kept, run.deps.now().toISOString())
}

const COUNTED: Readonly<
  Record<Exclude<Verdict, 'fetch'>, 'alreadyKept' | 'purged' | 'leftToBackup' | 'notRestorable'>
> = {
  kept: 'alreadyKept',
  purged: 'purged',
  current: 'leftToBackup',
  'not-restorable': 'notRestorable',
}

function count({ counts, deps }: ImportRun, { facts }: AccountRow, { verdict, version }: Judged): void {
  if (verdict === 'fetch') return
  counts[COUNTED[verdict]] += 1
  if (verdict === 'not-restorable') {
    deps.listen({ type: 'not-restorable', publicId: facts.publicId, versionId: version.versionId })
  }
}

/** Versions that cannot even be named are failures too: nothing is left out in silence. True when there are none. */
function countUnreadable(run: ImportRun, { row, unreadable }: BackupHistory): boolean {
  if (unreadable === 0) return true
  run.counts.versionsFound += unreadable
  run.counts.failed += unreadable - 1
  const reason = `${unreadable} of its versions come without an id that could be asked for`
  fail(run, { ...identity(row.facts), code: 'API_UNEXPECTED', reason }, null)
  return false
}

const identity = ({ assetId, publicId, resourceType, type }: AssetIdentity): AssetIdentity => ({
  assetId,
  publicId,
  resourceType,
  type,
})

interface At {
  readonly asset: AssetIdentity
  /** Null while the asset itself is asked for. */
  readonly versionId: string | null
}

/** Undefined when it failed: it is named then, and the others go on. Throws what must end the run. */
async function attempt<T>(run: ImportRun, at: At, work: () => Promise<T>): Promise<T | undefined> {
  const { outage } = run.live
  const kind = at.versionId === null ? 'asks' : 'downloads'
  try {
    const done = await work()
    outage[kind] = 0
    return done
  } catch (error) {
    if (!isAppError(error) || run.signal.aborted || ENDING.has(error.code)) throw error
    fail(run, { ...identity(at.asset), code: error.code, reason: error.message }, at.versionId)
    outage[kind] = OF_THE_SERVICE.has(error.code) ? outage[kind] + 1 : 0
    if (outage[kind] < OUTAGE) return undefined
    throw new AppError(error.code, `${OUTAGE} in a row could not be had: ${error.message}`, {
      hint: error.hint ?? 'the network or the service is down; run again later, what is finished is kept',
      cause: error,
    })
  }
}

const ENDING: ReadonlySet<string> = new Set([
  'INTERRUPTED',
  'API_LIMIT',
  'CREDENTIALS_REFUSED',
  'STORE_FULL',
  'STORE_REFUSED',
  'STORE_UNAVAILABLE',
])

/** Not the fault of one asset. Where backups lie in a storage of the account's own, its host may have to be allowed. */
const OF_THE_SERVICE: ReadonlySet<string> = new Set(['DOWNLOAD_UNAVAILABLE', 'API_UNAVAILABLE', 'HOST_REFUSED'])
