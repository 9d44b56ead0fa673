import type { ReadWish } from '../maintenance/verify/reading.ts'
import type { Finding, LiveReport, Lost, Repaired, VerifyReport } from '../maintenance/verify/report.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from './format.ts'
import type { Theme } from './theme.ts'

/** Of each list so many are shown; `--json` has all. */
const SHOWN = 20

interface Asked {
  readonly wish: ReadWish
  readonly repair: boolean
  readonly theme: Theme
}

/** What a check found and did, as lines for people. */
export function renderReport(report: VerifyReport, asked: Asked): string[] {
  const { theme } = asked
  const { lines: lost, more } = lostLines(report.lost, theme)
  return [
    ...first(report.findings, (finding) => renderFinding(finding, theme), theme),
    ...first(report.repaired, (repaired) => [renderRepaired(repaired, theme)], theme),
    ...renderQuarantine(report, theme),
    ...lost,
    ...(more > 0 ? [theme.dim(`  and ${formatCount(more)} more; --json names them all`)] : []),
    ...(report.live === null ? [] : renderLive(report.live, theme)),
    ...renderVerdict(report, asked),
  ]
}

function first<T>(all: readonly T[], render: (one: T) => readonly string[], theme: Theme): string[] {
  const lines = all.slice(0, SHOWN).flatMap(render)
  const more = all.length - SHOWN
  return more > 0 ? [...lines, theme.dim(`  and ${formatCount(more)} more; --json names them all`)] : lines
}

function renderFinding(finding: Finding, theme: Theme): string[] {
  const mark = finding.severity === 'error' ? theme.bad(theme.marks.bad) : theme.warn(theme.marks.warn)
  const affects = finding.affects.map(({ cloud, publicId }) =>
    theme.dim(`    needed by ${safe(publicId)} (${safe(cloud)})`),
  )
  return [
    `${mark} ${theme.strong(finding.code)}  ${safe(finding.message)}`,
    `    ${theme.dim(safe(finding.subject))}`,
    ...affects,
  ]
}

export const renderDifference = ({ code, subject, message }: Finding, theme: Theme): string[] => [
  `${theme.warn(theme.marks.warn)} ${theme.strong(code.replace('live-', ''))}  ${safe(subject)}  ${theme.dim(safe(message))}`,
]

/** Twelve digits tell objects apart; a key is shown whole. */
const short = (subject: string): string => (/^[0-9a-f]{64}$/.test(subject) ? subject.slice(0, 12) : safe(subject))

function renderRepaired({ subject, source, from }: Repaired, theme: Theme): string {
  if (source === 'unneeded')
    return `${theme.ok(theme.marks.ok)} ${theme.strong('taken away')}  ${short(subject)}, which nothing needs`
  return `${theme.ok(theme.marks.ok)} ${theme.strong('repaired')}  ${short(subject)} from ${safe(from)}`
}

function renderQuarantine({ repaired, lost }: VerifyReport, theme: Theme): string[] {
  const moved = [...repaired, ...lost].filter(({ quarantined }) => quarantined !== null).length
  return moved === 0 ? [] : [theme.dim(`  the bad bytes (${plural(moved, 'file')}) lie in quarantine/ in the vault`)]
}

function lostLines(lost: readonly Lost[], theme: Theme): { lines: string[]; more: number } {
  const all = lost.flatMap((one) => renderLost(one, theme))
  return { lines: all.slice(0, SHOWN), more: Math.max(0, all.length - SHOWN) }
}

