import { rename, stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '../disk-error.ts'
import type { Folders } from './fs-folders.ts'

/** Only the owner of a file may set its times; a read-only disk lets nobody. */
const CANNOT_TOUCH = new Set(['EPERM', 'EACCES', 'EROFS'])

/**
 * Gives the file the times that it has: they stay, and the time of the inode's change becomes now. False when this
 * process may not. Throws ENOENT for what is absent.
 */
export async function touchFile(path: string): Promise<boolean> {
  const found = await stat(path)
  if (!found.isFile()) return false
  try {
    await utimes(path, found.atimeMs / 1000, found.mtimeMs / 1000)
    return true
  } catch (error) {
    if (CANNOT_TOUCH.has(errnoOf(error) ?? '')) return false
    throw error
  }
}

/** A rename, made durable, and the time of it written down: not every file system counts a rename as a change. */
export async function moveFile(source: string, target: string, folders: Folders): Promise<void> {
  const folder = dirname(target)
  await folders.ensure(folder)
  try {
    await rename(source, target)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    // Somebody may have removed the folder since it was made; a source that is absent fails again, for good.
    folders.forget(folder)
    await folders.ensure(folder)
    await rename(source, target)
  }
  await touchFile(target).catch((error: unknown) => {
    // Moved on by somebody else already.
    if (errnoOf(error) !== 'ENOENT') throw error
  })
  await folders.sync(folder)
}
