import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { sha256Hex } from '../lib/hash.ts'

const DAY = 24 * 60 * 60 * 1000
const MINUTE = 60 * 1000

/** Eight digits that stand for this machine, so that a process id is only compared where it means something. */
const machine = sha256Hex(hostname()).slice(0, 8)

const NAME = /^put-([0-9a-f]{8})-([0-9]+)-[0-9a-f]+$/

/** Two threads of one process must not count the same. */
let series: string | null = null
let count = 0

/** A name nobody else has, which says who writes the file. */
export const tempName = (): string => {
  series ??= randomBytes(8).toString('hex')
  count += 1
  return `put-${machine}-${process.pid}-${series}${count.toString(16)}`
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as another user.
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}

/**
 * True for a file of a writer that died. A process id says little across containers, so even a file whose writer
 * seems dead must have been left alone for a minute: a live writer touches its file with every piece.
 */
export const isLeftover = (name: string, ageMs: number): boolean => {
  const [, writer, pid] = NAME.exec(name) ?? []
  if (pid === undefined) return false
  if (ageMs > DAY) return true
  return writer === machine && ageMs > MINUTE && !isAlive(Number(pid))
}
