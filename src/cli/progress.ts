import type { BackupEvent, BackupPhase, BackupProgress } from '../backup/report.ts'
import type { Budget } from '../model/account.ts'
import { tell, waitingText } from './backup-events.ts'
import {
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatTime,
  plural,
  safe,
  truncate,
  widthOf,
} from './format.ts'
import type { Output } from './output.ts'
import { createRate, type Rate } from './rate.ts'
import type { Theme } from './theme.ts'

const PHASES: Readonly<Record<BackupPhase, string>> = {
  prepare: 'looking at the account',
  configuration: 'reading the configuration',
  scan: 'scanning',
  transfer: 'downloading',
  confirm: 'confirming what is missing',
  details: 'reading details',
  commit: 'writing the snapshot',
  library: 'filling the library',
}

/** What the display knows; `renderBackup` turns it into lines. */
export interface BackupState {
  readonly startedAt: number
  phase: BackupPhase
  progress: BackupProgress | null
  waiting: { until: number; why: 'limit' | 'reserve' } | null
  /** The last repetition with a pause that a person would notice; shown until the pause is over. */
  trouble: { until: number; text: string } | null
  rate: Rate
}

const FRAME_MS = 100
/** Elsewhere than on a terminal: a line at least so often, and at a new phase, but not for every blink of a short run. */
const PLAIN_MS = 30_000
const QUIET_MS = 2000
const RECORD_MS = 1000
const NOTICED_MS = 1000

/** Shows a running backup: redrawn lines on a terminal, a line now and then elsewhere, records with `--json`. */
export interface BackupDisplay {
  listen(event: BackupEvent): void
  stop(): void
}

export function createBackupDisplay(out: Output, now: () => number = Date.now): BackupDisplay {
  const state: BackupState = {
    startedAt: now(),
    phase: 'prepare',
    progress: null,
    waiting: null,
    trouble: null,
    rate: createRate(),
  }
  let frame = 0
  let lastPlain = now()
  let lastRecord = 0
  const draw = (): void => {
    if (state.waiting && state.waiting.until <= now()) state.waiting = null
    frame += 1
    out.redraw(renderBackup(state, { theme: out.talk, width: out.talkWidth, now: now(), frame }))
  }
  const plain = (): void => {
    if (out.live || out.json) return
    lastPlain = now()
    out.say(plainLine(state, now()))
  }
  const timer = out.live
    ? setInterval(draw, FRAME_MS)
    : setInterval(() => now() - lastPlain >= PLAIN_MS && plain(), 1000)
  timer.unref()

  return {
    listen(event) {
      if (event.type === 'progress') {
        keep(state, event.progress, now())
        if (now() - lastRecord < RECORD_MS) return
        lastRecord = now()
      }
      if (out.json) recordEvent(out, event)
      take(state, event, now())
      tell(out, event, now())
      if (event.type === 'phase' && now() - lastPlain >= QUIET_MS) plain()
    },
    stop() {
      clearInterval(timer)
      out.redraw([])
    },
  }
}

function recordEvent(out: Output, event: BackupEvent): void {
  if (event.type === 'fetched' && !out.verbose) return
  const { type, ...fields } = event
  out.record(type, fields)
}

function keep(state: BackupState, progress: BackupProgress, now: number): void {
  state.progress = progress
  state.phase = progress.phase
  state.rate.add(now, progress.fetchedBytes, progress.fetched)
}

function take(state: BackupState, event: BackupEvent, now: number): void {
  if (event.type === 'phase') state.phase = event.phase
  else if (event.type === 'waiting') state.waiting = { until: event.until, why: event.why }
  else if (event.type === 'retry' && event.delayMs >= NOTICED_MS) {
    state.trouble = { until: now + event.delayMs, text: `${safe(event.what)}: ${safe(event.reason)}` }
  }
}

/** Downloads begin while the scan still goes on. */
const titleOf = ({ phase, progress }: BackupState): string =>
  phase === 'scan' && progress !== null && progress.transfers > 0 ? 'scanning and downloading' : PHASES[phase]

const budgetText = (calls: number, budget: Budget | null): string =>
  budget === null
    ? plural(calls, 'call')
    : `${plural(calls, 'call')}, ${formatCount(budget.remaining)} of ${formatCount(budget.limit)} left until ${formatTime(budget.resetAt).slice(11)}`

function plainLine(state: BackupState, now: number): string {
  const { progress } = state
  const parts = [titleOf(state)]
  if (progress && progress.scanned > 0)
    parts.push(
      `${formatCount(progress.scanned)}${progress.expected === null ? '' : ` of ~${formatCount(progress.expected)}`} assets`,
    )
  if (progress && progress.wanted > 0) {
    parts.push(
      `${formatCount(progress.fetched)} of ${formatCount(progress.wanted)} downloads (${formatBytes(progress.fetchedBytes)})`,
    )
  }
  if (progress && progress.failed > 0) parts.push(`${formatCount(progress.failed)} failed`)
  if (progress) parts.push(budgetText(progress.apiCalls, progress.budget))
  if (state.waiting && state.waiting.until > now) parts.push(waitingText(state.waiting, now))
  return `${formatTime(now).slice(11)}  ${parts.join(', ')}`
}

