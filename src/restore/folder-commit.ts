import { createGroup } from '../lib/group.ts'
import { createThread } from '../lib/thread.ts'

/** A file that is to get its name, and what it must turn out to be. */
export interface Finishing {
  /** The written file, open for reading and writing and the caller's to close; null: `from` is copied first. */
  readonly fd: number | null
  /**
   * A file that holds the bytes: cloned where the disk can, so that it takes no space, else copied by the kernel. Large
   * ones are only cloned; where that cannot be, this rejects and the caller writes the bytes himself.
   */
  readonly from: string | null
  readonly temp: string
  readonly path: string
  /** Folders whose names must survive a power cut: that of `path`, and those in which folders were made for it. */
  readonly folders: readonly string[]
  readonly digest: string
  readonly size: number
  /** Modification time, milliseconds since the epoch; null: now. */
  readonly mtime: number | null
  /** True when nothing may be replaced, not even what comes there in this instant (EEXIST). */
  readonly mustBeFree: boolean
}

/** What a file holds. */
interface Measured {
  readonly digest: string
  readonly size: number
}

/**
 * Gives files their names, many at a time. For each: time, fsync, reading back what the file holds (its length and
 * SHA-256; the kernel may answer from memory, so this proves what was written and not the platter), the name in one
 * step; then fsync of the folders, each once for all its files. Whatever fails leaves no name behind; `temp` is the
 * caller's to remove then.
 */
export interface FolderCommit {
  /** Rejects with the system's error, or with one whose code is `NOT_AS_PROMISED`. */
  finish(file: Finishing): Promise<void>
  /**
   * What an existing file holds; links are not followed. Its folders are synced, because whoever finds it right stops
   * writing it. Rejects with the system's error.
   */
  measure(path: string, folders: readonly string[]): Promise<Measured>
  close(): Promise<void>
}

type Job = { readonly finish: Finishing; readonly umask: number } | Measuring

interface Measuring {
  readonly measure: string
  readonly folders: readonly string[]
}

interface Outcome {
  readonly measured: Measured | null
  readonly error: { readonly code: string; readonly message: string } | null
}

/** Reading back and syncing, for two cores; while one batch is under way the next ones gather. */
const THREADS = 2
const LINGER_MS = 2
/** Bytes that are copied in one call. */
const WHOLE = 64 * 1024 * 1024

