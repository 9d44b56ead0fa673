import type { BackupEvent, Estimate } from '../backup/report.ts'
import { formatBytes, formatClock, formatCount, formatDuration, formatTime, pad, plural, safe } from './format.ts'
import type { Output } from './output.ts'
import { shortPath } from './path-shown.ts'
import type { Theme } from './theme.ts'

const WORTH_TELLING_MS = 4000

/** Says an event in a line, if it is worth one. What a dry run would do is data; everything else is talk. */
export function tell(out: Output, event: BackupEvent, now: number): void {
  if (event.type === 'planned') {
    if (event.kind !== 'keep' || out.verbose) out.line(plannedLine(event, out.theme))
    return
  }
  const line = lineOf(event, out, now) ?? (out.verbose ? detailOf(event, out.talk) : null)
  if (line !== null) out.say(line)
}

function lineOf(event: BackupEvent, out: Output, now: number): string | null {
  const { talk } = out
  switch (event.type) {
    case 'waiting':
      // On a terminal the countdown shows it.
      return out.live ? null : talk.warn(waitingText(event, now))
    case 'retry':
      // Small hiccups are nobody's business; what keeps a run from going on is.
      return out.live || event.delayMs < WORTH_TELLING_MS ? null : detailOf(event, talk)
    case 'estimate':
      return estimateLine(event.estimate, talk)
    case 'resumed': {
      const done = `${formatCount(event.scanned)} scanned, ${formatCount(event.fetched)} downloaded`
      return talk.dim(`${talk.marks.dot} going on with the run of ${formatTime(event.startedAt)}: ${done}`)
    }
    case 'note':
      return `${talk.dim(talk.marks.dot)} ${safe(event.message)}`
    default:
      return null
  }
}

/** What only those who ask for more want to see: the report names failures anyway. */
function detailOf(event: BackupEvent, talk: Theme): string | null {
  switch (event.type) {
    case 'failure':
      return `${talk.bad(talk.marks.bad)} ${safe(event.failure.publicId)}  ${talk.dim(safe(event.failure.reason))}`
    case 'fetched':
      return talk.dim(`${talk.marks.ok} ${safe(event.publicId)}  ${formatBytes(event.bytes)}  ${event.source}`)
    case 'retry': {
      const why = `attempt ${event.attempt}, ${safe(event.reason)}`
      return talk.dim(`${talk.marks.dot} again in ${formatDuration(event.delayMs)}: ${safe(event.what)} (${why})`)
    }
    default:
      return null
  }
}

function plannedLine(event: Extract<BackupEvent, { type: 'planned' }>, theme: Theme): string {
  const size = event.bytes === null || event.kind !== 'fetch' ? '' : theme.dim(`  ${formatBytes(event.bytes)}`)
  return `${theme.accent(pad(event.kind, 8))} ${safe(event.publicId)}${size}  ${theme.dim(safe(event.why))}`
}

function estimateLine(estimate: Estimate, talk: Theme): string | null {
  const { assets, bytes, apiCalls, hours, scratch } = estimate
  const parts = [
    assets === null ? '' : plural(assets, 'asset'),
    bytes === null ? '' : formatBytes(bytes),
    apiCalls === null ? '' : `about ${plural(apiCalls, 'API call')}`,
    hours === null || hours <= 0 ? '' : `about ${plural(Math.ceil(hours), 'hour')} of waiting for the API limit`,
  ].filter((part) => part !== '')
  const lines = [
    parts.length === 0 ? '' : `${talk.marks.dot} to expect: ${parts.join(', ')}`,
    scratch === null ? '' : `${talk.marks.dot} ${scratchText(scratch, bytes)}`,
  ].filter((line) => line !== '')
  return lines.length === 0 ? null : lines.map((line) => talk.dim(line)).join('\n')
}

/** Never more than there is to fetch, where that is known. */
const scratchText = ({ folder, limit, free }: NonNullable<Estimate['scratch']>, bytes: number | null): string => {
  const most = bytes === null ? limit : Math.min(limit, bytes)
  return `scratch: up to ${formatBytes(most)} in ${safe(shortPath(folder))}${free === null ? '' : ` (${formatBytes(free)} free)`}`
}

export const waitingText = (waiting: { until: number; why: 'limit' | 'reserve' }, now: number): string =>
  `${waiting.why === 'limit' ? 'hourly API limit reached' : 'leaving the reserved API calls to others'}: going on at ${formatTime(waiting.until).slice(11)}, in ${formatClock(waiting.until - now)}`
