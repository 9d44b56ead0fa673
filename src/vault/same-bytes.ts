import { open } from 'node:fs/promises'

const PIECE = 256 * 1024

/** True when two files hold the same bytes. Reads both until they differ. */
export const sameBytes = async (one: string, other: string): Promise<boolean> => {
  const left = await open(one, 'r')
  try {
    const right = await open(other, 'r')
    try {
      const [a, b] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)]
      for (;;) {
        const [{ bytesRead: fromLeft }, { bytesRead: fromRight }] = await Promise.all([
          left.read(a, 0, PIECE, null),
          right.read(b, 0, PIECE, null),
        ])
        if (fromLeft !== fromRight || !a.subarray(0, fromLeft).equals(b.subarray(0, fromRight))) return false
        if (fromLeft === 0) return true
      }
    } finally {
      await right.close()
    }
  } finally {
    await left.close()
  }
}
