import type { Dirent } from 'node:fs'
import { close, constants, fstat, open, read, type Stats, stat, unlink } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../model/errors.ts'
import { diskError, isAbsence } from '../disk-error.ts'
import { checkSignal } from '../interrupt.ts'
import { checkKey, checkPrefix } from '../key.ts'
import type { Bytes, Stat, Store } from '../store.ts'
import { createDiskCalls } from './disk-calls.ts'
import type { Folders } from './fs-folders.ts'
import { createFolders } from './fs-folders.ts'
import { moveFile, touchFile } from './fs-move.ts'
import { createPut } from './fs-put.ts'
import { refuseSealed, unlessSealed } from './fs-sealed.ts'
import { removeLeftovers } from './fs-temp.ts'

const openFile = promisify(open)
const closeFile = promisify(close)
const statFd = promisify(fstat)
const statFile = promisify(stat)
const readFd = promisify(read)
const unlinkFile = promisify(unlink)

export interface FsStoreOptions {
  /** Make the root folder now when it is not there; without it, the first `put` does. @default false */
  readonly create?: boolean
  /** The time against which leftovers of dead writers are old; milliseconds since the epoch. @default Date.now() */
  readonly now?: number
  /** @default 32 */
  readonly maxConcurrency?: number
}

const READ_SIZE = 256 * 1024
const NOTHING = { bytesRead: 0, buffer: Buffer.alloc(0) }

/** Names at the root that other programs put on every disk, and that are nobody's data. */
const NOT_OURS = new Set(['lost+found', 'System Volume Information', '$RECYCLE.BIN'])
/** `locks` is the local disk's own, like `.cache`: about this machine, not about the vault. */
const isHiddenAtRoot = (name: string): boolean => name.startsWith('.') || name === 'locks' || NOT_OURS.has(name)

interface Place {
  readonly root: string
  readonly folders: Folders
}

/**
 * The change of the inode and not of the bytes: a move or a new name in the library makes a file younger too, which is
 * the safe side, while a library file bears the time of its asset.
 */
const statOf = ({ size, ctimeMs, nlink }: Stats): Stat => ({ size, changedAt: ctimeMs, links: nlink })

