import type { ImportEstimate, ImportEvent, ImportProgress } from '../backup/import-history/report.ts'
import { waitingText } from './backup-events.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe, truncate } from './format.ts'
import type { Output } from './output.ts'
import { bar } from './progress.ts'
import { createRate, type Rate } from './rate.ts'
import type { Theme } from './theme.ts'

/** Shows a running import: a redrawn line on a terminal, a line now and then elsewhere, records with `--json`. */
export interface ImportDisplay {
  listen(event: ImportEvent): void
  stop(): void
}

const FRAME_MS = 100
const RECORD_MS = 1000
const PLAIN_MS = 30_000
const NOTICED_MS = 4000

interface State {
  progress: ImportProgress | null
  waiting: { readonly until: number; readonly why: 'limit' | 'reserve' } | null
  readonly rate: Rate
}

export function createImportDisplay(out: Output, clock: () => number): ImportDisplay {
  const state: State = { progress: null, waiting: null, rate: createRate() }
  let frame = 0
  let last = clock()
  const draw = (): void => {
    if (state.waiting !== null && state.waiting.until <= clock()) state.waiting = null
    frame += 1
    out.redraw(renderState(state, { theme: out.talk, width: out.talkWidth, now: clock(), frame }))
  }
  // Waiting for the limit brings no events, and its countdown has to go on.
  const timer = out.live ? setInterval(draw, FRAME_MS) : null
  timer?.unref()
  return {
    listen(event) {
      if (event.type === 'waiting') state.waiting = event
      if (event.type !== 'progress') {
        tell(out, event, clock())
        return
      }
      const now = clock()
      state.progress = event.progress
      state.rate.add(now, event.progress.importedBytes, event.progress.assetsAsked)
      if (out.live || now - last < (out.json ? RECORD_MS : PLAIN_MS)) return
      last = now
      if (out.json) out.record('progress', { progress: event.progress })
      else out.say(`${formatTime(now).slice(11)}  ${plainText(event.progress)}`)
    },
    stop() {
      if (timer !== null) clearInterval(timer)
      out.redraw([])
    },
  }
}

function tell(out: Output, event: Exclude<ImportEvent, { type: 'progress' }>, now: number): void {
  if (out.json && (event.type !== 'imported' || out.verbose)) {
    const { type, ...fields } = event
    out.record(type, fields)
  }
  const line = lineOf(out, event, now)
  if (line !== null) out.say(line)
}

function lineOf(out: Output, event: Exclude<ImportEvent, { type: 'progress' }>, now: number): string | null {
  const { talk, verbose } = out
  switch (event.type) {
    case 'estimate': {
      const text = estimateText(event.estimate)
      return text === '' ? null : talk.dim(`${talk.marks.dot} to expect: ${text}`)
    }
    case 'note':
      return `${talk.dim(talk.marks.dot)} ${safe(event.message)}`
    case 'waiting':
      // On a terminal the countdown shows it.
      return out.live ? null : talk.warn(waitingText(event, now))
    case 'retry':
      if (!verbose && event.delayMs < NOTICED_MS) return null
      return talk.dim(
        `${talk.marks.dot} again in ${formatDuration(event.delayMs)}: ${safe(event.what)} (${safe(event.reason)})`,
      )
    case 'imported': {
      if (!verbose) return null
      const of = event.since === null ? '' : ` of ${formatTime(event.since)}`
      return talk.dim(`${talk.marks.ok} ${safe(event.publicId)}${of}  ${formatBytes(event.bytes)}`)
    }
    case 'not-restorable':
      return verbose
        ? talk.warn(`${talk.marks.warn} ${safe(event.publicId)}: ${event.versionId} is not restorable`)
        : null
    case 'failure': {
      const { publicId, reason } = event.failure
      return verbose ? `${talk.bad(talk.marks.bad)} ${safe(publicId)}  ${talk.dim(safe(reason))}` : null
    }
  }
}

export function estimateText({ apiCalls, bytes, hours }: ImportEstimate): string {
  const parts = [
    apiCalls === null ? '' : `about ${plural(apiCalls, 'API call')}`,
    bytes === null || bytes === 0 ? '' : `at most ${formatBytes(bytes)}`,
    hours === null || hours === 0 ? '' : `about ${plural(hours, 'hour')} of waiting for the API limit`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function plainText({ assetsAsked, assets, imported, importedBytes, failed, apiCalls }: ImportProgress): string {
  const of = assets === null ? '' : ` of ~${formatCount(assets)}`
  return [
    `${formatCount(assetsAsked)}${of} assets asked`,
    `${plural(imported, 'version')} imported (${formatBytes(importedBytes)})`,
    failed > 0 ? `${formatCount(failed)} failed` : '',
    plural(apiCalls, 'call'),
  ]
    .filter((part) => part !== '')
    .join(', ')
}

function renderState(
  state: State,
  at: { readonly theme: Theme; readonly width: number; readonly now: number; readonly frame: number },
): string[] {
  const { theme, width, now } = at
  const { progress, waiting, rate } = state
  const spinner = theme.accent(theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? '')
  if (progress === null) return [`${spinner} ${theme.strong('counting what there is to ask for')}`]
  const { assetsAsked, imported, importedBytes, failed } = progress
  const assets = Math.max(assetsAsked, progress.assets ?? assetsAsked)
  const left = rate.secondsLeft({ bytes: 0, items: assets - assetsAsked })
  const parts = [
    `${formatCount(assetsAsked)}${theme.dim(` of ${formatCount(assets)} assets`)}`,
    bar(assetsAsked / Math.max(1, assets), theme, 16)
      .map(([text, paint]) => paint(text))
      .join(''),
    `${plural(imported, 'version')}${theme.dim(`, ${formatBytes(importedBytes)}`)}`,
    failed > 0 ? theme.bad(`${formatCount(failed)} failed`) : '',
    left === null || waiting !== null || width < 100 ? '' : theme.dim(`about ${formatDuration(left * 1000)} left`),
  ]
  const line = `${spinner} ${parts.filter((part) => part !== '').join('  ')}`
  return waiting === null ? [line] : [line, theme.warn(truncate(`  ${waitingText(waiting, now)}`, width - 1))]
}
