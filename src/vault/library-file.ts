import type { Stats } from 'node:fs'
import { constants, linkSync, lutimesSync } from 'node:fs'
import { copyFile, link, open, rename, rm } from 'node:fs/promises'
import { AppError } from '../model/errors.ts'
import { errnoOf } from './disk-error.ts'
import { intruder, look } from './real-folder.ts'

export interface Placing {
  readonly target: string
  readonly objectFile: string
  readonly object: Stats
  /** Milliseconds since the epoch. */
  readonly mtime: number
}

/** What the disk turned out not to be able to do is not tried again. */
export interface Abilities {
  /** False: no link is wanted, whatever the disk can. */
  readonly mayLink: boolean
  canLink: boolean
  canClone: boolean
  readonly allowCopies: boolean
  /** A path that nobody else uses, on the file system of the library. */
  readonly temp: () => Promise<string>
}

const CANNOT_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
const CANNOT_CLONE = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'ENOTTY'])
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])
const CANNOT_SET_TIME = new Set(['EPERM', 'EACCES', 'EINVAL', 'ENOSYS'])

export const isSameFile = (one: Stats, other: Stats): boolean => one.ino === other.ino && one.dev === other.dev

/** Copies bear the object's length and the asset's time; FAT keeps times to two seconds. */
const isLikelyCopy = (found: Stats, { object, mtime }: Placing): boolean =>
  found.isFile() && found.size === object.size && Math.abs(found.mtimeMs - mtime) < 2000

export const syncPath = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!CANNOT_SYNC.has(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Times are a courtesy; only the owner of a file may set them. */
const setTime = ({ target, mtime }: Placing): void => {
  try {
    lutimesSync(target, mtime / 1000, mtime / 1000)
  } catch (error) {
    if (!CANNOT_SET_TIME.has(errnoOf(error) ?? '')) throw error
  }
}

const replace = async (
  { target }: Placing,
  temp: () => Promise<string>,
  make: (path: string) => Promise<void>,
): Promise<void> => {
  const path = await temp()
  try {
    await make(path)
    await rename(path, target)
  } finally {
    // Renaming one name of a file onto another of its names does nothing and leaves both.
    await rm(path, { force: true })
  }
}

const byLink = async (what: Placing, able: Abilities, isFree: boolean): Promise<boolean> => {
  if (!able.canLink) return false
  try {
    if (isFree) linkSync(what.objectFile, what.target)
    else await replace(what, able.temp, (path) => link(what.objectFile, path))
    return true
  } catch (error) {
    const errno = errnoOf(error) ?? ''
    if (errno === 'EEXIST' && isFree) return byLink(what, able, false)
    // A file can have only so many names; the next one is a file of its own.
    if (errno === 'EMLINK') return false
    if (!CANNOT_LINK.has(errno)) throw error
    able.canLink = false
    return false
  }
}

const byClone = async (what: Placing, able: Abilities): Promise<boolean> => {
  if (!able.canClone) return false
  const mode = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE
  try {
    await replace(what, able.temp, (path) => copyFile(what.objectFile, path, mode))
    return true
  } catch (error) {
    if (!CANNOT_CLONE.has(errnoOf(error) ?? '')) throw error
    able.canClone = false
    return false
  }
}

const byCopy = async (what: Placing, able: Abilities): Promise<void> => {
  if (!able.allowCopies && !able.canLink) {
    const why = able.mayLink
      ? `cannot place ${what.target}: this disk can neither link nor clone files, or the objects have the immutable flag`
      : 'beside the immutable flag its files cannot be links, and this disk cannot clone'
    throw new AppError('STORE_REFUSED', why, {
      hint: 'allow copies with --allow-copies; they take as much space again',
    })
  }
  await replace(what, able.temp, async (path) => {
    await copyFile(what.objectFile, path, constants.COPYFILE_EXCL)
    await syncPath(path)
  })
}

/** Makes the file a link, a clone or a copy of the object, in this order; the object's read-only mode comes along. */
export const placeFile = async (what: Placing, able: Abilities): Promise<'placed' | 'kept'> => {
  const found = look(what.target)
  if (found?.isDirectory() === true) throw intruder(what.target)
  const isLinked = found !== null && isSameFile(found, what.object)
  if (isLinked && able.mayLink) return 'kept'
  if (!(await byLink(what, able, found === null))) {
    if (found !== null && !isLinked && isLikelyCopy(found, what)) return 'kept'
    if (!(await byClone(what, able))) await byCopy(what, able)
  }
  setTime(what)
  return 'placed'
}
