import { writtenName } from '../cloudinary/writer.ts'
import type { FolderReport } from '../restore/folder/report.ts'
import type { PlanTotals, RestoreReport } from '../restore/report.ts'
import { formatBytes, formatCount, formatDuration, plural, safe } from './format.ts'
import type { Theme } from './theme.ts'

/** Names shown one by one; the rest is a number. */
const SHOWN = 20

/** What a restore to an account did, or would do. */
export function renderRestoreReport(
  report: RestoreReport,
  at: { readonly theme: Theme; readonly dryRun: boolean; readonly map?: string | null | undefined },
): string[] {
  const { theme } = at
  if (at.dryRun) return renderPlan(report.totals, theme)
  const mark = report.complete ? theme.ok(theme.marks.ok) : theme.warn(theme.marks.warn)
  const counts = [
    `${plural(report.restored, 'asset')} restored`,
    report.same > 0 ? `${formatCount(report.same)} already as they were` : '',
    report.conflicts > 0 ? `${formatCount(report.conflicts)} left alone` : '',
    report.failures.length > 0 ? theme.bad(`${formatCount(report.failures.length)} failed`) : '',
  ].filter((text) => text !== '')
  const sent = report.uploadedBytes > 0 ? `, ${formatBytes(report.uploadedBytes)} sent` : ''
  const cost = `${plural(report.apiCalls, 'API call')}, ${plural(report.uploadCalls, 'upload call')}`
  const lines = [
    `${mark} ${counts.join(', ')}${sent}  ${theme.dim(`${theme.marks.dot}  ${formatDuration(report.durationMs)}, ${cost}`)}`,
    ...report.incomplete
      .slice(0, SHOWN)
      .map(
        ({ name, fields }) =>
          `${theme.bad(theme.marks.bad)} ${safe(writtenName(name))}  not as it was: ${fields.join(', ')}`,
      ),
  ]
  const made = report.configuration.filter(({ outcome }) => outcome === 'made' || outcome === 'changed').length
  if (made > 0) lines.push(`  ${plural(made, 'part')} of folders and configuration made or changed`)
  if (report.conflicts > 0) {
    lines.push(`${theme.accent('next')}  --conflict overwrite replaces what was left alone; -n shows what differs`)
  }
  if (report.restored > 0)
    lines.push(theme.dim(`  Cloudinary’s own, and not to be set by anybody: ${report.notReproducible.join(', ')}`))
  if (at.map) lines.push(`  old and new addresses: ${at.map}`)
  if (report.restored > 0) {
    lines.push(`  ${theme.dim(`cloudkeep restore --undo ${report.run} takes it back`)}`)
  }
  return lines
}

function renderPlan(totals: PlanTotals, theme: Theme): string[] {
  const parts = Object.entries(totals.byAction)
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${formatCount(count)} ${action}`)
  const bytes = totals.bytes > 0 ? `${formatBytes(totals.bytes)} to send, ` : ''
  return [
    `${theme.strong('plan')}  ${plural(totals.assets, 'asset')}: ${parts.join(', ') || 'nothing to do'}`,
    theme.dim(
      `  ${bytes}${plural(totals.uploads, 'upload call')}, about ${plural(totals.adminCalls, 'Admin API call')}, about ${formatDuration(totals.seconds * 1000)}`,
    ),
  ]
}

/** What a restore to a folder did, or would do. */
export function renderFolderReport(
  report: FolderReport,
  at: { readonly theme: Theme; readonly dryRun: boolean },
): string[] {
  const { theme } = at
  const { counts } = report
  const written = counts.restored + counts.renamed + counts.replaced
  const mark = report.missing.length === 0 ? theme.ok(theme.marks.ok) : theme.warn(theme.marks.warn)
  const words = [
    `${plural(written, 'file')} ${at.dryRun ? 'to restore' : 'restored'}`,
    counts['already-there'] > 0 ? `${formatCount(counts['already-there'])} already there` : '',
    counts['newer-there'] > 0 ? `${formatCount(counts['newer-there'])} newer there` : '',
    counts.conflict > 0 ? theme.warn(`${plural(counts.conflict, 'conflict')}`) : '',
    counts['no-bytes'] > 0 ? `${formatCount(counts['no-bytes'])} without bytes (remote, or kept as records)` : '',
    counts.purged > 0 ? `${formatCount(counts.purged)} purged` : '',
    counts.failed > 0 ? theme.bad(`${formatCount(counts.failed)} failed`) : '',
  ].filter((text) => text !== '')
  const lines = [
    `${mark} ${words.join(', ')} ${theme.dim(theme.marks.arrow)} ${safe(report.target)}  ${theme.dim(`${formatBytes(report.bytes)}, ${formatDuration(report.durationMs)}${at.dryRun ? '' : ', each file read back'}`)}`,
  ]
  for (const file of report.missing.slice(0, SHOWN)) {
    lines.push(`${theme.bad(theme.marks.bad)} ${safe(file.publicId)}  ${safe(file.reason ?? file.outcome)}`)
  }
  if (report.missing.length > SHOWN) lines.push(theme.dim(`  and ${formatCount(report.missing.length - SHOWN)} more`))
  if (counts.conflict > 0)
    lines.push(`${theme.accent('next')}  --conflict overwrite, newer or rename decides about files that are there`)
  return lines
}
