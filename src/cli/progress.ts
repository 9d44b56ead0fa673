import type { BackupEvent, BackupPhase, BackupProgress } from '../backup/report.ts'
import type { Budget } from '../model/account.ts'
import { tell, waitingText } from './backup-events.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, truncate, widthOf } from './format.ts'
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
  rate: Rate
  /** When each phase last showed progress. */
  readonly seenAt: Map<BackupPhase, number>
}

const FRAME_MS = 100
const PLAIN_MS = 30_000
const RECORD_MS = 1000

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
    rate: createRate(),
    seenAt: new Map(),
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
      take(state, event)
      tell(out, event, now())
      if (event.type === 'phase' && !out.live) plain()
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
  state.seenAt.set(progress.phase, now)
  state.rate.add(now, progress.fetchedBytes, progress.fetched)
}

function take(state: BackupState, event: BackupEvent): void {
  if (event.type === 'phase') state.phase = event.phase
  else if (event.type === 'waiting') state.waiting = { until: event.until, why: event.why }
}

/** Downloads overlap the scan, so both may be going on at the same time. */
function titleOf(state: BackupState, now: number): string {
  const fresh = (phase: BackupPhase): boolean => now - (state.seenAt.get(phase) ?? 0) < 2000
  const both = (state.phase === 'scan' || state.phase === 'transfer') && fresh('scan') && fresh('transfer')
  return both ? 'scanning and downloading' : PHASES[state.phase]
}

const budgetText = (calls: number, budget: Budget | null): string =>
  budget === null
    ? plural(calls, 'call')
    : `${plural(calls, 'call')}, ${formatCount(budget.remaining)} of ${formatCount(budget.limit)} left until ${formatTime(budget.resetAt).slice(11)}`

function plainLine(state: BackupState, now: number): string {
  const { progress } = state
  const parts = [titleOf(state, now)]
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
const BAR = 24

/** The redrawn lines; pure. Every line fits the width, or the terminal would wrap it and the redraw would go astray. */
export function renderBackup(
  state: BackupState,
  at: { theme: Theme; width: number; now: number; frame: number },
): string[] {
  const { theme, width } = at
  const { progress } = state
  const spinner = theme.marks.spinner[at.frame % theme.marks.spinner.length] ?? ''
  const seconds = Math.floor((at.now - state.startedAt) / 1000)
  const elapsed = seconds > 0 ? `  ${formatDuration(seconds * 1000)}` : ''
  const lines: Line[] = [
    [
      [spinner, theme.accent],
      [` ${titleOf(state, at.now)}`, theme.strong],
      [elapsed, theme.dim],
    ],
  ]
  if (progress && (progress.scanned > 0 || state.phase === 'scan')) lines.push(scanLine(progress, theme))
  if (progress && progress.wanted > 0) lines.push(transferLine(progress, state.rate, theme))
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

function scanLine(progress: BackupProgress, theme: Theme): Line {
  const { scanned, expected } = progress
  const label: Line = [
    [labelled('assets'), theme.dim],
    [formatCount(scanned), plainPaint],
  ]
  if (expected === null || expected === 0) return label
  return [
    ...label,
    [` of ${formatCount(Math.max(expected, scanned))}  `, theme.dim],
    ...bar(scanned / Math.max(expected, scanned), theme),
  ]
}

function transferLine(progress: BackupProgress, rate: Rate, theme: Theme): Line {
  const { fetched, wanted, fetchedBytes, wantedBytes } = progress
  const share = wantedBytes > 0 ? fetchedBytes / wantedBytes : fetched / wanted
  const speed = rate.bytesPerSecond()
  const left = rate.secondsLeft({ bytes: wantedBytes - fetchedBytes, items: wanted - fetched })
  return [
    [labelled('downloads'), theme.dim],
    [formatCount(fetched), plainPaint],
    [` of ${formatCount(wanted)}  `, theme.dim],
    ...bar(share, theme),
    [`  ${formatBytes(fetchedBytes)}`, plainPaint],
    [speed === null ? '' : `  ${formatBytes(speed)}/s`, theme.dim],
    [left === null || fetched >= wanted ? '' : `  about ${formatDuration(left * 1000)} left`, theme.dim],
  ]
}

/** `━━━━━━──────  48 %` */
export function bar(share: number, theme: Theme): Line {
  const clamped = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0))
  const full = Math.floor(clamped * BAR)
  return [
    [theme.marks.barFull.repeat(full), theme.accent],
    [theme.marks.barEmpty.repeat(BAR - full), theme.dim],
    [` ${String(Math.floor(clamped * 100)).padStart(3)} %`, plainPaint],
  ]
}
