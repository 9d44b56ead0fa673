import type { CatalogReader, RunRow, SnapshotRow } from '../../catalog/catalog.ts'
import { chooseCloud, isAskedFor } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatAge, formatBytes, formatDuration, formatTime, plural, safe } from '../format.ts'
import { quoteWord, shortPath } from '../path-shown.ts'
import { renderFacts } from '../table.ts'
import type { Theme } from '../theme.ts'
import { changesOf } from './snapshots.ts'

export const status: CliCommand = {
  name: 'status',
  summary: 'how the vault stands: last snapshot, its age, sizes, runs, and what to do',
  group: 'look',
  operands: [['[VAULT]', 'where the vault is: a folder']],
  run,
}

/** One account as `status` sees it. */
interface Standing {
  readonly cloud: string
  readonly last: SnapshotRow | null
  readonly lastComplete: SnapshotRow | null
  readonly snapshots: number
  readonly versions: number
  readonly runs: readonly RunRow[]
  readonly open: RunRow | null
}

/** Older than this, a person should know. */
const STALE_MS = 48 * 3_600_000

async function run(call: Call): Promise<Result> {
  const { out, settings } = call
  const catalog = await (await call.context()).catalog()
  const standings = await catalog.read(async (reader) => {
    const asked = isAskedFor(settings.config)
    const clouds = asked ? [await chooseCloud(reader, settings.config)] : await cloudsOf(reader, settings.config.cloud)
    const all: Standing[] = []
    for (const cloud of clouds) all.push(await standingOf(reader, cloud))
    return all
  })
  const vault = shortPath(settings.config.vault.path)
  out.line(`${out.theme.dim('vault')}  ${out.theme.strong(safe(vault))}`)
  for (const standing of standings) {
    const todo = whatToDo(standing, { vault, now: call.now() })
    out.record('account', recordOf(standing, todo))
    for (const line of render(standing, todo, { theme: out.theme, now: call.now() })) out.line(line)
  }
  if (standings.length === 0)
    out.line(`\nno snapshot yet\n${out.theme.accent('next')}  cloudkeep backup${vaultFlag(vault)}`)
  return { exit: EXIT.done, summary: { accounts: standings.length } }
}

/** The accounts with snapshots, and the one of the credentials when a run of it has begun. */
async function cloudsOf(reader: CatalogReader, own: string | null): Promise<readonly string[]> {
  const clouds = await reader.clouds()
  if (own === null || clouds.includes(own)) return clouds
  return (await reader.runs(own, 1)).length > 0 ? [...clouds, own] : clouds
}

async function standingOf(reader: CatalogReader, cloud: string): Promise<Standing> {
  const snapshots = await reader.snapshots(cloud)
  const counts = await reader.changeCounts(cloud)
  return {
    cloud,
    last: snapshots.at(-1) ?? null,
    lastComplete: await reader.lastSnapshot(cloud, 'complete'),
    snapshots: snapshots.length,
    versions: counts.reduce((sum, each) => sum + (each.change === 'gone' ? 0 : each.count), 0),
    runs: await reader.runs(cloud, 5),
    open: await reader.openRun(cloud),
  }
}

const recordOf = (standing: Standing, todo: string | null): object => ({
  cloud: standing.cloud,
  snapshots: standing.snapshots,
  versions: standing.versions,
  assets: standing.last?.snapshot.assets ?? 0,
  bytes: standing.last?.snapshot.bytes ?? 0,
  lastSnapshot: brief(standing.last),
  lastComplete: brief(standing.lastComplete),
  openRun: standing.open,
  runs: standing.runs,
  todo,
})

const brief = (row: SnapshotRow | null): object | null =>
  row && {
    id: row.snapshot.id,
    takenAt: row.snapshot.takenAt,
    complete: row.snapshot.complete,
    totals: row.snapshot.totals,
  }

function render(standing: Standing, todo: string | null, at: { theme: Theme; now: number }): string[] {
  const { theme, now } = at
  const { last, lastComplete, open } = standing
  const partial = last && !last.snapshot.complete
  return [
    '',
    `${theme.strong(standing.cloud)}  ${health(standing, theme, now)}`,
    ...renderFacts(
      [
        [
          '  last snapshot',
          last &&
            `${theme.accent(last.snapshot.id)}  ${formatTime(last.snapshot.takenAt)} (${formatAge(last.snapshot.takenAt, now)})`,
        ],
        ['  changed in it', last && changesOf(last)],
        [
          '  last complete',
          partial
            ? lastComplete
              ? `${theme.accent(lastComplete.snapshot.id)}  ${formatTime(lastComplete.snapshot.takenAt)} (${formatAge(lastComplete.snapshot.takenAt, now)})`
              : 'none yet'
            : null,
        ],
        ['  holds', last && `${plural(last.snapshot.assets, 'asset')}, ${formatBytes(last.snapshot.bytes)}`],
        ['  history', `${plural(standing.snapshots, 'snapshot')}, ${plural(standing.versions, 'version')}`],
        [
          '  unfinished',
          open && `${open.command} since ${formatTime(open.startedAt)} (${formatAge(open.startedAt, now)})`,
        ],
      ],
      theme.dim,
    ),
    ...runLines(standing.runs, theme),
    ...(todo === null ? [] : [`${theme.accent('  next')}  ${todo}`]),
  ]
}

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

const vaultFlag = (vault: string): string => (vault === './cloudkeep-vault' ? '' : ` --vault ${quoteWord(vault)}`)

/** One thing, the most urgent; null when all is well. */
function whatToDo(standing: Standing, at: { vault: string; now: number }): string | null {
  const flag = vaultFlag(at.vault)
  const { last, open, runs } = standing
  if (runs[0]?.status === 'guard')
    return `look at the account, then cloudkeep backup${flag} --yes-mass-change if the change is meant`
  if (open) return `cloudkeep backup${flag} goes on with the unfinished run`
  if (!last) return `cloudkeep backup${flag}`
  if (last.snapshot.totals.failed > 0)
    return `cloudkeep snapshots${flag} --failed --limit 1 names what failed; cloudkeep backup${flag} tries again`
  if (!last.snapshot.complete) return `cloudkeep backup${flag}`
  if (isStale(last, at.now)) return `cloudkeep backup${flag}; let a timer or cron run it every day`
  return null
}
