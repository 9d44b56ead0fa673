import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { sampleEntry, sampleSnapshot } from '../../../test/samples/manifest.ts'
import { parseRule } from '../../backup/rules.ts'
import { parseSpan, shift } from '../../lib/span.ts'
import type { PartialReason, StoredSnapshot } from '../../model/snapshot.ts'
import { snapshotKey } from '../../vault/vault.ts'
import { planRetention, policyInWords, type SnapshotPolicy } from './retention.ts'
import { bucketOf } from './retention-time.ts'
import { outlives, versionPolicyInWords } from './retention-versions.ts'

const taken = (takenAt: string, partialReasons: readonly PartialReason[] = []): StoredSnapshot => {
  const at = new Date(takenAt).toISOString()
  const snapshot = sampleSnapshot({
    id: at.replace(/\D/g, ''),
    takenAt: at,
    startedAt: at,
    partialReasons,
    complete: partialReasons.length === 0,
  })
  return { key: snapshotKey(snapshot), snapshot }
}

const NOW = Date.parse('2026-11-22T12:00:00Z')

/** `2026-11-22 keep: reason; reason`, oldest first. */
const told = (
  snapshots: readonly StoredSnapshot[],
  policy: SnapshotPolicy,
  pins: Readonly<Record<string, string>> = {},
): string[] => {
  const pinned = new Map(
    Object.entries(pins).map(([at, reason]) => [new Date(at).toISOString().replace(/\D/g, ''), { reason }]),
  )
  return planRetention(snapshots, policy, { now: NOW, pins: pinned }).map(
    ({ stored, keep, reasons }) =>
      `${stored.snapshot.takenAt.slice(0, 16)} ${keep ? 'keep' : 'remove'}: ${reasons.join('; ')}`,
  )
}

const days = (...all: readonly string[]): StoredSnapshot[] => all.map((day) => taken(`${day}T03:00:00Z`))
const ALWAYS = 'the newest snapshot; the last complete snapshot of this account; what changes are measured against'

