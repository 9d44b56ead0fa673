import { close, constants, fchmod, fstat, fsync, link, lstat, open, rename, unlink, write, writev } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../model/errors.ts'
import { errnoOf } from '../disk-error.ts'
import { checkSignal } from '../interrupt.ts'
import type { Body, PutMode } from '../store.ts'
import { tempName } from '../temp-file.ts'
import type { DiskCalls } from './disk-calls.ts'
import { createCommit } from './fs-commit.ts'
import type { Folders } from './fs-folders.ts'
import { makeTempFolder } from './fs-temp.ts'

// Callback calls on plain descriptors: a FileHandle costs as much again as the write of a small object.
const openFile = promisify(open)
const closeFile = promisify(close)
const syncFd = promisify(fsync)
const statFd = promisify(fstat)
const chmodFd = promisify(fchmod)
const writeFd = promisify(write)
const writevFd = promisify(writev)
const renameFile = promisify(rename)
const linkFile = promisify(link)
const lstatFile = promisify(lstat)
const unlinkFile = promisify(unlink)

/** Everything in a vault is written once; the mode of a new file does not bind the descriptor that made it. */
const READ_ONLY = 0o444
/** Pieces are gathered to this many bytes before they are written. */
const GATHER = 1024 * 1024

export interface Put {
  readonly key: string
  readonly path: string
  readonly body: Body
  readonly signal: AbortSignal | undefined
  readonly mode: PutMode
}

const wrongLength = (key: string, said: number, got: number | string): AppError =>
  new AppError('OBJECT_CORRUPT', `the body for ${key} has ${got} bytes, not ${said} as announced`)

const writeAll = async (fd: number, bytes: Uint8Array): Promise<void> => {
  let offset = 0
  // A disk that fills up takes a part first and refuses at the next call.
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await writeFd(fd, bytes, offset, bytes.byteLength - offset, null)
    offset += bytesWritten
  }
}

const writePieces = async (fd: number, pieces: readonly Uint8Array[], size: number): Promise<void> => {
  const { bytesWritten } = await writevFd(fd, pieces)
  if (bytesWritten < size) await writeAll(fd, Buffer.concat(pieces).subarray(bytesWritten))
}

const writeStream = async (fd: number, { key, body, signal }: Put): Promise<void> => {
  let pieces: Uint8Array[] = []
  let gathered = 0
  let total = 0
  const flush = async (): Promise<void> => {
    if (gathered > 0) await writePieces(fd, pieces, gathered)
    pieces = []
    gathered = 0
  }
  for await (const chunk of body.open()) {
    checkSignal(signal, `writing ${key}`)
    total += chunk.byteLength
    if (total > body.size) throw wrongLength(key, body.size, `more than ${body.size}`)
    pieces.push(chunk)
    gathered += chunk.byteLength
    if (gathered >= GATHER || pieces.length >= 512) await flush()
  }
  await flush()
  if (total !== body.size) throw wrongLength(key, body.size, total)
}

const writeMemory = async (calls: DiskCalls, fd: number, bytes: Uint8Array): Promise<void> => {
  // As above: a disk that fills up takes a part first.
  for (let offset = 0; offset < bytes.byteLength; ) offset += await calls.write(fd, bytes, offset)
}

const writeBody = async (calls: DiskCalls, fd: number, put: Put): Promise<void> => {
  const { memory, size } = put.body
  if (memory === undefined) return writeStream(fd, put)
  if (memory.byteLength !== size) throw wrongLength(put.key, size, memory.byteLength)
  await writeMemory(calls, fd, memory)
}

/** Disks without hard links say so with these. */
const CANNOT_LINK = new Set<string | null>(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/**
 * A second name for what has `from`; throws EEXIST where `to` is there. The old name stays. Where the disk knows no
 * second names it is a look and a rename, between which somebody else may come.
 */
const nameOnce = async (from: string, to: string): Promise<void> => {
  try {
    await linkFile(from, to)
  } catch (error) {
    if (!CANNOT_LINK.has(errnoOf(error))) throw error
    const isThere = await lstatFile(to).then(
      () => true,
      () => false,
    )
    if (isThere) throw Object.assign(new Error(`${to} exists`), { code: 'EEXIST' })
    await renameFile(from, to)
  }
}

/**
 * Takes the caller's file as the object. False when it has to be copied: another file system, or a file that is
 * a link or has a second name, under which it could be changed later.
 */
const moveFile = async (file: string, { key, path, body, mode }: Put): Promise<boolean> => {
  const fd = await openFile(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => {
    if (errnoOf(error) === 'ELOOP') return null
    throw error
  })
  if (fd === null) return false
  try {
    const found = await statFd(fd)
    if (!found.isFile() || found.nlink > 1) return false
    if (found.size !== body.size) throw wrongLength(key, body.size, found.size)
    await chmodFd(fd, READ_ONLY)
    await syncFd(fd)
  } finally {
    await closeFile(fd)
  }
  try {
    if (mode === 'create') {
      await nameOnce(file, path)
      await unlinkFile(file).catch(() => {})
    } else {
      await renameFile(file, path)
    }
    return true
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false
    throw error
  }
}

/**
 * The one crash-safe write: temporary name, exclusive create, write, length check, fsync, rename, fsync of the folder.
 * Killed anywhere, the final name holds the old bytes, nothing, or the new bytes, and never a part of them.
 */
export const createPut = (root: string, folders: Folders, calls: DiskCalls): ((put: Put) => Promise<boolean>) => {
  const commit = createCommit()
  let tempFolder: Promise<string> | null = null
  const temporary = async (): Promise<string> => {
    tempFolder ??= makeTempFolder(root)
    return join(await tempFolder, tempName())
  }

  const copy = async (put: Put, folder: string): Promise<void> => {
    const temp = await temporary()
    const fd = await calls.open(temp, 'wx', READ_ONLY)
    try {
      await writeBody(calls, fd, put)
      checkSignal(put.signal, `writing ${put.key}`)
      await commit({ fd, temp, path: put.path, folder, once: put.mode === 'create' })
    } catch (error) {
      await unlinkFile(temp).catch(() => {})
      throw error
    } finally {
      await calls.close(fd)
    }
  }

  const attempt = async (put: Put): Promise<void> => {
    const folder = dirname(put.path)
    await folders.ensure(folder)
    const moved = put.body.file !== undefined && (await moveFile(put.body.file, put))
    await (moved ? folders.sync(folder) : copy(put, folder))
  }

  const persist = async (put: Put): Promise<void> => {
    try {
      await attempt(put)
    } catch (error) {
      // `.cache` may be deleted at any time, even now; anything else that is missing fails again, for good.
      if (errnoOf(error) !== 'ENOENT') throw error
      tempFolder = null
      folders.forget(dirname(put.path))
      await folders.checkRoot()
      await attempt(put)
    }
  }

  return async (put) => {
    try {
      await persist(put)
      return true
    } catch (error) {
      if (put.mode !== 'create' || errnoOf(error) !== 'EEXIST') throw error
      await folders.confirm(dirname(put.path))
      return false
    }
  }
}
