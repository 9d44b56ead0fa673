import { createHash } from 'node:crypto'
import { constants, lstatSync, mkdirSync } from 'node:fs'
import { type FileHandle, lstat, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../model/errors.ts'
import { diskError, errnoOf, isAbsence } from '../vault/disk-error.ts'
import type { Bytes } from '../vault/store.ts'
import { syncFolder } from './folder-place.ts'

export interface WrittenFile {
  /** SHA-256 of what lies there now. */
  readonly digest: string
  readonly size: number
}

/** Writes files below one folder and nowhere else, whatever links somebody planted there. */
export interface FolderWriter {
  /** What an earlier attempt left at the path: hashed, or null when there is no file. */
  existing(path: string, size: number): Promise<WrittenFile | null>
  /**
   * Writes a file and makes its bytes durable; `mtime` in milliseconds, null: now. What was there is replaced, not
   * written over: it may be a link to something that matters. After an error there is no file.
   */
  write(path: string, bytes: Bytes, mtime: number | null): Promise<WrittenFile>
  remove(path: string): Promise<void>
  /** Makes all names durable. */
  sync(): Promise<void>
}

export function createFolderWriter(root: string): FolderWriter {
  const folders = new Set<string>([''])
  const ensure = (folder: string): void => {
    if (folders.has(folder)) return
    const slash = folder.lastIndexOf('/')
    ensure(slash < 0 ? '' : folder.slice(0, slash))
    makeFolder(join(root, folder))
    folders.add(folder)
  }
  const placeOf = (path: string): string => {
    ensure(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')
    return join(root, path)
  }
  const named = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw diskError(error, `write ${join(root, path)}`)
    }
  }
  return {
    existing: (path, size) => named(path, () => hashExisting(placeOf(path), size)),
    write: (path, bytes, mtime) => named(path, () => writeNew(placeOf(path), bytes, mtime)),
    remove: (path) => named(path, () => rm(placeOf(path), { force: true })),
    sync: async () => {
      for (const folder of [...folders].reverse()) await named(folder, () => syncFolder(join(root, folder)))
      await syncFolder(dirname(root)).catch(() => undefined)
    },
  }
}

/** Only folders are touched and each once, so the calls are made in place. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    if (lstatSync(path).isDirectory()) return
    throw new AppError('STORE_REFUSED', `${path} is a link or a file where a folder of the export belongs`, {
      hint: 'move it away, or export to another folder',
    })
  }
}

async function hashExisting(path: string, size: number): Promise<WrittenFile | null> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isAbsence(error)) return null
    throw error
  })
  if (found === null || !found.isFile() || found.size !== size) return null
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  const hash = createHash('sha256')
  let read = 0
  try {
    for await (const piece of file.createReadStream({ highWaterMark: 256 * 1024, autoClose: false })) {
      hash.update(piece)
      read += piece.length
    }
  } finally {
    await file.close()
  }
  return { digest: hash.digest('hex'), size: read }
}

/** Pieces are gathered to this many bytes before they are written. */
const GATHER = 1024 * 1024

async function writeNew(path: string, bytes: Bytes, mtime: number | null): Promise<WrittenFile> {
  const file = await openNew(path)
  try {
    const written = await writeAll(file, bytes)
    if (mtime !== null) await file.utimes(mtime / 1000, mtime / 1000)
    await file.sync()
    await file.close()
    return written
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(path, { force: true }).catch(() => undefined)
    throw error
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx')
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    await rm(path)
    return await open(path, 'wx')
  }
}

async function writeAll(file: FileHandle, bytes: Bytes): Promise<WrittenFile> {
  const hash = createHash('sha256')
  let size = 0
  let pieces: Uint8Array[] = []
  let gathered = 0
  const flush = async (): Promise<void> => {
    const buffer = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    // A disk that fills up takes a part first and refuses at the next call.
    for (let at = 0; at < buffer.byteLength; ) at += (await file.write(buffer, at)).bytesWritten
    pieces = []
    gathered = 0
  }
  for await (const piece of bytes) {
    hash.update(piece)
    size += piece.byteLength
    pieces.push(piece)
    gathered += piece.byteLength
    if (gathered >= GATHER) await flush()
  }
  await flush()
  return { digest: hash.digest('hex'), size }
}
