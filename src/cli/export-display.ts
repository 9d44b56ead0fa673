import type { ExportPhase, ExportProgress } from '../export/report.ts'
import { formatBytes, formatCount, formatDuration, formatTime } from './format.ts'
import type { Output } from './output.ts'
import { bar } from './progress.ts'
import { createRate } from './rate.ts'

export interface ExportDisplay {
  update(progress: ExportProgress): void
  /** Told of bytes of files that are still under way. */
  passed(bytes: number): void
  stop(): void
}

const TITLES: Readonly<Record<ExportPhase, string>> = {
  files: 'exporting',
  metadata: 'writing metadata',
  finish: 'finishing',
}

/** Redrawn on a terminal, a line now and then elsewhere, records with `--json`. */
export function createExportDisplay(out: Output, clock: () => number): ExportDisplay {
  const rate = createRate()
  let last = out.live ? 0 : clock()
  let frame = 0
  let passed = 0
  let progress: ExportProgress = { phase: 'files', done: 0, total: 0, bytes: 0, totalBytes: 0 }
  const draw = (): void => {
    const now = clock()
    // A large file counts while it goes by, and at the end exactly.
    const bytes = Math.min(Math.max(progress.bytes, passed), Math.max(progress.totalBytes, progress.bytes))
    rate.add(now, bytes, progress.done)
    if (now - last < (out.live ? 100 : out.json ? 1000 : 30_000)) return
    last = now
    frame += 1
    if (out.json) out.record('progress', { progress: { ...progress, bytes } })
    else if (out.live) out.redraw([line({ ...progress, bytes })])
    else
      out.say(
        `${formatTime(now).slice(11)}  ${TITLES[progress.phase]}: ${formatCount(progress.done)} files, ${formatBytes(bytes)}`,
      )
  }
  const line = ({ phase, done, total, bytes, totalBytes }: ExportProgress): string => {
    const theme = out.talk
    const speed = rate.bytesPerSecond()
    const left = rate.secondsLeft({ bytes: totalBytes - bytes, items: total - done })
    const share = totalBytes > 0 ? bytes / totalBytes : done / Math.max(1, total)
    return [
      theme.accent(theme.marks.spinner[frame % theme.marks.spinner.length] ?? ''),
      theme.strong(TITLES[phase]),
      `${formatCount(done)}${theme.dim(` of ${formatCount(total)}`)}`,
      bar(share, theme)
        .map(([text, paint]) => paint(text))
        .join(''),
      formatBytes(bytes),
      speed === null ? '' : theme.dim(`${formatBytes(speed)}/s`),
      left === null || phase !== 'files' ? '' : theme.dim(`about ${formatDuration(left * 1000)} left`),
    ]
      .filter((part) => part !== '')
      .join('  ')
  }
  return {
    update(next) {
      progress = next
      draw()
    },
    passed(bytes) {
      passed += bytes
      draw()
    },
    stop: () => out.redraw([]),
  }
}