const notFound = (key: string, cause?: unknown): AppError =>
  new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`, { cause })

/** Runs one call and gives its failure a meaning; an absence counts only while the root is still the root. */
const guarded = async <T>(
  place: Place,
  doing: string,
  work: () => Promise<T>,
  absent?: (error: unknown) => T,
): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (absent === undefined || !isAbsence(error)) throw diskError(error, doing)
    await place.folders.checkRoot().catch((gone: unknown) => {
      throw diskError(gone, doing)
    })
    return absent(error)
  }
}

/** Reads on demand; the descriptor is closed at the end, on an error, and when the reader stops early. */
const readOpen = (
  fd: number,
  span: { at: number; end: number },
  key: string,
  signal: AbortSignal | undefined,
): Bytes => {
  let at = span.at
  let isOpen = true
  const finish = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await closeFile(fd)
  }
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (!isOpen) return { done: true, value: undefined }
    try {
      checkSignal(signal, `reading ${key}`)
      const wanted = Math.min(READ_SIZE, span.end - at)
      const { bytesRead, buffer } = wanted === 0 ? NOTHING : await readFd(fd, Buffer.allocUnsafe(wanted), 0, wanted, at)
      at += bytesRead
      // A file cut while it is read just ends early: whoever knows its digest or length sees that.
      if (bytesRead > 0) return { done: false, value: buffer.subarray(0, bytesRead) }
      await finish()
      return { done: true, value: undefined }
    } catch (error) {
      await finish()
      throw diskError(error, `read ${key}`)
    }
  }
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        await finish()
        return { done: true, value: undefined }
      },
    }),
  }
}

const openKey = async (
  path: string,
  key: string,
  signal: AbortSignal | undefined,
  range?: { start: number; end: number },
): Promise<Bytes> => {
  const fd = await openFile(path, constants.O_RDONLY)
  const found = await statFd(fd)
  if (!found.isFile()) {
    await closeFile(fd)
    throw notFound(key)
  }
  const end = range === undefined ? found.size : Math.min(range.end + 1, found.size)
  return readOpen(fd, { at: range?.start ?? 0, end: Math.max(end, range?.start ?? 0) }, key, signal)
}

interface Walk extends Place {
  readonly prefix: string
  readonly signal: AbortSignal | undefined
}

type Met = { readonly key: string; readonly stat: Stat | null }

/** A folder has no `stat`. Null for what is neither file nor folder, or gone. */
const meet = async (walk: Walk, key: string, follow: boolean): Promise<Met | null> =>
  guarded(
    walk,
    `look at ${key}`,
    async () => {
      const path = join(walk.root, key)
      const found = follow ? await statFile(path) : await lstat(path)
      if (found.isDirectory()) return { key, stat: null }
      return found.isFile() ? { key, stat: statOf(found) } : null
    },
    () => null,
  )

/** Links are followed: an `objects` folder moved to a bigger disk must not look empty. The depth ends any circle. */
async function* walkFolder(
  walk: Walk,
  folder: string,
  depth: number,
): AsyncGenerator<Stat & { key: string }, void, void> {
  const entries = await guarded<Dirent[]>(
    walk,
    `list ${folder === '' ? walk.root : folder}`,
    () => readdir(join(walk.root, folder), { withFileTypes: true }),
    () => [],
  )
  const wanted = entries
    .map((entry) => ({ entry, key: folder === '' ? entry.name : `${folder}/${entry.name}` }))
    .filter(({ entry }) => folder !== '' || !isHiddenAtRoot(entry.name))
    .filter(({ key }) => key.startsWith(walk.prefix) || walk.prefix.startsWith(`${key}/`))
  for (let from = 0; from < wanted.length; from += 64) {
    checkSignal(walk.signal, `listing ${walk.prefix}`)
    const slice = wanted.slice(from, from + 64)
    const found = await Promise.all(
      slice.map(({ entry, key }) =>
        entry.isDirectory() ? { key, stat: null } : meet(walk, key, entry.isSymbolicLink()),
      ),
    )
    for (const each of found) {
      if (each === null) continue
      if (each.stat !== null && each.key.startsWith(walk.prefix)) yield { key: each.key, ...each.stat }
      if (each.stat === null && depth < 16) yield* walkFolder(walk, each.key, depth + 1)
    }
  }
}

/**
 * A vault on a local disk. A root that was there and vanishes
 * (an unplugged disk) makes every call throw STORE_UNAVAILABLE instead of finding nothing.
 */
export const openFsStore = async (root: string, options: FsStoreOptions = {}): Promise<Store> => {
  const path = resolve(root)
  const calls = createDiskCalls()
  const folders = createFolders(path, calls)
  const place: Place = { root: path, folders }
  const pathOf = (key: string): string => join(path, checkKey(key))
  await guarded(place, `open ${path}`, () => (options.create === true ? folders.ensure(path) : folders.checkRoot()))
  await removeLeftovers(path, options.now ?? Date.now())
  const put = createPut(path, folders, calls)

  return {
    traits: { maxConcurrency: options.maxConcurrency ?? 32, localRoot: path },
    put: async (key, body, signal, mode = 'replace') => {
      const target = pathOf(key)
      checkSignal(signal, `writing ${key}`)
      const doing = `write ${key}`
      return guarded(place, doing, () =>
        unlessSealed(doing, [target], () => put({ key, path: target, body, signal, mode })),
      )
    },
    get: async (key, signal, range) => {
      const target = pathOf(key)
      checkSignal(signal, `reading ${key}`)
      return guarded(
        place,
        `read ${key}`,
        () => openKey(target, key, signal, range),
        (error) => {
          throw notFound(key, error)
        },
      )
    },
    stat: async (key, signal) => {
      const target = pathOf(key)
      checkSignal(signal, `looking at ${key}`)
      const found = await guarded(place, `look at ${key}`, async () => {
        const there = await calls.stat(target)
        if (there === null) await folders.checkRoot()
        return there
      })
      if (found === null || !found.isFile()) return null
      // Whoever is told "it is there" stops writing it, so its name has to be as durable as if we had written it.
      await guarded(place, `sync ${dirname(key)}`, () => folders.confirm(dirname(target)))
      return statOf(found)
    },
    list: (prefix, signal) => walkFolder({ ...place, prefix: checkPrefix(prefix), signal }, listFolder(prefix), 0),
    delete: async (key, signal) => {
      const target = pathOf(key)
      checkSignal(signal, `deleting ${key}`)
      await guarded(
        place,
        `delete ${key}`,
        async () => {
          await unlessSealed(`delete ${key}`, [target], () => unlinkFile(target))
          await folders.sync(dirname(target))
        },
        () => {},
      )
    },
    touch: async (key, signal) => {
      const target = pathOf(key)
      checkSignal(signal, `touching ${key}`)
      return guarded(
        place,
        `touch ${key}`,
        async () => {
          const isTouched = await touchFile(target)
          if (!isTouched) await refuseSealed(`touch ${key}`, [target])
          return isTouched
        },
        () => false,
      )
    },
    move: async (from, to, signal) => {
      const [source, target] = [pathOf(from), pathOf(to)]
      checkSignal(signal, `moving ${from}`)
      const doing = `move ${from} to ${to}`
      await guarded(
        place,
        doing,
        () => unlessSealed(doing, [source, target], () => moveFile(source, target, folders)),
        (error) => {
          throw notFound(from, error)
        },
      )
    },
  }
}

/** The deepest folder that holds everything with this prefix. */
const listFolder = (prefix: string): string => (prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '')
