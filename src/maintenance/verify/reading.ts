import { AppError } from '../../model/errors.ts'
import type { ReadingPass } from '../../model/proof.ts'

/** How much of the bytes is to be read back: nothing, everything, or a part that the next reading goes on from. */
export type ReadWish =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  /** Between 0 and 1, of all bytes. */
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'bytes'; readonly bytes: number }

const TIMES: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const POWERS: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4 }

/**
 * `none`, `all`, `5%`, a time (`90s`, `30m`, `2h`, `1d`), or bytes (`500MB`, `2G`, `1GiB`). Small letters are times and
 * capitals are bytes, so `30m` is half an hour and `30M` are mebibytes. Throws USAGE.
 */
export function parseReadWish(text: string): ReadWish {
  if (text === 'none' || text === 'all') return { kind: text }
  const [, amount = '', unit = ''] = /^(\d{1,12}(?:\.\d{1,3})?)(%|[smhd]|[KMGT]?(?:i?B)?)$/.exec(text) ?? []
  const value = Number(amount)
  if (amount === '' || value === 0 || unit === '' || unit === 'iB') throw unclear(text)
  if (unit === '%') {
    if (value > 100) throw unclear(text)
    return { kind: 'share', share: value / 100 }
  }
  const ms = TIMES[unit]
  if (ms !== undefined) return { kind: 'time', ms: value * ms }
  const power = POWERS[unit.replace(/i?B$/, '')] ?? 0
  const bytes = Math.floor(value * (/^[KMGT]B$/.test(unit) ? 1000 : 1024) ** power)
  if (bytes === 0) throw unclear(text)
  return { kind: 'bytes', bytes }
}

const unclear = (text: string): AppError =>
  new AppError('USAGE', `--read ${JSON.stringify(text)} is not an amount to read`, {
    hint: 'none, all, a share (5%), a time (90s, 30m, 2h) or bytes (500MB, 2G)',
  })

/** Where a reading by part stands: since when, and what was read since. */
export interface ReadingCycle {
  /** ISO-8601. */
  readonly startedAt: string
  /** In rising order of `upTo`. */
  readonly passes: readonly ReadingPass[]
}

/** How far the objects have been read; '' when nothing has. */
export const positionOf = ({ passes }: ReadingCycle): string => passes.at(-1)?.upTo ?? ''

/**
 * True when an object has been read since the cycle began: the pass that went by its position came after it was there.
 *
 * @param since when the object was first named, in milliseconds since the epoch; null for what nothing names, which is
 *   read when a pass goes by and not waited for
 */
export function isReadIn({ passes }: ReadingCycle, position: string, since: number | null): boolean {
  const pass = passes.find(({ upTo }) => position <= upTo)
  return pass !== undefined && (since === null || since <= Date.parse(pass.at))
}

/**
 * The cycle after a run that began at `at` and went from the first position up to `reached`, reading whatever had not
 * been read: behind the earlier position only what is new, beyond it everything.
 */
export function afterRun(cycle: ReadingCycle, run: { readonly at: string; readonly reached: string }): ReadingCycle {
  const beyond = cycle.passes.filter(({ upTo }) => upTo > run.reached)
  if (run.reached === '') return cycle
  return { startedAt: cycle.startedAt, passes: [{ upTo: run.reached, at: run.at }, ...beyond] }
}

/** Says object by object, in order of position, whether it is to be read now. */
export interface Portion {
  /** Call once for each object, in order. */
  takes(object: { readonly position: string; readonly size: number; readonly since: number | null }): boolean
  /** True when an object was left for the next run. */
  readonly isCut: boolean
  /** Up to here everything has been read in this cycle; null when all of it has. */
  readonly reached: string | null
}

export interface PortionOptions {
  readonly cycle: ReadingCycle
  /** Bytes of all objects together, as far as they are known. */
  readonly totalBytes: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** At least one object is read, however small the wish: a vault of huge files must get on too. */
export function createPortion(wish: ReadWish, { cycle, totalBytes, now }: PortionOptions): Portion {
  const until = wish.kind === 'time' ? now() + wish.ms : Number.POSITIVE_INFINITY
  const room = roomOf(wish, totalBytes)
  let [taken, objects] = [0, 0]
  let reached = ''
  let isCut = false
  const fits = (size: number): boolean => {
    if (wish.kind === 'none') return false
    return objects === 0 || (taken + size <= room && now() < until)
  }
  return {
    takes({ position, size, since }) {
      if (isCut) return false
      if (wish.kind !== 'all' && isReadIn(cycle, position, since)) {
        reached = position
        return false
      }
      if (!fits(size)) {
        isCut = true
        return false
      }
      taken += size
      objects += 1
      reached = position
      return true
    },
    get isCut() {
      return isCut
    },
    get reached() {
      return isCut ? reached : null
    },
  }
}

function roomOf(wish: ReadWish, totalBytes: number): number {
  if (wish.kind === 'bytes') return wish.bytes
  return wish.kind === 'share' ? Math.ceil(wish.share * totalBytes) : Number.POSITIVE_INFINITY
}

/** The share of the objects that lies at or before a position, 0 to 1: positions are spread evenly. */
export const shareAt = (position: string): number =>
  Number.parseInt(position.slice(0, 8).padEnd(8, '0'), 16) / 0x1_0000_0000