const THREAD = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
// Network and FUSE file systems that cannot sync a folder say so with these; they sync names in their own time.
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])
const CANNOT_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
const CANNOT_SET_TIME = new Set(['EPERM', 'EACCES', 'EINVAL', 'ENOSYS'])
const buffer = Buffer.allocUnsafe(1 << 20)
const unless = (codes, work) => {
  try {
    work()
  } catch (error) {
    if (!codes.has(error.code)) throw error
  }
}
const failed = (error) => ({ measured: null, error: { code: String(error.code), message: String(error.message) } })
const attempt = (work) => {
  try {
    return { measured: work() ?? null, error: null }
  } catch (error) {
    return failed(error)
  }
}
const measure = (fd) => {
  const hash = createHash('sha256')
  let size = 0
  for (;;) {
    const read = fs.readSync(fd, buffer, 0, buffer.length, size)
    if (read === 0) return { digest: hash.digest('hex'), size }
    hash.update(read === buffer.length ? buffer : buffer.subarray(0, read))
    size += read
  }
}
const measureFile = (path) => {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0))
  try {
    return measure(fd)
  } finally {
    fs.closeSync(fd)
  }
}
const name = ({ temp, path, mustBeFree }) => {
  if (!mustBeFree) return fs.renameSync(temp, path)
  try {
    fs.linkSync(temp, path)
  } catch (error) {
    if (!CANNOT_LINK.has(error.code)) throw error
    // A disk without hard links: a look now has to do.
    if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw Object.assign(new Error(path + ' is already there'), { code: 'EEXIST' })
    }
    return fs.renameSync(temp, path)
  }
  fs.unlinkSync(temp)
}
const finish = (fd, file) => {
  const seconds = file.mtime === null ? null : file.mtime / 1000
  if (seconds !== null) unless(CANNOT_SET_TIME, () => fs.futimesSync(fd, seconds, seconds))
  fs.fsyncSync(fd)
  const { digest, size } = measure(fd)
  if (digest !== file.digest || size !== file.size) {
    const message = 'it reads back as ' + digest + ' with ' + size + ' of ' + file.size + ' bytes'
    throw Object.assign(new Error(message), { code: 'NOT_AS_PROMISED' })
  }
  name(file)
}
const copyAndFinish = (file, umask) => {
  const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = fs.constants
  // A copy in one call cannot be interrupted: what is large is cloned or left to the caller.
  const how = file.size > ${WHOLE} ? COPYFILE_FICLONE_FORCE : COPYFILE_FICLONE
  fs.copyFileSync(file.from, file.temp, COPYFILE_EXCL | how)
  // The copy is as read-only as the object; a restored file is its owner's to change.
  fs.chmodSync(file.temp, 0o666 & ~umask)
  const fd = fs.openSync(file.temp, 'r+')
  try {
    finish(fd, file)
  } finally {
    fs.closeSync(fd)
  }
}
const run = (job) =>
  attempt(() => {
    if (job.measure !== undefined) return measureFile(job.measure)
    if (job.finish.fd === null) copyAndFinish(job.finish, job.umask)
    else finish(job.finish.fd, job.finish)
  })
const syncFolder = (folder) => {
  if (process.platform === 'win32') return null
  const { error } = attempt(() => {
    const fd = fs.openSync(folder, 'r')
    try {
      unless(CANNOT_SYNC, () => fs.fsyncSync(fd))
    } finally {
      fs.closeSync(fd)
    }
  })
  return error
}
parentPort.on('message', (jobs) => {
  const outcomes = jobs.map(run)
  const folders = new Map()
  for (const [i, job] of jobs.entries()) {
    if (outcomes[i].error !== null) continue
    for (const folder of (job.finish ?? job).folders) {
      if (!folders.has(folder)) folders.set(folder, syncFolder(folder))
      const error = folders.get(folder)
      if (error !== null) outcomes[i] = { measured: null, error }
    }
  }
  parentPort.postMessage(outcomes)
})
`

export function createFolderCommit(): FolderCommit {
  // Reading it changes nothing here; setting it is what would disturb others.
  const umask = process.umask()
  const lanes = Array.from({ length: THREADS }, createLane)
  let turn = 0
  const ask = async (job: Job): Promise<Measured | null> => {
    turn += 1
    return (await lanes[turn % THREADS]?.ask(job)) ?? null
  }
  return {
    finish: async (file) => {
      await ask({ finish: file, umask })
    },
    measure: async (path, folders) => (await ask({ measure: path, folders })) ?? { digest: '', size: -1 },
    close: async () => {
      for (const lane of lanes) await lane.close()
    },
  }
}

function createLane(): { ask(job: Job): Promise<Measured | null>; close(): Promise<void> } {
  const thread = createThread<readonly Job[], readonly Outcome[]>(THREAD, 'cloudkeep-restore')
  const outcomes = new Map<Job, Outcome>()
  const group = createGroup<Job>(async (jobs) => {
    const answers = await thread.ask(jobs)
    for (const [i, job] of jobs.entries()) outcomes.set(job, answers[i] ?? { measured: null, error: null })
  }, LINGER_MS)
  return {
    ask: async (job) => {
      await group.add(job)
      const outcome = outcomes.get(job)
      outcomes.delete(job)
      if (outcome?.error != null) throw Object.assign(new Error(outcome.error.message), { code: outcome.error.code })
      return outcome?.measured ?? null
    },
    close: () => thread.close(),
  }
}
