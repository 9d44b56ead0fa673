import type { Finding, VerifyEvent, VerifyProgress } from '../maintenance/verify/report.ts'
import { waitingText } from './backup-events.ts'
import { formatBytes, formatCount, formatDuration, formatTime, safe } from './format.ts'
import type { Output } from './output.ts'
import { bar } from './progress.ts'
import { createRate, type Rate } from './rate.ts'
import type { Theme } from './theme.ts'

const PHASES: Readonly<Record<VerifyProgress['phase'], string>> = {
  snapshots: 'reading manifests',
  objects: 'checking objects',
  repair: 'repairing',
  live: 'comparing with the account',
}

/** Differences from the account shown one by one; a changed account may have a million of them. */
const SHOWN = 20

/** Shows a running check: one redrawn line on a terminal, a line now and then elsewhere, records with `--json`. */
export interface VerifyDisplay {
  listen(event: VerifyEvent): void
  stop(): void
}

export function createVerifyDisplay(
  out: Output,
  now: () => number,
  render: (finding: Finding) => readonly string[],
): VerifyDisplay {
  const startedAt = now()
  const shown = new Map<string, number>()
  let rate = createRate()
  let phase: VerifyProgress['phase'] = 'snapshots'
  // Elsewhere than on a terminal, a check that is over in seconds needs no progress.
  let last = out.live ? 0 : startedAt
  let frame = 0
  const update = (progress: VerifyProgress): void => {
    const at = now()
    if (progress.phase !== phase) rate = createRate()
    phase = progress.phase
    rate.add(at, progress.bytes, progress.done)
    if (at - last < (out.live ? 100 : out.json ? 1000 : 30_000)) return
    last = at
    frame += 1
    if (out.json) out.record('progress', { progress })
    else if (out.live) out.redraw([renderProgress(progress, { rate, frame, theme: out.talk })])
    else {
      const { done, total, bytes } = progress
      out.say(
        `${formatTime(at).slice(11)}  ${PHASES[phase]}: ${formatCount(done)} of ${formatCount(total)}, ${formatBytes(bytes)}`,
      )
    }
  }
  return {
    listen(event) {
      if (event.type === 'progress') return update(event.progress)
      if (event.type === 'difference') {
        out.record('finding', event.finding)
        const count = (shown.get(event.finding.code) ?? 0) + 1
        shown.set(event.finding.code, count)
        if (count <= SHOWN) for (const line of render(event.finding)) out.line(line)
        return
      }
      if (event.type === 'note') {
        out.record('note', { message: event.message })
        out.say(out.talk.dim(safe(event.message)))
        return
      }
      out.record('waiting', { until: event.until, why: event.why })
      out.say(out.talk.warn(waitingText(event, now())))
    },
    stop: () => out.redraw([]),
  }
}

function renderProgress(progress: VerifyProgress, at: { rate: Rate; frame: number; theme: Theme }): string {
  const { theme, rate } = at
  const { done, total, bytes, totalBytes } = progress
  const share = totalBytes > 0 ? bytes / totalBytes : done / Math.max(1, total)
  const speed = rate.bytesPerSecond()
  const left = rate.secondsLeft({ bytes: totalBytes - bytes, items: total - done })
  return [
    theme.accent(theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? ''),
    theme.strong(PHASES[progress.phase]),
    `${formatCount(done)}${theme.dim(` of ${formatCount(total)}`)}`,
    bar(share, theme)
      .map(([text, paint]) => paint(text))
      .join(''),
    speed === null ? '' : theme.dim(`${formatBytes(speed)}/s`),
    left === null ? '' : theme.dim(`about ${formatDuration(left * 1000)} left`),
  ]
    .filter((part) => part !== '')
    .join('  ')
}
