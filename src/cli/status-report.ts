import type { RunRow, SnapshotRow } from '../catalog/catalog.ts'
import type { DrillRecord } from '../maintenance/drill/record.ts'
import type { LatestProofs } from '../maintenance/proofs.ts'
import type { Restorability } from '../maintenance/restorable/restorable.ts'
import type { Verdict } from '../maintenance/restorable/verdict.ts'
import { changesOf } from './commands/snapshots.ts'
import { formatAge, formatBytes, formatDuration, formatTime, plural, safe } from './format.ts'
import { obstacleRemedy, obstacleText, restorableSentence } from './status-sentence.ts'
import { renderFacts } from './table.ts'
import type { Theme } from './theme.ts'

/** One account as `status` sees it. */
export interface Standing {
  readonly cloud: string
  readonly last: SnapshotRow | null
  readonly lastComplete: SnapshotRow | null
  readonly snapshots: number
  readonly versions: number
  readonly runs: readonly RunRow[]
  readonly open: RunRow | null
  /** Assets that the newest snapshot could not keep, a few by name. */
  readonly failed: readonly string[]
  /** Kept once and not in the account any more. */
  readonly gone: number
  readonly imported: number
  readonly keptByRetention: number
  readonly downloadBytesPerSecond: number | null
  readonly look: Restorability
  readonly verdict: Verdict
  readonly lastDrill: DrillRecord | null
}

/** What is not about one account. */
export interface StatusFrame {
  readonly proofs: LatestProofs
  /** ` --vault X` for commands, or nothing. */
  readonly vaultFlag: string
  readonly now: number
}

/** Older than this, a person should know. */
const STALE_MS = 48 * 3_600_000

export const sentenceOf = (standing: Standing, { proofs, now }: StatusFrame): string =>
  restorableSentence({ verdict: standing.verdict, proofs, lastDrill: standing.lastDrill }, now)

/** One thing, the most urgent; null when all is well. */
function whatToDo(standing: Standing, { vaultFlag: flag, now }: StatusFrame): string | null {
  const { last, open, runs, verdict } = standing
  if (runs[0]?.status === 'guard')
    return `look at the account, then cloudkeep backup${flag} --yes-mass-change if the change is meant`
  const obstacle = verdict.obstacles.find(({ kind }) => kind !== 'no-snapshot' && kind !== 'only-partial')
  if (obstacle !== undefined) return obstacleRemedy(obstacle, flag)
  if (open) return `cloudkeep backup${flag} goes on with the unfinished run`
  if (!last) return `cloudkeep backup${flag}`
  if (last.snapshot.totals.failed > 0)
    return `cloudkeep snapshots${flag} --failed --limit 1 names what failed; cloudkeep backup${flag} tries again`
  if (!last.snapshot.complete) return `cloudkeep backup${flag}`
  if (isStale(last, now)) return `cloudkeep backup${flag}; let a timer or cron run it every day`
  if (standing.lastDrill === null) return `cloudkeep drill${flag} rehearses a restore and keeps the evidence`
  return null
}

export const standingRecord = (standing: Standing, frame: StatusFrame): object => ({
  cloud: standing.cloud,
  sentence: sentenceOf(standing, frame),
  restorable: standing.verdict.ok,
  asOf: standing.verdict.asOf,
  obstacles: standing.verdict.obstacles,
  checkedAt: standing.look.checkedAt,
  objects: standing.look.objects,
  snapshots: standing.snapshots,
  versions: standing.versions,
  assets: standing.last?.snapshot.assets ?? 0,
  bytes: standing.last?.snapshot.bytes ?? 0,
  lastSnapshot: brief(standing.last),
  lastComplete: brief(standing.lastComplete),
  failed: standing.last?.snapshot.totals.failed ?? 0,
  failedNames: standing.failed,
  gone: standing.gone,
  imported: standing.imported,
  keptByRetention: standing.keptByRetention,
  purged: standing.look.purged,
  recordsOnly: standing.look.records,
  lastDrill: standing.lastDrill === null ? null : { ...standing.lastDrill, results: undefined },
  openRun: standing.open,
  runs: standing.runs,
  todo: whatToDo(standing, frame),
})

const brief = (row: SnapshotRow | null): object | null =>
  row && {
    id: row.snapshot.id,
    startedAt: row.snapshot.startedAt,
    takenAt: row.snapshot.takenAt,
    complete: row.snapshot.complete,
    totals: row.snapshot.totals,
  }

