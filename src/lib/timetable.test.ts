import { expect, test } from 'vitest'
import { followTimetable, parseTimetable, rateAt, TIMETABLE_PATTERN } from './timetable.ts'

const K = 1024
const M = K * K

/** A moment on the clock of this machine, in a week that begins on Sunday, 7 June 2026. */
const at = (day: number, time: string): Date => {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return new Date(2026, 5, 7 + day, hour, minute, 30)
}

test.each([
  ['10M', 10 * M],
  ['1.5G/s', 1.5 * 1024 * M],
  ['10MB', 10_000_000],
  ['2048', 2048],
  ['off', null],
  ['0', null],
])('%s is one rate at all times', (text, rate) => {
  const table = parseTimetable(text)
  expect(rateAt(table, at(0, '00:00'))).toBe(rate)
  expect(rateAt(table, at(6, '23:59'))).toBe(rate)
  expect(followTimetable(table, () => at(3, '12:00'))).toBe(rate)
})

test.each([
  ['00:00', null],
  ['07:59', null],
  ['08:00', 512 * K],
  ['11:59', 512 * K],
  ['12:00', 10 * M],
  ['13:00', 512 * K],
  ['18:00', 30 * M],
  ['22:59', 30 * M],
  ['23:00', null],
])('an entry holds from its time on until the next, over midnight too: at %s %s', (time, rate) => {
  const table = parseTimetable('08:00,512K 12:00,10M 13:00,512K 18:00,30M 23:00,off')
  for (const day of [0, 3, 6]) expect(rateAt(table, at(day, time))).toBe(rate)
})

test.each([
  [0, '19:59', 1 * M],
  [0, '20:00', null],
  [0, '23:59', null],
  [1, '00:00', 512 * K],
  [5, '23:58', 512 * K],
  [5, '23:59', 10 * M],
  [6, '09:59', 10 * M],
  [6, '10:00', 1 * M],
])('entries of weekdays go round with the week: on day %s at %s %s', (day, time, rate) => {
  const table = parseTimetable('Mon-00:00,512K Fri-23:59,10M Sat-10:00,1M Sun-20:00,off')
  expect(rateAt(table, at(day, time))).toBe(rate)
})

test('an entry without a day holds on each, beside those with one', () => {
  const table = parseTimetable('monday-00:00,2K; 12:00,1M ;Sun-20:00,off')
  expect(rateAt(table, at(1, '06:00'))).toBe(2 * K)
  expect(rateAt(table, at(2, '06:00'))).toBe(M)
  expect(rateAt(table, at(0, '21:00'))).toBeNull()
})

test('of two entries for one minute the later one counts, in whatever order the others stand', () => {
  const table = parseTimetable('19:00,off 08:00,1M 08:00,2M')
  expect(rateAt(table, at(2, '08:00'))).toBe(2 * M)
  expect(rateAt(table, at(2, '20:00'))).toBeNull()
})

/** The clock on a wall in Berlin, where 2026-03-29 has no 02:30 and 2026-10-25 has it twice. */
const inBerlin = (moment: Date): number => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: 'Europe/Berlin', weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  }).formatToParts(moment)
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(part('weekday'))
  return day * 1440 + Number(part('hour')) * 60 + Number(part('minute'))
}

test.each([
  ['2026-03-29T00:59:00Z', 1 * M], // 01:59
  ['2026-03-29T01:00:00Z', 2 * M], // 03:00, and 02:30 never was
  ['2026-03-29T02:00:00Z', 3 * M], // 04:00
  ['2026-10-25T00:29:00Z', 1 * M], // 02:29, in summer
  ['2026-10-25T00:30:00Z', 2 * M], // 02:30
  ['2026-10-25T01:00:00Z', 1 * M], // 02:00 again, in winter
  ['2026-10-25T01:30:00Z', 2 * M],
  ['2026-10-25T03:00:00Z', 3 * M],
])('the clock on the wall counts where it is put forward or back: %s', (moment, rate) => {
  const table = parseTimetable('00:00,1M 02:30,2M 04:00,3M')
  expect(rateAt(table, new Date(moment), inBerlin)).toBe(rate)
})

test('who follows a timetable is told the rate of the moment', () => {
  let now = at(1, '08:00')
  const bandwidth = followTimetable(parseTimetable('08:00,1M 19:00,off'), () => now)
  const rates: unknown[] = []
  for (const time of ['08:00', '18:59', '19:00']) {
    now = at(1, time)
    rates.push(typeof bandwidth === 'function' ? bandwidth() : 'fixed')
  }
  expect(rates).toEqual([M, M, null])
})

const BAD = [
  '',
  'fast',
  '-5',
  '10',
  '1000',
  '08:00',
  '8:00,1M',
  '24:00,1M',
  '08:60,1M',
  'Xyz-08:00,1M',
  '08:00,1M,2M',
  '08:00,1M 19:00',
]

test.each(BAD)('%j is refused', (text) => {
  expect(() => parseTimetable(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('the pattern for editors fits whatever can be read', () => {
  const pattern = new RegExp(`^${TIMETABLE_PATTERN}$`)
  for (const text of ['10M', 'off', '0', '08:00,512K 23:00,off', 'Mon-00:00,512K; Friday-23:59,1.5GiB/s']) {
    parseTimetable(text)
    expect(text).toMatch(pattern)
  }
  for (const text of ['fast', '8:00,1M', '08:00']) expect(text).not.toMatch(pattern)
})
