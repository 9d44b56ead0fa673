import { AppError } from '../model/errors.ts'

/**
 * A length of time as rules say it: calendar months and years as the calendar has them, the rest as
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
