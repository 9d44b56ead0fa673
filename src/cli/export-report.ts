import { type ExportFormat, type ExportReport, isDamaged, type LeftOut } from '../export/report.ts'
import { formatBytes, formatCount, formatDuration, plural, safe } from './format.ts'
import { renderFacts } from './table.ts'
import type { Theme } from './theme.ts'

/** Files named on a terminal; with --json all of them are records. */
const SHOWN = 20

const WHERE: Readonly<Record<ExportFormat, string>> = {
  tree: 'metadata/left-out.ndjson',
  zip: 'metadata/left-out.ndjson',
  bagit: 'data/metadata/left-out.ndjson',
}

export function renderExportReport(
  report: ExportReport,
  at: { readonly theme: Theme; readonly target: string; readonly format: ExportFormat },
): string[] {
  const { theme, target, format } = at
  const { leftOut } = report
  const lines = leftOut.slice(0, SHOWN).flatMap((each) => renderLeftOut(each, theme))
  if (leftOut.length > SHOWN)
    lines.push(theme.dim(`and ${formatCount(leftOut.length - SHOWN)} more; ${WHERE[format]} names them all`))
  if (lines.length > 0) lines.push('')
  const verdict = isDamaged(report)
    ? theme.warn(`${theme.marks.warn} exported, but for what is damaged`)
    : theme.ok(`${theme.marks.ok} exported`)
  const dot = theme.dim(`  ${theme.marks.dot}  `)
  lines.push(`${verdict}  ${[theme.strong(safe(target)), format, formatDuration(report.durationMs)].join(dot)}`)
  lines.push(...factLines(report, theme))
  if (isDamaged(report))
    lines.push('', `${theme.accent('next')}  cloudkeep verify --read all --repair, then the same export again`)
  return lines
}

const factLines = (report: ExportReport, theme: Theme): string[] =>
  renderFacts(
    [
      ['  from', `${safe(report.cloud)}, snapshot ${theme.accent(report.snapshot)}`],
      ['  files', `${formatCount(report.files)}, ${formatBytes(report.bytes)}${speedOf(report)}`],
      ['  there already', report.there > 0 ? `${formatCount(report.there)} of them` : null],
      [
        '  metadata only',
        report.recordsOnly > 0 ? `${plural(report.recordsOnly, 'asset')}, kept as records without bytes` : null,
      ],
      ['  left out', report.leftOut.length > 0 ? theme.warn(plural(report.leftOut.length, 'file')) : null],
    ],
    theme.dim,
  )

function speedOf({ bytes, there, durationMs }: ExportReport): string {
  if (there > 0 || durationMs < 50 || bytes === 0) return ''
  return `, ${formatCount(Math.round(bytes / 1000 / durationMs))} MB/s`
}

function renderLeftOut({ code, file, reason }: LeftOut, theme: Theme): string[] {
  const mark = code === 'purged' ? theme.dim(theme.marks.dot) : theme.bad(theme.marks.bad)
  return [`${mark} ${theme.strong(code)}  ${safe(file)}`, `    ${theme.dim(safe(reason))}`]
}