describe('the plan', () => {
  it('keeps everything, and says so, when no rule asks for anything', () => {
    expect(told(days('2020-01-01', '2026-11-22'), {})).toEqual([
      '2020-01-01T03:00 keep: no rule says how long snapshots stay',
      `2026-11-22T03:00 keep: no rule says how long snapshots stay; ${ALWAYS}`,
    ])
    expect(told(days('2020-01-01', '2026-11-22'), { last: 0, daily: 0 })[0]).toContain('keep: no rule says')
    expect(told([], { last: 1 })).toEqual([])
  })

  it('counts the newest', () => {
    expect(told(days('2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22'), { last: 2 })).toEqual([
      '2026-11-19T03:00 remove: no rule keeps it',
      '2026-11-20T03:00 remove: no rule keeps it',
      '2026-11-21T03:00 keep: last 2 of 2',
      `2026-11-22T03:00 keep: last 1 of 2; ${ALWAYS}`,
    ])
  })

  it('keeps the newest of each day, counting the days that have one', () => {
    const snapshots = [
      taken('2026-11-10T03:00:00Z'),
      taken('2026-11-19T01:00:00Z'),
      taken('2026-11-19T23:59:59Z'),
      taken('2026-11-20T00:00:00Z'),
      taken('2026-11-22T03:00:00Z'),
      taken('2026-11-22T09:00:00Z'),
    ]
    expect(told(snapshots, { daily: 3 })).toEqual([
      '2026-11-10T03:00 remove: no rule keeps it',
      '2026-11-19T01:00 remove: no rule keeps it',
      '2026-11-19T23:59 keep: daily 3 of 3 (2026-11-19)',
      '2026-11-20T00:00 keep: daily 2 of 3 (2026-11-20)',
      '2026-11-22T03:00 remove: no rule keeps it',
      `2026-11-22T09:00 keep: daily 1 of 3 (2026-11-22); ${ALWAYS}`,
    ])
  })

  it('keeps hours, ISO weeks, months and years in UTC, and says each reason', () => {
    const snapshots = [
      taken('2024-12-29T03:00:00Z'), // Sunday of 2024-W52
      taken('2024-12-30T03:00:00Z'), // Monday of 2025-W01
      taken('2025-12-31T23:30:00-01:00'), // 2026 already, and 2026-W01
      taken('2026-11-22T08:10:00Z'),
      taken('2026-11-22T08:50:00Z'),
      taken('2026-11-22T09:10:00Z'),
    ]
    expect(told(snapshots, { hourly: 2, weekly: 4, monthly: 2, yearly: 9 })).toEqual([
      '2024-12-29T03:00 keep: weekly 4 of 4 (2024-W52)',
      '2024-12-30T03:00 keep: weekly 3 of 4 (2025-W01); yearly 2 of 9 (2024)',
      '2026-01-01T00:30 keep: weekly 2 of 4 (2026-W01); monthly 2 of 2 (2026-01)',
      '2026-11-22T08:10 remove: no rule keeps it',
      '2026-11-22T08:50 keep: hourly 2 of 2 (2026-11-22 08h)',
      `2026-11-22T09:10 keep: hourly 1 of 2 (2026-11-22 09h); weekly 1 of 4 (2026-W47); monthly 1 of 2 (2026-11); yearly 1 of 9 (2026); ${ALWAYS}`,
    ])
  })

  it('keeps what is younger than a length of time', () => {
    const snapshots = [taken('2026-10-22T11:59:59Z'), taken('2026-10-22T12:00:01Z'), taken('2026-11-22T03:00:00Z')]
    expect(told(snapshots, { within: parseSpan('1m') })).toEqual([
      '2026-10-22T11:59 remove: no rule keeps it',
      '2026-10-22T12:00 keep: within 1m',
      `2026-11-22T03:00 keep: within 1m; ${ALWAYS}`,
    ])
    expect(told(snapshots, { within: parseSpan('forever') }).every((line) => line.includes('keep: within'))).toBe(true)
  })

  it('prefers a complete snapshot in a calendar, and takes a partial one where there is no other', () => {
    const snapshots = [
      taken('2026-11-20T03:00:00Z', ['failures']),
      taken('2026-11-21T03:00:00Z'),
      taken('2026-11-21T09:00:00Z', ['failures']),
      taken('2026-11-22T03:00:00Z'),
    ]
    expect(told(snapshots, { daily: 3 })).toEqual([
      '2026-11-20T03:00 keep: daily 3 of 3 (2026-11-20)',
      '2026-11-21T03:00 keep: daily 2 of 3 (2026-11-21)',
      '2026-11-21T09:00 remove: no rule keeps it',
      `2026-11-22T03:00 keep: daily 1 of 3 (2026-11-22); ${ALWAYS}`,
    ])
    expect(told(snapshots, { last: 2 })[2]).toBe('2026-11-21T09:00 keep: last 2 of 2')
  })

  it('never takes the last complete snapshot, the newest, or what changes are measured against', () => {
    const snapshots = [
      taken('2026-11-17T03:00:00Z'),
      taken('2026-11-18T03:00:00Z'),
      taken('2026-11-19T03:00:00Z', ['failures']),
      taken('2026-11-20T03:00:00Z', ['scan-incomplete']),
      taken('2026-11-21T03:00:00Z', ['guard', 'failures']),
      taken('2026-11-22T03:00:00Z', ['guard']),
    ]
    expect(told(snapshots, { last: 1 })).toEqual([
      '2026-11-17T03:00 remove: no rule keeps it',
      '2026-11-18T03:00 keep: the last complete snapshot of this account',
      '2026-11-19T03:00 keep: what changes are measured against',
      '2026-11-20T03:00 remove: no rule keeps it',
      '2026-11-21T03:00 remove: no rule keeps it',
      '2026-11-22T03:00 keep: last 1 of 1; the newest snapshot',
    ])
  })

  it('never takes what is pinned', () => {
    const snapshots = days('2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22')
    const pins = { '2026-11-19T03:00:00Z': 'before relaunch', '2026-11-20T03:00:00Z': '' }
    expect(told(snapshots, { last: 1 }, pins)).toEqual([
      '2026-11-19T03:00 keep: pinned: before relaunch',
      '2026-11-20T03:00 keep: pinned',
      '2026-11-21T03:00 remove: no rule keeps it',
      `2026-11-22T03:00 keep: last 1 of 1; ${ALWAYS}`,
    ])
  })

  it('of any snapshots and any policy keeps what must stay, gives reasons for all, and takes no more the second time', () => {
    const moment = fc.integer({ min: Date.parse('2024-01-01T00:00:00Z'), max: NOW })
    const partial = fc.subarray<PartialReason>(['failures', 'guard', 'scan-incomplete'])
    const some = fc.option(fc.integer({ min: 0, max: 5 }), { nil: 0 })
    const policies = fc.record({ last: some, hourly: some, daily: some, weekly: some, monthly: some, yearly: some })
    fc.assert(
      fc.property(fc.array(fc.tuple(moment, partial), { maxLength: 30 }), policies, (all, policy) => {
        const snapshots = all
          .sort(([a], [b]) => a - b)
          .map(([at, reasons]) => taken(new Date(at).toISOString(), reasons))
        const at = { now: NOW, pins: new Map() }
        const plan = planRetention(snapshots, policy, at)
        const kept = plan.filter((verdict) => verdict.keep).map(({ stored }) => stored)
        expect(plan.map(({ stored }) => stored)).toEqual(snapshots)
        expect(plan.every(({ reasons }) => reasons.length > 0)).toBe(true)
        expect(kept.at(-1)).toBe(snapshots.at(-1))
        const lastComplete = snapshots.findLast(({ snapshot }) => snapshot.complete)
        if (lastComplete !== undefined) expect(kept).toContain(lastComplete)
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(policy.last, snapshots.length))
        expect(planRetention(kept, policy, at).every((verdict) => verdict.keep)).toBe(true)
      }),
    )
  })
})

