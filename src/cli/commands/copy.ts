import type { CopyFinding, CopyProgress, CopyReport } from '../../maintenance/copy/report.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from '../format.ts'
import type { Output } from '../output.ts'
import { quoteWord, shortPlace } from '../path-shown.ts'
import { bar } from '../progress.ts'
import { createRate, type Rate } from '../rate.ts'
import { renderFacts } from '../table.ts'
import type { Theme } from '../theme.ts'

export const copy: CliCommand = {
  name: 'copy',
  summary: 'bring everything a vault holds into another vault that lacks it, checked on the way',
  group: 'keep',
  operands: [
    ['<VAULT>', 'the vault to copy into; with two of them, the one to copy from'],
    ['[VAULT2]', 'the vault to copy into; made when the place is empty'],
  ],
  options: [
    { flags: '-n, --dry-run', help: 'look and tell what would be copied; write nothing' },
    {
      flags: '--decrypt',
      help: 'make a copy that can be read without a key, of an encrypted vault whose key is at hand',
    },
    { flags: '--damaged', help: 'also copy snapshots that lack the bytes of some assets' },
    { flags: '--concurrency <N>', help: 'objects at a time, at most (32)' },
  ],
  notes: `Nothing is ever taken away in the target. An encrypted vault is copied as it lies there, without being read; into another
vault that is there already, or with --decrypt, it is read with the key at hand. Proofs and drills are not copied: run cloudkeep verify on the copy.

  cloudkeep copy /mnt/usb/vault
  cloudkeep copy /srv/vault /mnt/usb/vault`,
  outlivesPipe: true,
  run,
}

/** Findings shown on a terminal; with --json all of them are records. */
const SHOWN = 20
const AT_A_TIME = 32

async function run(call: Call): Promise<Result> {
  const { out, operands, options, settings, signal } = call
  const [first = '', second] = operands
  const places = second === undefined ? { from: null, to: first } : { from: first, to: second }
  const ctx = await call.context()
  const { runCopyCommand } = await import('../../copy-command.ts')
  const display = createCopyDisplay(out, call.now)
  let report: CopyReport
  try {
    report = await runCopyCommand(
      ctx,
      places,
      {
        decrypt: options.flag('decrypt'),
        damaged: options.flag('damaged'),
        dryRun: options.flag('dryRun'),
        concurrency: Math.min(AT_A_TIME, settings.config.concurrency),
        onProgress: (progress) => display.update(progress),
      },
      signal,
    )
  } finally {
    display.stop()
  }
  for (const finding of report.findings) out.record('finding', finding)
  for (const head of report.incomplete) out.record('incomplete', head)
  const from = places.from ?? shortPlace(settings.config.vault)
  for (const line of renderReport(report, out.theme, { from, to: places.to, damaged: options.flag('damaged') }))
    out.line(line)
  const { findings, incomplete, ...counts } = report
  return {
    exit: findings.length > 0 || incomplete.length > 0 ? EXIT.partial : EXIT.done,
    summary: { ...counts, findings: findings.length, incomplete: incomplete.length },
  }
}

interface Shown {
  readonly from: string
  readonly to: string
  readonly damaged: boolean
}

function renderReport(report: CopyReport, theme: Theme, shown: Shown): string[] {
  const { findings } = report
  const lines = findings.slice(0, SHOWN).flatMap((finding) => renderFinding(finding, theme))
  if (findings.length > SHOWN)
    lines.push(theme.dim(`and ${formatCount(findings.length - SHOWN)} more; --json names all`))
  if (lines.length > 0) lines.push('')
  return [...lines, headline(report, theme, shown), ...factLines(report, theme), ...nextLines(report, theme, shown)]
}

function renderFinding({ code, subject, message, affects }: CopyFinding, theme: Theme): string[] {
  return [
    `${theme.bad(theme.marks.bad)} ${theme.strong(code)}  ${safe(message)}`,
    ...(message.includes(subject) ? [] : [`    ${theme.dim(safe(subject))}`]),
    ...affects.map(({ cloud, publicId }) => theme.dim(`    needed by ${safe(publicId)} (${safe(cloud)})`)),
  ]
}

function headline(report: CopyReport, theme: Theme, { to }: Shown): string {
  const { marks } = theme
  const verdict = report.dryRun
    ? theme.accent(`${marks.dot} dry run, nothing was written`)
    : report.findings.length > 0 || report.incomplete.length > 0
      ? theme.warn(`${marks.warn} copied what could be copied`)
      : theme.ok(`${marks.ok} everything is there`)
  return `${verdict}  ${theme.strong(safe(to))}${theme.dim(`  ${marks.dot}  ${formatDuration(report.durationMs)}`)}`
}

