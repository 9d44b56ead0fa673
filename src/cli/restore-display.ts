import { writtenName } from '../cloudinary/writer.ts'
import type { FolderEvent } from '../restore/folder/report.ts'
import type { PlanItem, RestoreEvent, RestorePhase, RestoreResult } from '../restore/report.ts'
import { waitingText } from './backup-events.ts'
import { formatBytes, formatCount, formatDuration, formatTime, safe, truncate } from './format.ts'
import type { Output } from './output.ts'
import type { Theme } from './theme.ts'
import type { UrlMap } from './url-map.ts'

const PHASES: Readonly<Record<RestorePhase, string>> = {
  prepare: 'keeping the present state',
  plan: 'planning',
  configuration: 'restoring folders and configuration',
  transfer: 'restoring',
  relate: 'relating',
  prove: 'reading everything back',
  conclude: 'finishing',
}

/** Shows a running restore: a redrawn line on a terminal, what matters as it happens, records with `--json`. */
export interface RestoreDisplay {
  readonly listen: (event: RestoreEvent) => void
  readonly listenFolder: (event: FolderEvent) => void
  stop(): void
}

const REDRAW_MS = 100
/** What was left alone is told one by one up to here; `-n` lists all of it. */
const CONFLICTS_TOLD = 20
const PLAIN_MS = 30_000

export function createRestoreDisplay(
  out: Output,
  map: UrlMap | null = null,
  now: () => number = Date.now,
): RestoreDisplay {
  const startedAt = now()
  let last = out.live ? 0 : startedAt
  let files = { count: 0, bytes: 0 }
  let conflicts = 0
  const draw = (text: string): void => {
    const at = now()
    if (at - last < (out.live ? REDRAW_MS : PLAIN_MS)) return
    last = at
    const line = `${text}  ${out.talk.dim(formatDuration(at - startedAt))}`
    if (out.live) out.redraw([truncate(line, out.talkWidth * 2)])
    else out.say(`${formatTime(at).slice(11)}  ${line}`)
  }
  return {
    listen: (event) => {
      if (event.type === 'mapped') map?.add([event.oldUrl ?? '', event.newUrl, event.result.name.publicId])
      if (event.type === 'phase' && out.live) draw(PHASES[event.phase])
      if (event.type === 'progress') draw(progressText(event, out.talk))
      const isConflict = event.type === 'result' && event.result.action === 'conflict'
      if (isConflict) conflicts += 1
      if (isConflict && conflicts > CONFLICTS_TOLD && !out.json && !out.verbose) return
      if (event.type !== 'progress' && event.type !== 'mapped') tell(event, out)
    },
    listenFolder: (event) => {
      if (event.type === 'note') {
        out.say(out.talk.dim(safe(event.message)))
        return
      }
      const { file } = event
      out.record('file', file)
      files = { count: files.count + 1, bytes: files.bytes + (file.size ?? 0) }
      const isTold = file.reason !== null && (file.outcome !== 'no-bytes' || out.verbose)
      if (isTold) out.say(`${out.talk.warn(out.talk.marks.warn)} ${safe(file.publicId)}  ${safe(file.reason)}`)
      else if (out.verbose) out.say(out.talk.dim(`${file.outcome}  ${safe(file.path ?? file.publicId)}`))
      draw(`${out.talk.strong('restoring')}  ${formatCount(files.count)} files  ${formatBytes(files.bytes)}`)
    },
    stop: () => out.redraw([]),
  }
}

function progressText(event: Extract<RestoreEvent, { type: 'progress' }>, theme: Theme): string {
  const count = `${formatCount(event.done)}${theme.dim(` of ${formatCount(event.total)}`)}`
  const bytes =
    event.totalBytes > 0 ? `${formatBytes(event.bytes)}${theme.dim(` of ${formatBytes(event.totalBytes)}`)}` : ''
  return [theme.strong('restoring'), count, bytes, theme.dim(`${event.transfers} at a time`)]
    .filter((x) => x !== '')
    .join('  ')
}

function tell(event: RestoreEvent, out: Output): void {
  const { talk } = out
  switch (event.type) {
    case 'planned':
      out.record('planned', event.item)
      if (!out.json && (event.item.action !== 'same' || out.verbose)) out.line(planLine(event.item, out.theme))
      break
    case 'plan':
      out.record('plan', { totals: event.totals })
      break
    case 'result':
      tellResult(event.result, out)
      break
    case 'configured':
      out.record('configured', event.result)
      if (event.result.outcome === 'failed') {
        const { part, name, reason } = event.result
        out.say(`${talk.bad(talk.marks.bad)} ${part} ${safe(name)}  ${safe(reason ?? '')}`)
      }
      break
    case 'continued':
      out.record('continued', { run: event.run, startedAt: event.startedAt })
      out.say(talk.dim(`going on with restore ${event.run}, begun ${formatTime(event.startedAt)}`))
      break
    case 'waiting':
      out.record('waiting', { until: new Date(event.until).toISOString(), why: event.why })
      out.say(talk.warn(waitingText(event, Date.now())))
      break
    case 'note':
      out.record('note', { message: event.message })
      out.say(talk.dim(safe(event.message)))
      break
  }
}

function tellResult(result: RestoreResult, out: Output): void {
  out.record('result', result)
  const name = safe(writtenName(result.name))
  if (result.outcome === 'failed') out.say(`${out.talk.bad(out.talk.marks.bad)} ${name}  ${safe(result.reason ?? '')}`)
  // What is not as it was is in the report at the end.
  else if (result.missing.length > 0) return
  else if (result.action === 'conflict')
    out.say(`${out.talk.warn(out.talk.marks.warn)} ${name}  left alone: ${safe(result.reason ?? '')}`)
  else if (out.verbose) out.say(out.talk.dim(`${result.action}  ${name}`))
}

const planLine = (item: PlanItem, theme: Theme): string => {
  const size = item.bytes > 0 ? `  ${formatBytes(item.bytes)}` : ''
  const paint = item.action === 'impossible' ? theme.bad : item.action === 'conflict' ? theme.warn : theme.ok
  return `${paint(item.action.padEnd(10))}  ${safe(writtenName(item.name))}  ${theme.dim(`${safe(item.why)}${size}`)}`
}
