import type { BackupReport, GuardVerdict } from '../backup/report.ts'
import type { Failure, PartialReason } from '../model/snapshot.ts'
import { formatBytes, formatCount, formatDuration, pad, plural, safe, wrap } from './format.ts'
import type { Theme } from './theme.ts'

const MOST_FAILURES = 20

const REASONS: Readonly<Record<PartialReason, string>> = {
  failures: 'some assets could not be kept',
  guard: 'the guard stopped it',
  'scan-incomplete': 'the account could not be read to its end',
  'configuration-incomplete': 'part of the configuration could not be read',
}

export interface ReportPlace {
  /** For reading: a path or a URL without parameters. */
  readonly vault: string
  /** ` --vault X` for commands, or nothing. */
  readonly vaultFlag: string
  readonly dryRun: boolean
  readonly verbose: boolean
  /** Null: do not break lines. */
  readonly width: number | null
}

/** What a person reads after a backup: the outcome, the counts, what failed by name, and what to do next. */
export function renderBackupReport(report: BackupReport, theme: Theme, place: ReportPlace): string[] {
  const lines = ['', headline(report, theme, place), '']
  if (!report.complete && !report.guard && !place.dryRun) {
    const why = report.partialReasons.map((reason) => REASONS[reason]).join(', ')
    lines.splice(2, 0, theme.warn(`  ${why || 'not everything could be kept'}`))
  }
  lines.push(...countLines(report, theme, place.dryRun))
  if (report.failures.length > 0) lines.push('', ...failureLines(report.failures, theme, place))
  if (report.guard) lines.push('', ...guardLines(report.guard, theme))
  lines.push('', ...nextLines(report, theme, place))
  return lines
}

function headline(report: BackupReport, theme: Theme, place: ReportPlace): string {
  const { marks } = theme
  const facts = [
    theme.strong(report.cloud),
    report.snapshot === null ? null : `snapshot ${theme.accent(report.snapshot)}`,
    formatDuration(report.durationMs),
  ].filter((part) => part !== null)
  const verdict = place.dryRun
    ? theme.accent(`${marks.dot} dry run, nothing was written`)
    : report.guard
      ? theme.bad(`${marks.bad} stopped by the guard`)
      : report.complete
        ? theme.ok(`${marks.ok} complete`)
        : theme.warn(`${marks.warn} partial`)
  return `${verdict}  ${facts.join(theme.dim(`  ${marks.dot}  `))}`
}

function countLines(report: BackupReport, theme: Theme, dryRun: boolean): string[] {
  const { totals } = report
  const rows: [string, number, string][] = [
    ['scanned', totals.scanned, ''],
    [dryRun ? 'to fetch' : 'fetched', totals.fetched, totals.fetchedBytes > 0 ? formatBytes(totals.fetchedBytes) : ''],
    ['unchanged', totals.unchanged, ''],
    ['relabelled', totals.relabelled, 'new metadata, same bytes'],
    ['renamed', totals.renamed, 'new name or place, same bytes'],
    ['recorded', totals.recorded, 'remote or generated, kept as records'],
    ['gone', totals.gone, 'no longer in the account; still kept here'],
    ['excluded', totals.excluded, excludedText(report.excludedBy)],
    ['failed', totals.failed, ''],
  ]
  // Always there: what a person checks first. The rest only when there is something to say.
  const always = ['scanned', 'fetched', 'to fetch', 'unchanged', 'failed']
  const shown = rows.filter(([name, count]) => count > 0 || always.includes(name))
  const width = Math.max(...shown.map(([, count]) => formatCount(count).length))
  return shown.map(([name, count, note]) => {
    const amount = pad(formatCount(count), width, 'right')
    const painted = name === 'failed' && count > 0 ? theme.bad(amount) : count === 0 ? theme.dim(amount) : amount
    return `  ${theme.dim(pad(name, 11))} ${painted}${note ? `  ${theme.dim(note)}` : ''}`
  })
}

const excludedText = (by: Readonly<Record<string, number>>): string =>
  Object.entries(by)
    .slice(0, 5)
    .map(([rule, count]) => `${formatCount(count)} by ${safe(rule)}`)
    .join(', ')

function failureLines(failures: readonly Failure[], theme: Theme, { verbose, width }: ReportPlace): string[] {
  const shown = verbose ? failures : failures.slice(0, MOST_FAILURES)
  const lines = shown.flatMap((failure) => renderFailure(failure, theme, width))
  const more = failures.length - shown.length
  if (more > 0) lines.push(theme.dim(`  and ${formatCount(more)} more; cloudkeep snapshots --failed names them all`))
  return [theme.strong('could not be kept'), ...lines]
}

export const renderFailure = (failure: Failure, theme: Theme, width: number | null): string[] => [
  `  ${theme.bad(theme.marks.bad)} ${safe(`${failure.resourceType}/${failure.type}/${failure.publicId}`)}`,
  ...wrap(`${failure.code}  ${safe(failure.reason)}`, width === null ? null : width - 4).map(
    (line) => `    ${theme.dim(line)}`,
  ),
]

function guardLines(guard: GuardVerdict, theme: Theme): string[] {
  const share = guard.base === 0 ? 100 : Math.round(((guard.vanished + guard.replaced) / guard.base) * 100)
  return [
    theme.strong('why the guard stopped it'),
    `  of ${plural(guard.base, 'asset')} in the last complete snapshot, ${formatCount(guard.vanished)} vanished and ${formatCount(guard.replaced)} had their bytes replaced (${share} %)`,
    '  nothing was deleted, and everything kept so far is still there',
    theme.dim('  look at the account; if the change is meant, run again with --yes-mass-change'),
  ]
}

function nextLines(report: BackupReport, theme: Theme, place: ReportPlace): string[] {
  const facts: string[] = []
  const fact = (name: string, value: string): void => void facts.push(`  ${theme.dim(pad(name, 11))} ${value}`)
  fact('vault', safe(place.vault))
  if (report.library) {
    const { linked, removed } = report.library
    const did = [
      linked > 0 ? `${formatCount(linked)} placed` : '',
      removed > 0 ? `${formatCount(removed)} removed` : '',
    ].filter((text) => text !== '')
    fact(
      'library',
      safe(`${place.vault}/library/${report.cloud}`) + (did.length > 0 ? theme.dim(`  ${did.join(', ')}`) : ''),
    )
  }
  fact('api', plural(report.apiCalls, 'call'))
  const next = nextStep(report, place)
  return next === null ? facts : [...facts, '', `${theme.accent('next')}  ${next}`]
}

function nextStep(report: BackupReport, place: ReportPlace): string | null {
  const { vaultFlag: vault } = place
  if (place.dryRun) return `cloudkeep backup${vault}   does it`
  if (report.guard) return `cloudkeep backup${vault} --yes-mass-change   takes the change as it is`
  if (!report.complete) return `cloudkeep backup${vault}   tries again what is missing`
  if (report.totals.fetched > 0) return `cloudkeep verify${vault} --read all   reads every byte back`
  return null
}