/** One line for each version of each asset; lists of assets have one line. */
function renderLost(lost: Lost, theme: Theme): string[] {
  const verdict =
    lost.mayReturn === null
      ? theme.bad(`${theme.marks.bad} lost for good`)
      : theme.warn(`${theme.marks.warn} not repaired`)
  const reason = lost.mayReturn === null ? '' : theme.dim(`  ${safe(lost.mayReturn)}`)
  if (lost.versions.length === 0) {
    const of = lost.what === 'snapshot' ? '' : ` of ${plural(lost.snapshots.length, 'snapshot')}`
    return [`${verdict}  the ${lost.what === 'asset' ? 'object' : lost.what}${of} ${short(lost.subject)}${reason}`]
  }
  return lost.versions.map(({ resourceType, type, publicId, version, capturedAt, snapshots }) => {
    const name = `${safe(resourceType)}/${safe(type)}/${safe(publicId)}`
    const which = `version ${version} of ${formatTime(capturedAt)}, in ${plural(snapshots.length, 'snapshot')}`
    const part = lost.what === 'derived' ? 'a derived file of ' : ''
    return `${verdict}  ${part}${theme.strong(name)}  ${theme.dim(which)}${reason}`
  })
}

function renderLive(live: LiveReport, theme: Theme): string[] {
  const parts = [
    [live.notKept, 'not kept'],
    [live.replaced, 'replaced'],
    [live.renamed, 'renamed'],
    [live.relabelled, 'relabelled'],
    [live.gone, 'gone'],
  ] as const
  const differing = parts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`)
  const same = `${plural(live.same, 'asset')} of ${safe(live.cloud)} as in the newest snapshot`
  const how = live.md5Compared ? '' : theme.dim('  by length only')
  if (differing.length === 0) return [`${theme.ok(theme.marks.ok)} the account is as kept  ${same}${how}`]
  return [
    `${theme.warn(theme.marks.warn)} the account differs: ${differing.join(', ')}  ${theme.dim(same)}${how}`,
    `${theme.accent('next')}  cloudkeep backup keeps what has changed since`,
  ]
}

function renderVerdict(report: VerifyReport, { wish, repair, theme }: Asked): string[] {
  const { errors, findings } = report
  const fine = report.everyByte && wish.kind === 'all' ? 'every byte is there and right' : 'everything is there'
  const verdict =
    errors > 0 ? theme.bad(`${theme.marks.bad} ${plural(errors, 'error')}`) : theme.ok(`${theme.marks.ok} ${fine}`)
  const counted = `${plural(report.snapshots, 'snapshot')}, ${plural(report.objects, 'object')}, ${formatBytes(report.bytes)}`
  const warnings = findings.filter(({ severity }) => severity === 'warning').length
  return [
    `${verdict}  ${counted}${theme.dim(`  ${theme.marks.dot}  ${formatDuration(report.durationMs)}`)}`,
    ...renderReading(report, wish, theme),
    ...(report.purged > 0 ? [theme.dim(`  ${formatCount(report.purged)} purged on purpose`)] : []),
    ...(warnings > 0 ? [theme.warn(`${theme.marks.warn} ${plural(warnings, 'warning')}`)] : []),
    ...(errors > 0 ? [nextStep(report, { wish, repair, theme })] : []),
  ]
}

function renderReading(report: VerifyReport, wish: ReadWish, theme: Theme): string[] {
  if (wish.kind === 'all') return []
  if (wish.kind === 'none')
    return [theme.dim('  names and lengths were checked; --read all, or a part, also reads the bytes')]
  const read = `  read ${formatBytes(report.bytesRead)} in ${plural(report.read, 'object')}`
  if (report.cycle === null) return [theme.dim(read)]
  const since = formatTime(report.cycle.startedAt)
  if (report.everyByte) return [`${theme.dim(`${read};`)} every byte has now been read since ${since}`]
  const share = Math.floor(report.cycle.share * 100)
  return [theme.dim(`${read}; ${share} % since ${since}, the next part goes on there`)]
}

function nextStep(report: VerifyReport, { wish, repair, theme }: Asked): string {
  const next = theme.accent('next')
  if (!repair) {
    const read = wish.kind === 'none' ? 'none' : 'all'
    return `${next}  cloudkeep verify --read ${read} --repair [--from VAULT] mends what another place still has`
  }
  if (report.lost.some(({ what }) => what === 'segment'))
    return `${next}  cloudkeep backup records again what the account still has`
  return `${next}  give another copy of the vault with --from, if there is one`
}