const LABEL = 11

/** The redrawn lines; pure. Every line fits the width, or the terminal would wrap it and the redraw would go astray. */
export function renderBackup(
  state: BackupState,
  at: { theme: Theme; width: number; now: number; frame: number },
): string[] {
  const { theme, width } = at
  const { progress } = state
  // What is left of the line when amounts, speed and time have their place.
  const barWidth = Math.min(24, Math.max(6, width - 70))
  const spinner = theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? ''
  const seconds = Math.floor((at.now - state.startedAt) / 1000)
  const elapsed = seconds > 0 ? `  ${formatDuration(seconds * 1000)}` : ''
  const lines: Line[] = [
    [
      [spinner, theme.accent],
      [` ${titleOf(state)}`, theme.strong],
      [elapsed, theme.dim],
    ],
  ]
  if (progress && (progress.scanned > 0 || state.phase === 'scan')) lines.push(scanLine(progress, theme, barWidth))
  if (progress && progress.wanted > 0) lines.push(transferLine(progress, state.rate, { theme, barWidth }))
  if (progress && progress.failed > 0)
    lines.push([
      [labelled('failed'), theme.dim],
      [formatCount(progress.failed), theme.bad],
    ])
  if (progress && progress.apiCalls > 0)
    lines.push([
      [labelled('api'), theme.dim],
      [budgetText(progress.apiCalls, progress.budget), theme.dim],
    ])
  if (state.waiting)
    lines.push([
      [labelled('waiting'), theme.warn],
      [waitingText(state.waiting, at.now), theme.warn],
    ])
  if (state.trouble && state.trouble.until > at.now) {
    lines.push([
      [labelled('trying'), theme.warn],
      [`again in ${formatClock(state.trouble.until - at.now)}  `, theme.warn],
      [state.trouble.text, theme.dim],
    ])
  }
  return lines.map((line) => paintLine(line, width - 1))
}

type Line = readonly (readonly [text: string, paint: (text: string) => string])[]

const plainPaint = (text: string): string => text
const labelled = (label: string): string => `  ${label.padEnd(LABEL)}`

function paintLine(line: Line, width: number): string {
  let left = width
  let painted = ''
  for (const [text, paint] of line) {
    const shown = truncate(text, left)
    left -= widthOf(shown)
    painted += paint(shown)
    if (left <= 0) break
  }
  return painted
}

function scanLine(progress: BackupProgress, theme: Theme, barWidth: number): Line {
  const { scanned, expected } = progress
  const label: Line = [
    [labelled('assets'), theme.dim],
    [formatCount(scanned), plainPaint],
  ]
  if (expected === null || expected === 0) return label
  return [
    ...label,
    [` of ${formatCount(Math.max(expected, scanned))}  `, theme.dim],
    ...bar(scanned / Math.max(expected, scanned), theme, barWidth),
  ]
}

function transferLine(progress: BackupProgress, rate: Rate, at: { theme: Theme; barWidth: number }): Line {
  const { theme, barWidth } = at
  const { fetched, wanted, fetchedBytes, wantedBytes } = progress
  // Of what an earlier run wanted only the number is known, not the bytes.
  const share = wantedBytes >= fetchedBytes && wantedBytes > 0 ? fetchedBytes / wantedBytes : fetched / wanted
  const speed = rate.bytesPerSecond()
  const left = rate.secondsLeft({ bytes: wantedBytes - fetchedBytes, items: wanted - fetched })
  return [
    [labelled('downloads'), theme.dim],
    [formatCount(fetched), plainPaint],
    [` of ${formatCount(wanted)}  `, theme.dim],
    ...bar(share, theme, barWidth),
    [`  ${formatBytes(fetchedBytes)}`, plainPaint],
    [speed === null ? '' : `  ${formatBytes(speed)}/s`, theme.dim],
    [left === null || fetched >= wanted ? '' : `  ${formatDuration(left * 1000)} left`, theme.dim],
  ]
}

/** `━━━━━━──────  48 %` */
export function bar(share: number, theme: Theme, width = 20): Line {
  const clamped = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const full = Math.floor(clamped * width)
  return [
    [theme.marks.barFull.repeat(full), theme.accent],
    [theme.marks.barEmpty.repeat(width - full), theme.dim],
    [` ${String(Math.floor(clamped * 100)).padStart(3)} %`, plainPaint],
  ]
}
