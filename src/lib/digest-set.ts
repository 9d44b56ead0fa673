/** 32-bit words of a digest. */
const WORDS = 8

/**
 * A set of SHA-256 digests (64 hex digits) with one mark each, in 37 bytes a slot instead of the 100 or more of a
 * string in a `Set`: a vault of a million objects must not cost a million strings.
 */
export interface DigestSet {
  readonly size: number
  /** Returns the member's number: 0 for the first, and the same again for one that is there. */
  add(digest: string): number
  /** The number that `add` gave; -1 for a stranger. What is kept beside a member can be kept under it. */
  indexOf(digest: string): number
  has(digest: string): boolean
  /** Marks a member; false when it is none. */
  mark(digest: string): boolean
  isMarked(digest: string): boolean
  /** The members that were never marked, in no order. */
  unmarked(): Iterable<string>
}

export function createDigestSet(): DigestSet {
  let capacity = 1 << 12
  let words = new Uint32Array(capacity * WORDS)
  // 0 empty, 1 member, 2 marked member
  let state = new Uint8Array(capacity)
  let numbers = new Uint32Array(capacity)
  let size = 0
  const key = new Uint32Array(WORDS)

  const load = (digest: string): void => {
    for (let i = 0; i < WORDS; i += 1) key[i] = Number.parseInt(digest.slice(i * 8, i * 8 + 8), 16)
  }
  const slotOf = (): number => {
    let slot = (key[0] ?? 0) & (capacity - 1)
    while (state[slot] !== 0) {
      const at = slot * WORDS
      let i = 0
      while (i < WORDS && words[at + i] === key[i]) i += 1
      if (i === WORDS) break
      slot = (slot + 1) & (capacity - 1)
    }
    return slot
  }
  const grow = (): void => {
    const [oldWords, oldState, oldNumbers] = [words, state, numbers]
    capacity *= 2
    words = new Uint32Array(capacity * WORDS)
    state = new Uint8Array(capacity)
    numbers = new Uint32Array(capacity)
    for (let i = 0; i < oldState.length; i += 1) {
      if (oldState[i] === 0) continue
      key.set(oldWords.subarray(i * WORDS, i * WORDS + WORDS))
      const slot = slotOf()
      words.set(key, slot * WORDS)
      state[slot] = oldState[i] ?? 0
      numbers[slot] = oldNumbers[i] ?? 0
    }
  }
  const find = (digest: string): number => {
    load(digest)
    return slotOf()
  }

  return {
    get size() {
      return size
    },
    add(digest) {
      if (size * 2 >= capacity) grow()
      const slot = find(digest)
      if (state[slot] !== 0) return numbers[slot] ?? 0
      words.set(key, slot * WORDS)
      state[slot] = 1
      numbers[slot] = size
      size += 1
      return size - 1
    },
    indexOf(digest) {
      const slot = find(digest)
      return state[slot] === 0 ? -1 : (numbers[slot] ?? -1)
    },
    has: (digest) => state[find(digest)] !== 0,
    isMarked: (digest) => state[find(digest)] === 2,
    mark(digest) {
      const slot = find(digest)
      if (state[slot] === 0) return false
      state[slot] = 2
      return true
    },
    *unmarked() {
      for (let slot = 0; slot < capacity; slot += 1) {
        if (state[slot] !== 1) continue
        yield [...words.subarray(slot * WORDS, slot * WORDS + WORDS)]
          .map((w) => w.toString(16).padStart(8, '0'))
          .join('')
      }
    },
  }
}
