import { createGroup } from '../../lib/group.ts'
import { createThread } from '../../lib/thread.ts'

/** A file under its temporary name, and what it must turn out to be. */
interface Unnamed {
  readonly temp: string
  /** SHA-256, lower-case hex. */
  readonly digest: string
  readonly size: number
  /** Modification time, milliseconds since the epoch; null: now. */
  readonly mtime: number | null
}

interface Measured {
  readonly digest: string
  readonly size: number
}

/**
 * The work on bytes, by threads: a restored file counts for what reading it back shows. The kernel may answer from
 * memory, so this proves what was written and not the platter. All reject with the system's error, or with one whose
 * code is `NOT_AS_PROMISED`; `temp` is the caller's to remove then.
 */
export interface FolderChecks {
  /**
   * Makes `temp` from a file, as a clone where the disk can, so that it takes no space, else as a copy by the kernel;
   * sets its time and reads it back. Large files are only cloned; where that cannot be, this rejects.
   */
  copy(from: string, file: Unnamed): Promise<void>
  /** Sets the time of a file that the caller wrote, and reads it back. */
  check(file: Unnamed): Promise<void>
  /** What an existing file holds; links are not followed. */
  measure(path: string): Promise<Measured>
  close(): Promise<void>
}

type Job =
  | { readonly kind: 'copy'; readonly from: string; readonly file: Unnamed; readonly umask: number }
  | { readonly kind: 'check'; readonly file: Unnamed }
  | { readonly kind: 'measure'; readonly path: string }

interface Outcome {
  readonly measured: Measured | null
  readonly error: { readonly code: string; readonly message: string } | null
}

/** For two cores; while one batch is under way the next ones gather. */
const THREADS = 2
/** Bytes that are copied in one call, which cannot be interrupted. */
const WHOLE = 16 * 1024 * 1024

const THREAD = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE, O_RDONLY, O_NOFOLLOW } = fs.constants
const CANNOT_SET_TIME = new Set(['EPERM', 'EACCES', 'EINVAL', 'ENOSYS'])
const buffer = Buffer.allocUnsafe(1 << 20)
const measure = (path) => {
  const fd = fs.openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0))
  try {
    const hash = createHash('sha256')
    let size = 0
    for (;;) {
      const read = fs.readSync(fd, buffer, 0, buffer.length, size)
      if (read === 0) return { digest: hash.digest('hex'), size }
      hash.update(read === buffer.length ? buffer : buffer.subarray(0, read))
      size += read
    }
  } finally {
    fs.closeSync(fd)
  }
}
const check = ({ temp, digest, size, mtime }) => {
  if (mtime !== null) {
    try {
      fs.utimesSync(temp, mtime / 1000, mtime / 1000)
    } catch (error) {
      if (!CANNOT_SET_TIME.has(error.code)) throw error
    }
  }
  const found = measure(temp)
  if (found.digest === digest && found.size === size) return null
  const message = 'it reads back as ' + found.digest + ' with ' + found.size + ' of ' + size + ' bytes'
  throw Object.assign(new Error(message), { code: 'NOT_AS_PROMISED' })
}
const work = {
  measure: ({ path }) => measure(path),
  check: ({ file }) => check(file),
  copy: ({ from, file, umask }) => {
    fs.copyFileSync(from, file.temp, COPYFILE_EXCL | (file.size > ${WHOLE} ? COPYFILE_FICLONE_FORCE : COPYFILE_FICLONE))
    // The copy is as read-only as the object; a restored file is its owner's to change.
    fs.chmodSync(file.temp, 0o666 & ~umask)
    return check(file)
  },
}
parentPort.on('message', (jobs) => {
  parentPort.postMessage(
    jobs.map((job) => {
      try {
        return { measured: work[job.kind](job), error: null }
      } catch (error) {
        return { measured: null, error: { code: String(error.code), message: String(error.message) } }
      }
    }),
  )
})
`

export function createFolderChecks(): FolderChecks {
  // Asking changes nothing; setting it is what would disturb others.
  const umask = process.umask()
  const lanes = Array.from({ length: THREADS }, createLane)
  let turn = 0
  const ask = async (job: Job): Promise<Measured | null> => {
    turn += 1
    return (await lanes[turn % THREADS]?.ask(job)) ?? null
  }
  return {
    copy: async (from, file) => {
      await ask({ kind: 'copy', from, file, umask })
    },
    check: async (file) => {
      await ask({ kind: 'check', file })
    },
    measure: async (path) => (await ask({ kind: 'measure', path })) ?? { digest: '', size: -1 },
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
  })
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
