import type { Finding, VerifyProgress, VerifyReport } from '../../maintenance/report.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from '../format.ts'
import type { Output } from '../output.ts'
import { bar } from '../progress.ts'
import { createRate, type Rate } from '../rate.ts'
import type { Theme } from '../theme.ts'

export const verify: CliCommand = {
  name: 'verify',
  summary: 'check that everything the snapshots name is there, and with --read all that every byte is right',
  group: 'check',
  operands: [['[VAULT]', 'where the vault is: a folder']],
  options: [
    { flags: '--read <WHAT>', help: 'all: read every object back against its digest (none)', choices: ['all', 'none'] },
  ],
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, options, signal } = call
  const read = options.text('read') === 'all' ? 'all' : 'none'
  const ctx = await call.context()
  const { runVerifyCommand } = await import('../../context.ts')
  const display = createVerifyDisplay(out)
  let report: VerifyReport
  try {
    report = await runVerifyCommand(ctx, { read }, (progress) => display.update(progress), signal)
  } finally {
    display.stop()
  }
  for (const finding of report.findings) {
    out.record('finding', finding)
    for (const line of renderFinding(finding, out.theme)) out.line(line)
  }
  const errors = report.findings.filter((finding) => finding.severity === 'error').length
  for (const line of renderVerdict(report, { errors, read, theme: out.theme })) out.line(line)
  const { findings, ...counts } = report
  return {
    exit: errors > 0 ? EXIT.partial : EXIT.done,
    summary: { ...counts, errors, warnings: findings.length - errors },
  }
}

function renderFinding(finding: Finding, theme: Theme): string[] {
  const mark = finding.severity === 'error' ? theme.bad(theme.marks.bad) : theme.warn(theme.marks.warn)
  const affects = finding.affects
    .slice(0, 5)
    .map(({ cloud, publicId }) => theme.dim(`    needed by ${safe(publicId)} (${safe(cloud)})`))
  const more = finding.affects.length - affects.length
  return [
    `${mark} ${theme.strong(finding.code)}  ${safe(finding.message)}`,
    `    ${theme.dim(safe(finding.subject))}`,
    ...affects,
    ...(more > 0 ? [theme.dim(`    and ${formatCount(more)} more`)] : []),
  ]
}

function renderVerdict(report: VerifyReport, at: { errors: number; read: 'all' | 'none'; theme: Theme }): string[] {
  const { theme } = at
  const warnings = report.findings.length - at.errors
  const verdict =
    at.errors > 0
      ? theme.bad(`${theme.marks.bad} ${plural(at.errors, 'error')}`)
      : theme.ok(`${theme.marks.ok} ${at.read === 'all' ? 'every byte is there and right' : 'everything is there'}`)
  const counted = `${plural(report.snapshots, 'snapshot')}, ${plural(report.objects, 'object')}, ${formatBytes(report.bytes)}`
  const lines = [`${verdict}  ${counted}${theme.dim(`  ${theme.marks.dot}  ${formatDuration(report.durationMs)}`)}`]
  if (warnings > 0) lines.push(theme.warn(`${theme.marks.warn} ${plural(warnings, 'warning')}`))
  if (at.read === 'none' && at.errors === 0)
    lines.push(theme.dim('  names and lengths were checked; --read all also reads the bytes'))
  if (at.errors > 0)
    lines.push(
      `${theme.accent('next')}  cloudkeep backup fetches damaged objects again when the account still has them`,
    )
  return lines
}

interface VerifyDisplay {
  update(progress: VerifyProgress): void
  stop(): void
}

function createVerifyDisplay(out: Output): VerifyDisplay {
  const rate = createRate()
  const startedAt = Date.now()
  // Elsewhere than on a terminal, a check that is over in seconds needs no progress.
  let last = out.live ? 0 : startedAt
  let frame = 0
  return {
    update(progress) {
      const now = Date.now()
      rate.add(now, progress.bytes, progress.done)
      if (now - last < (out.live ? 100 : out.json ? 1000 : 30_000)) return
      last = now
      frame += 1
      if (out.json) out.record('progress', { progress })
      else if (out.live)
        out.redraw([renderProgress(progress, { rate, frame, theme: out.talk, elapsed: now - startedAt })])
      else
        out.say(
          `${formatTime(now).slice(11)}  ${progress.phase}: ${formatCount(progress.done)} of ${formatCount(progress.total)}, ${formatBytes(progress.bytes)}`,
        )
    },
    stop: () => out.redraw([]),
  }
}

function renderProgress(
  progress: VerifyProgress,
  at: { rate: Rate; frame: number; theme: Theme; elapsed: number },
): string {
  const { theme, rate } = at
  const share =
    progress.totalBytes > 0 ? progress.bytes / progress.totalBytes : progress.done / Math.max(1, progress.total)
  const speed = rate.bytesPerSecond()
  const left = rate.secondsLeft({ bytes: progress.totalBytes - progress.bytes, items: progress.total - progress.done })
  return [
    theme.accent(theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? ''),
    theme.strong(progress.phase === 'snapshots' ? 'snapshots' : 'objects'),
    `${formatCount(progress.done)}${theme.dim(` of ${formatCount(progress.total)}`)}`,
    bar(share, theme)
      .map(([text, paint]) => paint(text))
      .join(''),
    speed === null ? '' : theme.dim(`${formatBytes(speed)}/s`),
    left === null ? '' : theme.dim(`about ${formatDuration(left * 1000)} left`),
  ]
    .filter((part) => part !== '')
    .join('  ')
}
