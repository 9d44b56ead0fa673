import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sha256Hex } from '../../lib/hash.ts'

const DAY = 24 * 60 * 60 * 1000
const MINUTE = 60 * 1000

/** Eight digits that stand for this machine, so that a process id is only compared where it means something. */
const machine = sha256Hex(hostname()).slice(0, 8)

const NAME = /^put-([0-9a-f]{8})-([0-9]+)-[0-9a-f]+$/

export const tempName = (): string => `put-${machine}-${process.pid}-${randomBytes(8).toString('hex')}`

/** Where unfinished writes may lie: `.cache/tmp`, or `.tmp` when somebody put `.cache` on another file system. */
export const tempFolders = (root: string): readonly string[] => [join(root, '.cache', 'tmp'), join(root, '.tmp')]

/** A folder on the root's own file system, made when it is not there; a rename out of it never becomes a copy. */
export const makeTempFolder = async (root: string): Promise<string> => {
  const [inCache = root, inRoot = root] = tempFolders(root)
  await mkdir(inCache, { recursive: true })
  const [there, here] = await Promise.all([stat(inCache), stat(root)])
  if (there.dev === here.dev) return inCache
  await mkdir(inRoot, { recursive: true })
  return inRoot
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
 * A process id says little across containers, so even a file whose writer seems dead must have been left alone for
 * a minute: a live writer touches its file with every piece.
 */
const isLeftover = (name: string, ageMs: number): boolean => {
  const [, writer, pid] = NAME.exec(name) ?? []
  if (pid === undefined) return false
  if (ageMs > DAY) return true
  return writer === machine && ageMs > MINUTE && !isAlive(Number(pid))
}

/** Gives back the space of writes that died. Best effort: what cannot be removed now is tried at the next opening. */
export const removeLeftovers = async (root: string, now: number): Promise<void> => {
  for (const folder of tempFolders(root)) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names) {
      const path = join(folder, name)
      const found = await lstat(path).catch(() => null)
      if (found?.isFile() === true && isLeftover(name, now - found.mtimeMs)) await unlink(path).catch(() => {})
    }
  }
}
