import { describe, expect, it } from 'vitest'
import type { BackupProgress } from '../backup/report.ts'
import { widthOf } from './format.ts'
import { createOutput } from './output.ts'
import { type BackupState, createBackupDisplay, renderBackup } from './progress.ts'
import { createRate } from './rate.ts'
import { createTheme } from './theme.ts'

const wishes = { colour: false, dumb: false, unicode: true }
const theme = createTheme({ isTTY: true }, wishes)
const progress = (given: Partial<BackupProgress> = {}): BackupProgress => ({
  phase: 'scan',
  scanned: 12_340,
  expected: 50_000,
  fetched: 3210,
  wanted: 3400,
  fetchedBytes: 1.2e9,
  wantedBytes: 1.4e9,
  failed: 2,
  transfers: 8,
  budget: { limit: 500, remaining: 188, resetAt: 3_600_000 },
  apiCalls: 312,
  ...given,
})
const state = (given: Partial<BackupState> = {}): BackupState => ({
  startedAt: 0,
  phase: 'scan',
  progress: progress(),
  waiting: null,
  trouble: null,
  rate: createRate(),
  ...given,
})
const at = { theme, width: 100, now: 65_000, frame: 0 }

describe('the display of a running backup', () => {
  it('shows what is going on, how far it is, and what the limit leaves', () => {
    const text = renderBackup(state(), at).join('\n')
    expect(text).toContain('scanning and downloading  1 min 5 s')
    expect(text).toContain('12,340 of 50,000')
    expect(text).toContain('24 %')
    expect(text).toContain('3,210 of 3,400')
    expect(text).toContain('1.1 GiB')
    expect(text).toContain('312 calls, 188 of 500 left')
    expect(text).toMatch(/failed\s+2/)
  })

  it.each([20, 40, 60, 80, 100, 200])('never wraps on a terminal of %d columns', (width) => {
    const full = state({
      waiting: { until: 600_000, why: 'limit' },
      trouble: {
        until: 70_000,
        text: 'list image/upload: 写真 connect ECONNREFUSED 127.0.0.1:4010 and much more to say about it',
      },
    })
    for (const line of renderBackup(full, { ...at, width })) expect(widthOf(line)).toBeLessThan(width)
  })

  it('counts down to the end of a wait', () => {
    const waiting = state({ waiting: { until: 65_000 + 754_000, why: 'limit' } })
    expect(renderBackup(waiting, at).join('\n')).toContain('in 12:34')
  })

  it('tells how fast and how long from the last seconds', () => {
    const rate = createRate()
    for (let second = 0; second <= 10; second += 1) rate.add(second * 1000, second * 1024 ** 2, second * 2)
    expect(rate.bytesPerSecond()).toBeCloseTo(1024 ** 2)
    expect(rate.secondsLeft({ bytes: 60 * 1024 ** 2, items: 10 })).toBeCloseTo(60)
    expect(rate.secondsLeft({ bytes: 0, items: 100 })).toBeCloseTo(50)
  })
})

describe('a backup without a terminal', () => {
  const run = (json: boolean) => {
    const written = { out: '', err: '' }
    const sink = (key: 'out' | 'err') => ({
      write: (text: string | Uint8Array): boolean => {
        written[key] += String(text)
        return true
      },
    })
    const out = createOutput({ stdout: sink('out'), stderr: sink('err') }, { json, verbose: false, wishes })
    let now = 1_000_000
    const display = createBackupDisplay(out, () => now)
    display.listen({ type: 'phase', phase: 'scan' })
    for (let n = 0; n < 50; n += 1) {
      now += 100
      display.listen({ type: 'progress', progress: progress({ scanned: n, phase: n % 2 === 0 ? 'scan' : 'transfer' }) })
    }
    display.listen({ type: 'note', message: 'named \u001b[2J by the account' })
    display.stop()
    return written
  }

  it('says little, plainly, and lets no name drive the terminal', () => {
    const { out, err } = run(false)
    expect(out).toBe('')
    expect(err).toContain('named \\e[2J by the account')
    expect(err).not.toContain('\u001b')
  })

  it('records at most one progress a second with --json, and nothing on stderr', () => {
    const { out, err } = run(true)
    const records = out
      .trim()
      .split('\n')
      .map((line): { type: string } => JSON.parse(line))
    expect(records.filter(({ type }) => type === 'progress').length).toBeLessThanOrEqual(6)
    expect(records.map(({ type }) => type)).toContain('note')
    expect(err).toBe('')
  })
})
