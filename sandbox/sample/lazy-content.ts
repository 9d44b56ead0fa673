import { createHash } from 'node:crypto'
import type { Content } from '../state.ts'

/** Bytes that are made when somebody first asks for them, their length or their MD5, and kept from then on. */
export const lazyContent = (make: () => Buffer): Content => {
  let made: { bytes: Buffer; md5: string } | undefined
  const get = (): { bytes: Buffer; md5: string } => {
    if (made === undefined) {
      const bytes = make()
      made = { bytes, md5: createHash('md5').update(bytes).digest('hex') }
    }
    return made
  }
  return {
    get size() {
      return get().bytes.length
    },
    get md5() {
      return get().md5
    },
    read: (start, end) => get().bytes.subarray(start, end + 1),
  }
}
