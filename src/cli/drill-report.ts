import type { DrillEvent } from '../maintenance/drill/drill.ts'
import { type DrillRecord, type DrillResult, FOLDER_TARGET } from '../maintenance/drill/record.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from './format.ts'
import type { Output } from './output.ts'
import { bar } from './progress.ts'
import { createRate } from './rate.ts'
import type { Theme } from './theme.ts'

/** Failures shown on a terminal; with --json all of them are records. */
const SHOWN = 20
const PLAIN_MS = 30_000

export interface DrillDisplay {
  readonly listen: (event: DrillEvent) => void
  stop(): void
}

export function createDrillDisplay(out: Output, now: () => number): DrillDisplay {
  const rate = createRate()
  const startedAt = now()
  let last = startedAt
  let frame = 0
  const progress = ({ cloud, done, total, bytes }: Extract<DrillEvent, { type: 'progress' }>): void => {
    rate.add(now(), bytes, done)
    frame += 1
    if (out.live) {
      const { marks, accent, strong, dim } = out.talk
      const left = rate.secondsLeft({ bytes: 0, items: total - done })
      const parts = [
        accent(marks.spinner[frame % marks.spinner.length] ?? ''),
        strong(safe(cloud)),
        `${formatCount(done)}${dim(` of ${formatCount(total)}`)}`,
        bar(done / Math.max(1, total), out.talk)
          .map(([text, paint]) => paint(text))
          .join(''),
        dim(formatBytes(bytes)),
        left === null ? '' : dim(`about ${formatDuration(left * 1000)} left`),
      ]
      out.redraw([parts.filter((part) => part !== '').join('  ')])
    } else if (now() - last >= PLAIN_MS) {
      last = now()
      out.say(`${safe(cloud)}: ${formatCount(done)} of ${formatCount(total)}, ${formatBytes(bytes)}`)
    }
  }
  return {
    listen: (event) => {
      const { type, ...fields } = event
      out.record(type, fields)
      if (event.type === 'note') out.say(out.talk.warn(safe(event.message)))
      if (event.type === 'progress') progress(event)
    },
    stop: () => out.redraw([]),
  }
}

export function renderDrill(record: DrillRecord, theme: Theme): string[] {
  const { marks } = theme
  const failures = record.results.filter(({ outcome }) => outcome === 'failed')
  const verdict =
    record.failed === 0
      ? theme.ok(`${marks.ok} ${plural(record.restored, 'asset')} restored and equal`)
      : theme.bad(`${marks.bad} ${plural(record.failed, 'asset')} could not be restored`)
  const speed = record.restoreMs > 0 ? `, ${formatBytes((record.bytes * 1000) / record.restoreMs)}/s` : ''
  const amount = `${formatCount(record.restored)} of ${formatCount(record.restorable)}, ${formatBytes(record.bytes)}${speed}`
  const more = failures.length - SHOWN
  return [
    `${verdict}  ${theme.strong(safe(record.cloud))}  ${amount}${theme.dim(`  ${marks.dot}  ${formatDuration(record.durationMs)}`)}`,
    theme.dim(
      `  snapshot ${record.snapshot} of ${formatTime(record.takenAt)}, into ${record.target === FOLDER_TARGET ? record.target : `the account ${safe(record.target)}`}`,
    ),
    theme.dim(`  --seed ${record.seed} draws the same sample again`),
    ...failures.slice(0, SHOWN).map((failure) => failureLine(failure, theme)),
    ...(more > 0 ? [theme.dim(`    and ${formatCount(more)} more; --json names all`)] : []),
    ...(failures.length > 0 && record.target === FOLDER_TARGET
      ? [`${theme.accent('next')}  cloudkeep verify --read all --repair mends what a source still has`]
      : []),
  ]
}

const failureLine = ({ publicId, code, reason }: DrillResult, theme: Theme): string =>
  `  ${theme.bad(theme.marks.bad)} ${safe(publicId)}  ${theme.dim(safe([code, reason].filter((part) => part !== null).join(': ')))}`
