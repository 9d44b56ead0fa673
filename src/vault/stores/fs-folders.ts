import { fsync, mkdir } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../model/errors.ts'
import { errnoOf } from '../disk-error.ts'
import type { DiskCalls } from './disk-calls.ts'

const syncFile = promisify(fsync)
const makeFolder = promisify(mkdir)

/** Folders under a root whose names survive a power cut. All paths are absolute and inside the root. */
export interface Folders {
  /** Makes the folder and its parents, durably, once per process. */
  ensure(folder: string): Promise<void>
  /** Makes the names in the folder durable as they are now. Calls that wait for the same folder share one fsync. */
  sync(folder: string): Promise<void>
  /** `sync`, but only the first time: what an earlier, killed run left in the folder becomes durable too. */
  confirm(folder: string): Promise<void>
  /** Somebody removed folders under us: what was remembered about this one is wrong. */
  forget(folder: string): void
  /** Throws when the root that was there is not there any more, so that no absence below it is believed. */
  checkRoot(): Promise<void>
}

// Network and FUSE file systems that cannot sync a folder say so with these; they sync names in their own time.
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])

const syncFolder = async (calls: DiskCalls, folder: string): Promise<void> => {
  if (process.platform === 'win32') return
  const fd = await calls.open(folder, 'r')
  try {
    await syncFile(fd)
  } catch (error) {
    if (!CANNOT_SYNC.has(errnoOf(error) ?? '')) throw error
  } finally {
    await calls.close(fd)
  }
}

/**
 * One fsync at a time per folder. Who asks while one is running needs the next one, since the running one may have
 * begun before his rename; all who ask meanwhile share that next one.
 */
const createSync = (calls: DiskCalls): ((folder: string) => Promise<void>) => {
  const running = new Map<string, { current: Promise<void>; next: Promise<void> | null }>()
  const start = (folder: string): Promise<void> => {
    const current = syncFolder(calls, folder).finally(() => {
      if (running.get(folder)?.current === current) running.delete(folder)
    })
    running.set(folder, { current, next: null })
    return current
  }
  return (folder) => {
    const state = running.get(folder)
    if (state === undefined) return start(folder)
    state.next ??= state.current.then(
      () => start(folder),
      () => start(folder),
    )
    return state.next
  }
}

/** Remembers what succeeded; a failure is forgotten so that the next call tries again. */
const once = (remembered: Map<string, Promise<void>>, folder: string, work: () => Promise<void>): Promise<void> => {
  const known = remembered.get(folder)
  if (known !== undefined) return known
  const promise = work()
  remembered.set(folder, promise)
  promise.catch(() => remembered.delete(folder))
  return promise
}

const createRootCheck = (root: string, calls: DiskCalls): { check(): Promise<void>; make(): Promise<void> } => {
  let identity: string | null = null
  const look = async (): Promise<void> => {
    const there = await calls.stat(root)
    if (there === null) {
      // An unplugged or unmounted disk: everything below would look absent, and nothing of it may be believed.
      if (identity === null) return
      throw new AppError('STORE_UNAVAILABLE', `${root} is gone; was the disk removed?`, { permanent: false })
    }
    const found = `${there.dev}:${there.ino}`
    identity ??= found
    if (identity !== found)
      throw new AppError('STORE_UNAVAILABLE', `${root} is not the folder it was: another one lies there now`, {
        permanent: false,
      })
  }
  const make = async (): Promise<void> => {
    await look()
    if (identity !== null) return
    await makeFolder(root, { recursive: true })
    await look()
  }
  return { check: look, make }
}

export const createFolders = (root: string, calls: DiskCalls): Folders => {
  const sync = createSync(calls)
  const rootCheck = createRootCheck(root, calls)
  const made = new Map<string, Promise<void>>()
  const confirmed = new Map<string, Promise<void>>()

  const ensure = (folder: string): Promise<void> =>
    once(made, folder, async () => {
      if (folder === root) {
        await rootCheck.make()
        // The folder above is not ours and may not be readable; the root's own name is its owner's to keep.
        return sync(dirname(root)).catch(() => {})
      }
      const parent = dirname(folder)
      await ensure(parent)
      await makeFolder(folder).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error
      })
      await sync(parent)
    })

  return {
    ensure,
    sync,
    confirm: (folder) =>
      once(confirmed, folder, async () => {
        await ensure(folder)
        await sync(folder)
      }),
    forget: (folder) => {
      for (let at = folder; at.length >= root.length; at = dirname(at)) {
        made.delete(at)
        confirmed.delete(at)
        if (at === dirname(at)) break
      }
    },
    checkRoot: rootCheck.check,
  }
}
