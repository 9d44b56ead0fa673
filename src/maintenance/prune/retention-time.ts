import { parseSpan } from '../../lib/span.ts'
import { AppError } from '../../model/errors.ts'

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
