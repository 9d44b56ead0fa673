import { setTimeout as sleep } from 'node:timers/promises'
import { createThread } from '../../lib/thread.ts'

/** A file that is to get its name for good. */
interface Naming {
  /** Null: the file has its name already, and only that is to be made durable. */
  readonly temp: string | null
  readonly path: string
  /** Folders whose names must survive a power cut: that of `path`, and those in which folders were made for it. */
  readonly folders: readonly string[]
  /** True when nothing may be replaced, not even what comes there in this instant (EEXIST). */
  readonly mustBeFree: boolean
}

/**
 * Gives written files their names: first the bytes are made durable, then the name is given in one step, then the name
 * is made durable; resolves after that. Killed anywhere, a name shows all bytes or is not there. Rejects with the
 * system's error; `temp` is the caller's to remove then.
 *
 * A few files are synced one by one. Of many, each would wait for a turn of the file system's journal, so the whole file
 * system is synced twice for all of them: what comes while one sync runs shares the next.
 */
export interface FolderCommit {
  name(file: Naming): Promise<void>
  close(): Promise<void>
}

/** Beyond so many, one sync of the file system is cheaper than a sync each. */
const FEW = 16
const LINGER_MS = 2

type Question =
  /** Bytes, name, folders; each on its own. */
  | { readonly kind: 'each'; readonly files: readonly Naming[] }
  /** Names only. */
  | { readonly kind: 'names'; readonly files: readonly Naming[] }
  | { readonly kind: 'folders'; readonly files: readonly Naming[] }
  /** Everything that was written to this file system. */
  | { readonly kind: 'all'; readonly root: string }

type Failure = { readonly code: string; readonly message: string } | null

const THREAD = `
const { parentPort } = require('node:worker_threads')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
// Network and FUSE file systems that cannot sync a folder say so with these; they sync names in their own time.
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])
const CANNOT_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
const attempt = (work) => {
  try {
    work()
    return null
  } catch (error) {
    return { code: String(error.code), message: String(error.message) }
  }
}
const sync = (path, flags, codes) => {
  const fd = fs.openSync(path, flags)
  try {
    fs.fsyncSync(fd)
  } catch (error) {
    if (!codes.has(error.code)) throw error
  } finally {
    fs.closeSync(fd)
  }
}
const name = ({ temp, path, mustBeFree }) => {
  if (temp === null) return
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
const syncFolders = (files, outcomes) => {
  const folders = new Map()
  for (const [i, file] of files.entries()) {
    for (const folder of outcomes[i] === null ? file.folders : []) {
      if (!folders.has(folder)) {
        folders.set(folder, process.platform === 'win32' ? null : attempt(() => sync(folder, 'r', CANNOT_SYNC)))
      }
      outcomes[i] ??= folders.get(folder)
    }
  }
  return outcomes
}
const answers = {
  each: ({ files }) => {
    const outcomes = files.map((file) =>
      attempt(() => {
        if (file.temp !== null) sync(file.temp, 'r+', new Set())
        name(file)
      }),
    )
    return syncFolders(files, outcomes)
  },
  names: ({ files }) => files.map((file) => attempt(() => name(file))),
  folders: ({ files }) => syncFolders(files, files.map(() => null)),
  all: ({ root }) => {
    // Node has no syncfs(2); the command of the core utilities is that call.
    const { status, error } = spawnSync('sync', ['-f', root], { stdio: 'ignore' })
    return [status === 0 ? null : { code: 'CANNOT_SYNC', message: String(error ?? status) }]
  },
}
parentPort.on('message', (question) => parentPort.postMessage(answers[question.kind](question)))
`

interface Waiting {
  readonly file: Naming
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function createFolderCommit(root: string): FolderCommit {
  const thread = createThread<Question, readonly Failure[]>(THREAD, 'cloudkeep-commit')
  let canSyncAll = process.platform === 'linux'
  let waiting: Waiting[] = []
  /** Files with names that the next sync of all makes durable. */
  let named: readonly Waiting[] = []
  let isWorking = false

  /** Settles those that failed, and returns the others. */
  const ask = async (kind: 'each' | 'names' | 'folders', batch: readonly Waiting[]): Promise<readonly Waiting[]> => {
    if (batch.length === 0) return []
    const failures = await thread.ask({ kind, files: batch.map(({ file }) => file) })
    return batch.filter(({ reject }, i) => {
      const failure = failures[i] ?? null
      if (failure !== null) reject(Object.assign(new Error(failure.message), { code: failure.code }))
      return failure === null
    })
  }
  const turn = async (batch: readonly Waiting[]): Promise<void> => {
    const before = named
    named = []
    if (canSyncAll && (batch.length > FEW || before.length > 0)) {
      const [failure = null] = await thread.ask({ kind: 'all', root })
      if (failure === null) {
        for (const { resolve } of before) resolve()
        named = await ask('names', batch)
        return
      }
      canSyncAll = false
    }
    for (const { resolve } of await ask('folders', before)) resolve()
    for (const { resolve } of await ask('each', batch)) resolve()
  }
  const work = async (): Promise<void> => {
    isWorking = true
    await sleep(LINGER_MS)
    while (waiting.length > 0 || named.length > 0) {
      const batch = waiting
      const all = [...named, ...batch]
      waiting = []
      // The thread broke: whoever was resolved already does not hear it.
      await turn(batch).catch((error: unknown) => {
        named = []
        for (const { reject } of all) reject(error)
      })
    }
    isWorking = false
  }
  return {
    name: (file) =>
      new Promise((resolve, reject) => {
        waiting.push({ file, resolve, reject })
        if (!isWorking) void work()
      }),
    close: () => thread.close(),
  }
}
