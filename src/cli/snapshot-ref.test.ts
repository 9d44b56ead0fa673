import { describe, expect, it } from 'vitest'
import type { SnapshotRow } from '../catalog/catalog.ts'
import { NO_TOTALS } from '../model/snapshot.ts'
import { findSnapshot, matchSnapshot, parseTime } from './snapshot-ref.ts'

const row = (seq: number, id: string, takenAt: string): SnapshotRow => ({
  seq,
  key: `accounts/demo/snapshots/${id}.json`,
  snapshot: {
    format: 1,
    id,
    cloud: 'demo',
    startedAt: takenAt,
    takenAt,
    parent: null,
    complete: true,
    partialReasons: [],
    tool: 'test',
    folderMode: null,
    totals: NO_TOTALS,
    assets: 0,
    bytes: 0,
    prefixLength: 0,
    segments: [],
    folders: null,
    configuration: null,
    failures: null,
    excludedBy: {},
    reconciledAt: null,
  },
})

const rows = [
  row(1, 'aa11bb22cc33dd44', '2026-09-30T22:00:00.000Z'),
  row(2, 'aa99bb22cc33dd44', '2026-10-01T10:00:00.500Z'),
  row(3, '2026bb22cc33dd44', '2026-10-02T10:00:00.000Z'),
]
const idOf = (word: string): string | undefined => matchSnapshot(rows, word)?.snapshot.id

describe('a snapshot', () => {
  it('is found by its id, the beginning of its id, first and latest', () => {
    expect(['aa11bb22cc33dd44', 'aa9', '2026', 'AA11', 'first', 'latest'].map(idOf)).toEqual([
      'aa11bb22cc33dd44',
      'aa99bb22cc33dd44',
      '2026bb22cc33dd44',
      'aa11bb22cc33dd44',
      'aa11bb22cc33dd44',
      '2026bb22cc33dd44',
    ])
  })

  it('is the newest at or before a time', () => {
    expect(idOf('2026-10-01T10:00:00Z')).toBe('aa99bb22cc33dd44')
    expect(idOf('2026-10-01T09:59:59Z')).toBe('aa11bb22cc33dd44')
    expect(idOf('2026-10-01T12:00:00+02:00')).toBe('aa99bb22cc33dd44')
    expect(idOf('2027-01-01')).toBe('2026bb22cc33dd44')
    expect(idOf('2026-10')).toBe('2026bb22cc33dd44')
    expect(idOf('2026-08')).toBeUndefined()
  })

  it('takes a day to its end, in local time', () => {
    expect(parseTime('2026-10-01')).toBe(new Date(2026, 9, 2).getTime() - 1)
    expect(parseTime('2026-12')).toBe(new Date(2027, 0, 1).getTime() - 1)
    expect(parseTime('2026-10-01 12:03')).toBe(new Date(2026, 9, 1, 12, 3, 59, 999).getTime())
  })

  it.each(['2026-13-01', '2026-02-30', '2026-00', 'tomorrow', '12:00', '../x', ''])('is not found by %j', (word) => {
    expect(() => findSnapshot(rows, word)).toThrow(expect.objectContaining({ code: 'SNAPSHOT_NOT_FOUND' }))
  })

  it('is not guessed when several ids begin alike', () => {
    expect(() => findSnapshot(rows, 'aa')).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('aa99') }),
    )
  })
})
