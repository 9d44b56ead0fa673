import { AppError } from '../../model/errors.ts'

/**
 * A length of time as rules of retention say it: calendar months and years as the calendar has them, the rest as
 * hours. `forever` has no end.
 */
export interface Span {
  /** As it was given. */
  readonly text: string
  readonly months: number
  readonly hours: number
  readonly isEndless: boolean
}

const PARTS = /(\d+)([hdwmy])/g
const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168 }
const MONTHS: Readonly<Record<string, number>> = { m: 1, y: 12 }

/** `36h`, `30d`, `8w`, `6m` (months), `2y`, or several together as in `1y6m`, or `forever`. Throws USAGE. */
export function parseSpan(text: string): Span {
  if (text === 'forever') return { text, months: 0, hours: 0, isEndless: true }
  const parts = [...text.matchAll(PARTS)]
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text
  let [months, hours] = [0, 0]
  for (const [, count = '', unit = ''] of parts) {
    months += Number(count) * (MONTHS[unit] ?? 0)
    hours += Number(count) * (HOURS[unit] ?? 0)
  }
  // Beyond this a date cannot be told any more.
  if (isWhole && months + hours > 0 && months <= 12_000 && hours <= 8_766_000) {
    return { text, months, hours, isEndless: false }
  }
  throw new AppError('USAGE', `"${text}" is not a length of time`, {
    hint: 'such as 36h, 30d, 8w, 6m (months), 2y, 1y6m, or forever',
  })
}

const HOUR_MS = 3_600_000

/**
 * How long a prune waits, in milliseconds: hours, days or weeks, or `0`. Months are refused, because whoever writes `30m`
 * here means minutes. Throws USAGE.
 */
export function parseGrace(text: string): number {
  if (text === '0') return 0
  const span = /^[0-9hdw]+$/.test(text) ? parseSpan(text) : null
  if (span !== null) return span.hours * HOUR_MS
  throw new AppError('USAGE', `"${text}" is not a grace`, { hint: 'such as 24h, 3d or 1w, or 0' })
}

/** The moment that lies so long before (-1) or after (1) a time, in UTC; a day that a month has not is its last day. */
export function shift(time: number, span: Span, direction: 1 | -1): number {
  if (span.isEndless) return direction * Number.POSITIVE_INFINITY
  const from = new Date(time)
  const month = from.getUTCMonth() + direction * span.months
  const days = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0)).getUTCDate()
  const moved = new Date(time)
  moved.setUTCFullYear(from.getUTCFullYear(), month, Math.min(from.getUTCDate(), days))
  return moved.getTime() + direction * span.hours * HOUR_MS
}

export type Calendar = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'

/** The hour, day, ISO week, month or year of a time in UTC, as people write it; the same for all of one bucket. */
export function bucketOf(time: number, calendar: Calendar): string {
  const iso = new Date(time).toISOString()
  switch (calendar) {
    case 'hourly':
      return `${iso.slice(0, 10)} ${iso.slice(11, 13)}h`
    case 'daily':
      return iso.slice(0, 10)
    case 'weekly':
      return isoWeek(time)
    case 'monthly':
      return iso.slice(0, 7)
    case 'yearly':
      return iso.slice(0, 4)
  }
}

const DAY_MS = 24 * HOUR_MS

/** A week belongs to the year that has its Thursday. */
function isoWeek(time: number): string {
  const date = new Date(time)
  const day = (date.getUTCDay() + 6) % 7
  const thursday = new Date(time + (3 - day) * DAY_MS)
  const year = thursday.getUTCFullYear()
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1
  return `${year}-W${String(week).padStart(2, '0')}`
}
