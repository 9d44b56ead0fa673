import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'

/** Objects that something in the vault names, with what is known of them; some 60 bytes each. */
export interface Needed {
  readonly set: DigestSet
  /** Sum of the known lengths. */
  readonly bytes: number
  /**
   * @param size null when the manifest does not say
   * @param at when the snapshot that names it was taken, in milliseconds since the epoch
   */
  add(digest: string, size: number | null, at: number): void
  /** Null for strangers and for lengths that no manifest says. */
  sizeOf(digest: string): number | null
  /** When it was first named, as far as remaining snapshots tell; null for strangers. */
  sinceOf(digest: string): number | null
}

const UNKNOWN = -1

export function createNeeded(): Needed {
  const set = createDigestSet()
  let sizes: Float64Array = new Float64Array(1024)
  let times: Float64Array = new Float64Array(1024)
  let bytes = 0
  const grow = (values: Float64Array): Float64Array => {
    const larger = new Float64Array(values.length * 2)
    larger.set(values)
    return larger
  }
  const numberOf = (digest: string): number => {
    const known = set.indexOf(digest)
    if (known !== -1) return known
    const added = set.add(digest)
    if (added === sizes.length) {
      sizes = grow(sizes)
      times = grow(times)
    }
    sizes[added] = UNKNOWN
    times[added] = Number.POSITIVE_INFINITY
    return added
  }
  const lookUp = (values: Float64Array, digest: string): number | null => {
    const number = set.indexOf(digest)
    const value = number === -1 ? UNKNOWN : (values[number] ?? UNKNOWN)
    return value === UNKNOWN ? null : value
  }
  return {
    set,
    get bytes() {
      return bytes
    },
    add(digest, size, at) {
      const number = numberOf(digest)
      if (size !== null && sizes[number] === UNKNOWN) {
        sizes[number] = size
        bytes += size
      }
      times[number] = Math.min(times[number] ?? at, at)
    },
    sizeOf: (digest) => lookUp(sizes, digest),
    sinceOf: (digest) => lookUp(times, digest),
  }
}