describe('lengths of time', () => {
  it('are read as they are said', () => {
    expect(parseSpan('1y6m')).toMatchObject({ months: 18, hours: 0 })
    expect(parseSpan('2w1d3h')).toMatchObject({ months: 0, hours: 15 * 24 + 3 })
    for (const wrong of ['', '0d', '5', 'd', '-1d', '1.5d', '1d ', '30min', '1D', '99999999999y', 'for ever'])
      expect(() => parseSpan(wrong)).toThrow('length of time')
  })

  it('follow the calendar', () => {
    const moved = (from: string, span: string, direction: 1 | -1) =>
      new Date(shift(Date.parse(from), parseSpan(span), direction)).toISOString().slice(0, 16)
    expect(moved('2026-03-31T12:00:00Z', '1m', -1)).toBe('2026-02-28T12:00')
    expect(moved('2024-02-29T12:00:00Z', '1y', 1)).toBe('2025-02-28T12:00')
    expect(moved('2026-01-15T00:00:00Z', '13m', -1)).toBe('2024-12-15T00:00')
    expect(moved('2026-11-22T12:00:00Z', '36h', -1)).toBe('2026-11-21T00:00')
    expect(shift(0, parseSpan('forever'), 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it('put each moment of a week into the same ISO week', () => {
    const week = (day: string) => bucketOf(Date.parse(`${day}T00:00:00Z`), 'weekly')
    expect(['2020-12-28', '2021-01-03', '2021-01-04', '2026-12-31', '2027-01-01', '2027-01-04'].map(week)).toEqual([
      '2020-W53',
      '2020-W53',
      '2021-W01',
      '2026-W53',
      '2026-W53',
      '2027-W01',
    ])
    expect(bucketOf(Date.parse('2021-01-03T23:59:59.999Z'), 'weekly')).toBe('2020-W53')
  })
})

test('a version outlives its snapshots by the rule that keeps it longest', () => {
  const until = Date.parse('2026-11-01T00:00:00Z')
  const { facts } = sampleEntry()
  const policy = {
    keepGone: parseSpan('90d'),
    rules: [
      { match: parseRule('folder:catalog'), keepWithin: parseSpan('1y') },
      { match: parseRule('tag:shoe'), keepGone: parseSpan('2y'), keepWithin: parseSpan('1m') },
      { match: parseRule('type:private'), keepWithin: parseSpan('forever') },
    ],
  }
  expect(outlives({ facts, until, isGone: true }, policy)).toEqual({
    keepUntil: Date.parse('2028-11-01T00:00:00Z'),
    reason: 'tag:shoe: the last version of a gone asset 2y',
  })
  expect(outlives({ facts, until, isGone: false }, policy)).toEqual({
    keepUntil: Date.parse('2027-11-01T00:00:00Z'),
    reason: 'folder:catalog: every version 1y',
  })
  const other = { ...facts, folder: 'other', tags: [] }
  expect(outlives({ facts: other, until, isGone: false }, policy)).toBeNull()
  expect(outlives({ facts: other, until, isGone: true }, policy)).toMatchObject({
    reason: 'the last version of a gone asset: 90d',
  })
  expect(outlives({ facts: { ...facts, type: 'private' }, until, isGone: false }, policy)?.keepUntil).toBe(
    Number.POSITIVE_INFINITY,
  )
  expect(versionPolicyInWords(policy)).toEqual([
    'gone 90d',
    'folder:catalog within 1y',
    'tag:shoe within 1m',
    'tag:shoe gone 2y',
    'type:private within forever',
  ])
  expect(policyInWords({ last: 7, daily: 14, within: parseSpan('30d') })).toEqual(['last 7', 'daily 14', 'within 30d'])
})