export function renderStanding(standing: Standing, frame: StatusFrame, theme: Theme): string[] {
  const todo = whatToDo(standing, frame)
  const { obstacles } = standing.verdict
  return [
    '',
    `${theme.strong(standing.cloud)}  ${health(standing, theme, frame.now)}`,
    ...obstacles.map((each) => `  ${theme.bad(theme.marks.bad)} ${obstacleText(each)}`),
    ...renderFacts(
      factsOf(standing, frame, theme).map(([name, value]) => [`  ${name}`, value] as const),
      theme.dim,
    ),
    ...runLines(standing.runs, theme),
    ...(todo === null ? [] : [`${theme.accent('  next')}  ${todo}`]),
  ]
}

type Fact = readonly [name: string, value: string | null]

function factsOf(standing: Standing, { now }: StatusFrame, theme: Theme): readonly Fact[] {
  const { last, lastComplete, open, lastDrill, look } = standing
  const partial = last !== null && !last.snapshot.complete
  const when = (at: string): string => `${formatTime(at)} (${formatAge(at, now)})`
  const snapshot = (row: SnapshotRow): string => `${theme.accent(row.snapshot.id)}  ${when(row.snapshot.takenAt)}`
  const failed = last?.snapshot.totals.failed ?? 0
  const more = failed > standing.failed.length ? ` and ${plural(failed - standing.failed.length, 'more', 'more')}` : ''
  const besides = [
    look.records > 0 ? `${plural(look.records, 'asset')} kept as a record only` : '',
    standing.gone > 0 ? `${plural(standing.gone, 'asset')} gone from the account` : '',
    standing.imported > 0 ? `${plural(standing.imported, 'imported version')}` : '',
    standing.keptByRetention > 0 ? `${plural(standing.keptByRetention, 'version')} kept by a rule` : '',
    look.purged > 0 ? `${plural(look.purged, 'version')} purged` : '',
  ].filter((text) => text !== '')
  return [
    ['last snapshot', last && snapshot(last)],
    ['changed in it', last && changesOf(last)],
    ['last complete', partial ? (lastComplete ? snapshot(lastComplete) : 'none yet') : null],
    ['not kept', failed === 0 ? null : theme.warn(`${standing.failed.map(safe).join(', ')}${more}`)],
    ['holds', last && `${plural(last.snapshot.assets, 'asset')}, ${formatBytes(last.snapshot.bytes)}`],
    ['history', `${plural(standing.snapshots, 'snapshot')}, ${plural(standing.versions, 'version')}`],
    ['besides', besides.length === 0 ? null : besides.join(', ')],
    ['objects', last && `${plural(look.objects, 'object')} looked for ${formatAge(look.checkedAt, now)}`],
    ['rehearsed', lastDrill && `${when(lastDrill.at)}, ${drillText(lastDrill)}`],
    ['unfinished', open && `${open.command} since ${when(open.startedAt)}`],
  ]
}

const drillText = ({ restored, failed, bytes }: DrillRecord): string =>
  `${plural(restored, 'asset')}, ${formatBytes(bytes)}${failed === 0 ? '' : `, ${plural(failed, 'asset')} not restored`}`

function health({ last }: Standing, theme: Theme, now: number): string {
  const { marks } = theme
  if (!last) return theme.warn(`${marks.warn} no snapshot yet`)
  if (!last.snapshot.complete) return theme.warn(`${marks.warn} the last snapshot is partial`)
  if (isStale(last, now))
    return theme.warn(
      `${marks.warn} the last snapshot is ${formatAge(last.snapshot.takenAt, now).replace(' ago', ' old')}`,
    )
  return theme.ok(`${marks.ok} complete`)
}

const isStale = (row: SnapshotRow, now: number): boolean => now - Date.parse(row.snapshot.takenAt) > STALE_MS

function runLines(runs: readonly RunRow[], theme: Theme): string[] {
  if (runs.length === 0) return []
  const lines = runs.map((run) => {
    const took = run.finishedAt === null ? '' : formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))
    const word =
      run.status === 'done'
        ? theme.ok(run.status)
        : run.status === 'running'
          ? theme.accent(run.status)
          : theme.warn(run.status)
    const facts = [
      took,
      run.apiCalls > 0 ? plural(run.apiCalls, 'API call') : '',
      run.message ? safe(run.message) : '',
    ].filter((text) => text !== '')
    return `    ${formatTime(run.startedAt)}  ${run.command}  ${word}  ${theme.dim(facts.join(', '))}`
  })
  return [theme.dim('  last runs'), ...lines]
}
