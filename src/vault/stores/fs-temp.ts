import { lstat, mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeftover } from '../temp-file.ts'

/** Where unfinished writes may lie: `.cache/tmp`, or `.tmp` when somebody put `.cache` on another file system. */
const tempFolders = (root: string): readonly [string, string] => [join(root, '.cache', 'tmp'), join(root, '.tmp')]

/** A folder on the root's own file system, made when it is not there; a rename out of it never becomes a copy. */
export const makeTempFolder = async (root: string): Promise<string> => {
  const [inCache, inRoot] = tempFolders(root)
  await mkdir(inCache, { recursive: true })
  const [there, here] = await Promise.all([stat(inCache), stat(root)])
  if (there.dev === here.dev) return inCache
  await mkdir(inRoot, { recursive: true })
  return inRoot
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