function factLines(report: CopyReport, theme: Theme): string[] {
  const seconds = report.durationMs / 1000
  const speed =
    report.dryRun || report.copied === 0 || seconds < 0.05 ? '' : `, ${formatSpeed(report.copiedBytes / seconds)}`
  const amount = `${plural(report.copied, 'object')}, ${formatBytes(report.copiedBytes)}${speed}`
  const heads = [
    `${formatCount(report.headsWritten)} new`,
    report.headsThere > 0 ? `${formatCount(report.headsThere)} there already` : '',
    report.headsLeftOut > 0 ? theme.bad(`${formatCount(report.headsLeftOut)} left out`) : '',
  ]
  const { purgedVersions, purgedInTarget } = report
  return renderFacts(
    [
      [report.dryRun ? '  to copy' : '  copied', amount],
      ['  there already', report.there > 0 ? plural(report.there, 'object') : null],
      ['  snapshots', heads.filter((text) => text !== '').join(', ')],
      ['  records', report.records > 0 ? `${formatCount(report.records)} written` : null],
      ['  purged', purgedVersions > 0 ? `${plural(purgedVersions, 'version')}, left out on purpose` : null],
      [
        '  still there',
        purgedInTarget > 0
          ? theme.warn(`${plural(purgedInTarget, 'object')} that the source purged; purge them in the copy too`)
          : null,
      ],
    ],
    theme.dim,
  )
}

/** Decimal, as disks and networks are sold. */
const formatSpeed = (bytesPerSecond: number): string => `${formatCount(Math.round(bytesPerSecond / 1e6))} MB/s`

function nextLines(report: CopyReport, theme: Theme, { from, to, damaged }: Shown): string[] {
  const next = (text: string): string[] => ['', `${theme.accent('next')}  ${text}`]
  if (report.dryRun) return []
  const lacking = report.findings.some(({ code }) => code.startsWith('object-') || code === 'list-unreadable')
  if (lacking) {
    const repair = `cloudkeep verify --vault ${quoteWord(from)} --read all --repair`
    const hint = report.headsLeftOut > 0 && !damaged ? '; --damaged takes along what lacks only bytes of assets' : ''
    return next(`${repair}, then copy again${hint}`)
  }
  return report.copied > 0 ? next(`cloudkeep verify --vault ${quoteWord(to)} --read all   reads the copy back`) : []
}

interface CopyDisplay {
  update(progress: CopyProgress): void
  stop(): void
}

const TITLES: Readonly<Record<CopyProgress['phase'], string>> = {
  look: 'comparing the vaults',
  objects: 'copying',
  heads: 'writing snapshots',
}

function createCopyDisplay(out: Output, clock: () => number): CopyDisplay {
  const rate = createRate()
  // Elsewhere than on a terminal, a copy that is over in seconds needs no progress.
  let last = out.live ? 0 : clock()
  let frame = 0
  return {
    update(progress) {
      const now = clock()
      if (progress.phase === 'objects') rate.add(now, progress.bytes, progress.done)
      if (now - last < (out.live ? 100 : out.json ? 1000 : 30_000)) return
      last = now
      frame += 1
      if (out.json) out.record('progress', { progress })
      else if (out.live) out.redraw([renderProgress(progress, { rate, frame, theme: out.talk })])
      else out.say(`${formatTime(now).slice(11)}  ${plainProgress(progress)}`)
    },
    stop: () => out.redraw([]),
  }
}

const plainProgress = ({ phase, done, total, bytes }: CopyProgress): string =>
  `${TITLES[phase]}: ${formatCount(done)} of ${formatCount(total)}${bytes > 0 ? `, ${formatBytes(bytes)}` : ''}`

function renderProgress(progress: CopyProgress, at: { rate: Rate; frame: number; theme: Theme }): string {
  const { theme, rate } = at
  const { phase, done, total, bytes, totalBytes } = progress
  const speed = phase === 'objects' ? rate.bytesPerSecond() : null
  const left = phase === 'objects' ? rate.secondsLeft({ bytes: totalBytes - bytes, items: total - done }) : null
  const share = totalBytes > 0 ? bytes / totalBytes : done / Math.max(1, total)
  return [
    theme.accent(theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? ''),
    theme.strong(TITLES[phase]),
    `${formatCount(done)}${theme.dim(` of ${formatCount(total)}`)}`,
    bar(share, theme)
      .map(([text, paint]) => paint(text))
      .join(''),
    speed === null ? '' : theme.dim(formatSpeed(speed)),
    left === null ? '' : theme.dim(`about ${formatDuration(left * 1000)} left`),
  ]
    .filter((part) => part !== '')
    .join('  ')
}
