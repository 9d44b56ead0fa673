import { createGroup } from '../../lib/group.ts'
import { createThread } from '../../lib/thread.ts'

/** A file that was written and is to get its name. */
interface Written {
  /** Open for writing. */
  readonly fd: number
  readonly temp: string
  readonly path: string
  /** The folder of `path`. */
  readonly folder: string
  /** Refuse with EEXIST where the name is taken. */
  readonly once: boolean
}

/**
 * Makes written files durable under their names: fsync, rename, fsync of the folder. Resolves when all of it is
 * done for the file; rejects with the system's error. The descriptor stays the caller's to close.
 *
 * The calls are made by a thread of their own, many files to a message: on a busy machine waking a thread costs more
 * than syncing a small file, and four wake-ups a file were most of what a small object cost. While the thread works
 * on one batch the next one gathers, so each folder is synced once for all its files in a batch.
 */
export type Commit = (file: Written) => Promise<void>

/** Writers are many at a time, so a batch soon has company; alone a file is not made to wait noticeably. */
const LINGER_MS = 4

interface Outcome {
  readonly code: string
  readonly message: string
}

/** Runs in the thread; see `createThread` for why it is text. */
const THREAD = `
const { parentPort } = require('node:worker_threads')
const fs = require('node:fs')
// Network and FUSE file systems that cannot sync a folder say so with these; they sync names in their own time.
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])
const outcome = (error) => ({ code: String(error.code), message: String(error.message) })
const attempt = (work) => {
  try {
    work()
    return null
  } catch (error) {
    return outcome(error)
  }
}
const CANNOT_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
const nameOnce = (temp, path) => {
  try {
    fs.linkSync(temp, path)
  } catch (error) {
    if (!CANNOT_LINK.has(error.code)) throw error
    if (fs.existsSync(path)) throw Object.assign(new Error(path + ' exists'), { code: 'EEXIST' })
    return fs.renameSync(temp, path)
  }
  fs.unlinkSync(temp)
}
const give = ({ fd, temp, path, once }) => {
  return attempt(() => fs.fsyncSync(fd)) ?? attempt(() => (once ? nameOnce(temp, path) : fs.renameSync(temp, path)))
}
const syncFolder = (folder) => {
  if (process.platform === 'win32') return null
  return attempt(() => {
    const fd = fs.openSync(folder, 'r')
    try {
      fs.fsyncSync(fd)
    } catch (error) {
      if (!CANNOT_SYNC.has(error.code)) throw error
    } finally {
      fs.closeSync(fd)
    }
  })
}
parentPort.on('message', (files) => {
  const outcomes = files.map(give)
  const folders = new Map()
  for (const [i, { folder }] of files.entries()) if (outcomes[i] === null) folders.set(folder, null)
  for (const folder of folders.keys()) folders.set(folder, syncFolder(folder))
  parentPort.postMessage(files.map(({ folder }, i) => outcomes[i] ?? folders.get(folder) ?? null))
})
`

export function createCommit(): Commit {
  const thread = createThread<readonly Written[], readonly (Outcome | null)[]>(THREAD, 'cloudkeep-commit')
  const failures = new WeakMap<Written, Outcome>()
  const group = createGroup<Written>(async (files) => {
    const outcomes = await thread.ask(files)
    for (const [i, file] of files.entries()) {
      const outcome = outcomes[i] ?? null
      if (outcome !== null) failures.set(file, outcome)
    }
  }, LINGER_MS)
  return async (file) => {
    await group.add(file)
    const failed = failures.get(file)
    if (failed !== undefined) throw Object.assign(new Error(failed.message), { code: failed.code })
  }
}
