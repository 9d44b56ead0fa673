import { AppError } from '../model/errors.ts'
import { BYTE_SIZE_PATTERN, parseByteSize } from './byte-size.ts'
import type { Bandwidth, Rate } from './throttle.ts'

/** How many bytes a second may pass, by day of the week and time of day. */
export interface Timetable {
  /** As it was given. */
  readonly text: string
  /** By minute, never empty; the last one of a week also holds until the first one of the next. */
  readonly slots: readonly Slot[]
}

interface Slot {
  /** Of the week, from Sunday 00:00 on. */
  readonly minute: number
  readonly rate: Rate
}

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const DAY_MINUTES = 24 * 60
const HINT =
  'a rate such as 512K, 10M or off, or a timetable such as "08:00,512K 19:00,10M 23:00,off" or "Mon-08:00,1M Fri-18:00,off"'

const RATE_PATTERN = `(?:[Oo][Ff][Ff]|${BYTE_SIZE_PATTERN}(?:/s)?)`
const SLOT_PATTERN = `(?:[A-Za-z]{3,9}-)?[0-2][0-9]:[0-5][0-9],${RATE_PATTERN}`
/** The shape of a rate or timetable, as a regular expression. */
export const TIMETABLE_PATTERN = `(?:${RATE_PATTERN}|${SLOT_PATTERN}(?:[\\s;]+${SLOT_PATTERN})*)`

/**
 * A rate (`10M`, `off`), or what rclone takes for `--bwlimit`: entries `hh:mm,RATE` or `Mon-hh:mm,RATE`, separated by
 * spaces or semicolons; an entry without a day holds on each. (Source: rclone's documentation, "--bwlimit BwTimetable".)
 * Unlike there a bare number means bytes, as everywhere in Cloudkeep. Throws USAGE.
 */
export function parseTimetable(given: string): Timetable {
  const text = given.trim()
  if (!text.includes(',')) return { text, slots: [{ minute: 0, rate: parseRate(text) }] }
  const byMinute = new Map<number, Rate>()
  for (const entry of text.split(/[\s;]+/)) {
    for (const slot of parseEntry(entry)) byMinute.set(slot.minute, slot.rate)
  }
  const slots = [...byMinute].map(([minute, rate]) => ({ minute, rate }))
  return { text, slots: slots.sort((a, b) => a.minute - b.minute) }
}

function parseEntry(entry: string): readonly Slot[] {
  const match = /^(?:([a-z]+)-)?(\d\d):(\d\d),(.+)$/i.exec(entry)
  const [, day, hour = '', minute = '', rate = ''] = match ?? []
  if (match === null || Number(hour) > 23 || Number(minute) > 59) {
    throw new AppError('USAGE', `"${entry}" is not an entry of a timetable`, { hint: HINT })
  }
  const at = Number(hour) * 60 + Number(minute)
  const parsed = parseRate(rate)
  const days = day === undefined ? DAYS.keys() : [parseDay(day)]
  return Array.from(days, (index) => ({ minute: index * DAY_MINUTES + at, rate: parsed }))
}

function parseDay(text: string): number {
  const word = text.toLowerCase()
  const index = DAYS.findIndex((day) => day === word || day.slice(0, 3) === word)
  if (index >= 0) return index
  throw new AppError('USAGE', `"${text}" is not a day of the week`, { hint: 'Mon, Tue, Wed, Thu, Fri, Sat, Sun' })
}

function parseRate(text: string): Rate {
  if (text === '0' || text.toLowerCase() === 'off') return null
  const rate = parseByteSize(text.replace(/\/s$/i, '')) ?? 0
  if (rate >= 1024) return rate
  throw new AppError('USAGE', `"${text}" is not a rate of at least 1K a second`, { hint: HINT })
}

/** Minutes of the week, from Sunday 00:00 on, as the clocks of this machine show a time. */
const onLocalClock = (at: Date): number => at.getDay() * DAY_MINUTES + at.getHours() * 60 + at.getMinutes()

/**
 * Bytes a second at a moment, null for no limit: the entry that the clock on the wall passed last. Where the clock jumps
 * ahead, an entry in the hour that is missing holds from the jump on; where it goes back, an hour is gone through twice.
 */
export function rateAt({ slots }: Timetable, at: Date, clock: (at: Date) => number = onLocalClock): Rate {
  const minute = clock(at)
  const current = slots.findLast((slot) => slot.minute <= minute) ?? slots.at(-1)
  return current?.rate ?? null
}

/** For whoever limits transfers: the one rate, or, where it changes with time, what tells the rate of the moment. */
export function followTimetable(timetable: Timetable, now: () => Date): Bandwidth {
  const [first] = timetable.slots
  const isFixed = timetable.slots.every((slot) => slot.rate === first?.rate)
  return isFixed ? rateAt(timetable, now()) : () => rateAt(timetable, now())
}
