/** Repeatable randomness: the same seed gives the same sandbox on every machine. */

const multiplyBack = (x: number): number => Math.imul(x, 0x7ed1b41d)
const multiplyBackAgain = (x: number): number => Math.imul(x, 0xa5cb9243)

/** Murmur3's finalizer: a bijection of the 32-bit numbers that looks random, so two indexes never meet. */
export const scramble = (value: number): number => {
  let x = value >>> 0
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  x ^= x >>> 16
  return x >>> 0
}

/** The inverse of `scramble`: the multipliers are the modular inverses, the shifts undo themselves. */
export const unscramble = (value: number): number => {
  let x = value >>> 0
  x ^= x >>> 16
  x = multiplyBack(x)
  x ^= (x >>> 13) ^ (x >>> 26)
  x = multiplyBackAgain(x)
  x ^= x >>> 16
  return x >>> 0
}

/** 32 bits that depend on all the given numbers. */
export const hash = (a: number, b: number, c = 0): number =>
  scramble(scramble(scramble(a) ^ Math.imul(b | 0, 0x9e3779b1)) ^ Math.imul(c | 0, 0x85ebca77))

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Eight hex digits of 32 bits. */
export const hexOf = (value: number): string =>
  `${HEX[value >>> 24] ?? ''}${HEX[(value >>> 16) & 255] ?? ''}${HEX[(value >>> 8) & 255] ?? ''}${HEX[value & 255] ?? ''}`

export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number in [0, below). */
  below(below: number): number
  /** A whole number in [low, high], both included. */
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  hex(digits: number): string
}

/** A small generator (mulberry32) whose sequence is fixed by `seed`. */
export const createRandom = (seed: number): Random => {
  let state = scramble(seed ^ 0x2545f491)
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    hex: (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join(''),
  }
}
