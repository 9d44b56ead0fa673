import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../model/errors.ts'
import { diskError, errnoOf } from '../vault/disk-error.ts'
import { syncFolder } from './folder-place.ts'
import type { ZipTarget } from './zip-packing.ts'

/**
 * A zip file on a disk: written as `<name>.part`, which gets the name when it is whole, and is removed when it cannot
 * become so. Throws TARGET_EXISTS when either name is taken.
 */
export async function openZipFile(path: string): Promise<ZipTarget> {
  const part = `${path}.part`
  const named = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw diskError(error, `write ${path}`)
    }
  }
  const file = await named(async () => {
    await refuseTaken(path)
    return await openPart(part)
  })
  return {
    write: (bytes) => named(() => writeAll(file, bytes)),
    finish: () =>
      named(async () => {
        await file.sync()
        await file.close()
        await nameOnce(part, path)
        await syncFolder(dirname(path)).catch(() => undefined)
      }),
    async abandon() {
      await file.close().catch(() => undefined)
      await rm(part, { force: true }).catch(() => undefined)
    },
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten
}

async function openPart(part: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw new AppError('STORE_REFUSED', `the folder ${dirname(part)} is not there`, {
        hint: 'make it first',
        cause: error,
      })
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new AppError('TARGET_EXISTS', `${part} is there, from an export that did not finish or is still under way`, {
      hint: 'remove it if no other export is running, and export again',
    })
  }
}

const taken = (path: string): AppError =>
  new AppError('TARGET_EXISTS', `${path} is already there`, { hint: 'give another name, or move it away' })

async function refuseTaken(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw error
  })
  if (found !== null) throw taken(path)
}

/** Gives the file its name only if the name is free, also when another process takes it in this instant. */
async function nameOnce(part: string, path: string): Promise<void> {
  try {
    await link(part, path)
    await rm(part, { force: true })
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw taken(path)
    // A disk without hard links: a last look has to do.
    await refuseTaken(path)
    await rename(part, path)
  }
}
