import { lstatSync, mkdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../model/errors.ts'
import { errnoOf, isAbsence } from './disk-error.ts'

/**
 * What lies at the path itself, links not followed; null when nothing does. The library's calls are synchronous: they
 * only touch folders, and each costs a tenth of its way through the thread pool.
 */
export const look = (path: string): Stats | null => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

export const intruder = (path: string): AppError =>
  new AppError(
    'STORE_REFUSED',
    `${path} is not what the library has there, a link or a folder or a file of its own kind`,
    {
      hint: 'the library holds only what cloudkeep puts there; move it away',
    },
  )

/**
 * Goes down from a root through real folders only, so that nothing is written through a link that somebody planted.
 * `make` makes what is missing; without it, false says that something is. Throws STORE_REFUSED at a link or a file.
 */
export const walkFolders = (root: string, segments: readonly string[], make: boolean): boolean => {
  let at = root
  for (const segment of segments) {
    at = join(at, segment)
    const found = look(at)
    if (found?.isDirectory() === true) continue
    if (found !== null) throw intruder(at)
    if (!make) return false
    try {
      mkdirSync(at)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    if (look(at)?.isDirectory() !== true) throw intruder(at)
  }
  return true
}
