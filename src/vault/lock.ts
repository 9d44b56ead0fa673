import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, isAppError } from '../model/errors.ts'
import { count, fieldsOf, parseJson, text, time } from '../model/shape.ts'
import { diskError, errnoOf } from './disk-error.ts'

/** A lock of the operating system on a file, which dies with the process that holds it. */
interface LockFile {
  tryLock(): boolean
  unlock(): void
  close(): void
}

export type LockName = 'run' | 'prune'

export interface LockOptions {
  /** What the holder does, for the one who is refused: `backup`. */
  readonly command: string
  readonly now: Date
  readonly openLockFile: (path: string) => Promise<LockFile> | LockFile
  /**
   * Which lock. `prune` keeps those apart that take things out of the vault or say what must stay; it does not keep
   * them from a run. @default run
   */
  readonly name?: LockName
  /** How long to try; the refusal of a lock that is held takes this long. @default 400 */
  readonly patienceMs?: number
}

export interface VaultLock {
  /** May be called twice. */
  release(): Promise<void>
}

interface Holder {
  readonly command: string
  readonly pid: number
  readonly host: string
  readonly since: string
}

const plain = (value: string): string => value.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)

/** The note is for people only: a missing, torn or stale one changes nothing about who holds the lock. */
const readHolder = async (path: string): Promise<Holder | null> => {
  try {
    const fields = fieldsOf(parseJson(await readFile(path, 'utf8')), 'the holder')
    return {
      command: plain(text(fields, 'command')),
      pid: count(fields, 'pid'),
      host: plain(text(fields, 'host')),
      since: time(fields, 'since'),
    }
  } catch (error) {
    if (errnoOf(error) !== null || isAppError(error)) return null
    throw error
  }
}

const writeHolder = async (path: string, holder: Holder): Promise<void> => {
  const draft = `${path}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(holder)}\n`)
  await rename(draft, path)
}

const refusal = (root: string, holder: Holder | null): AppError => {
  const who =
    holder === null
      ? 'another run'
      : `"${holder.command}", process ${holder.pid} on ${holder.host}, since ${holder.since}`
  return new AppError('VAULT_LOCKED', `${root} is locked by ${who}`, {
    hint: 'wait until it ends, or end it; a lock ends with its process, so there is no file to remove',
  })
}

/** Two who try at the same instant can make both fail; one of them gets it a moment later. */
const tryFor = async (file: LockFile, patienceMs: number): Promise<boolean> => {
  const until = performance.now() + patienceMs
  while (!file.tryLock()) {
    if (performance.now() >= until) return false
    await sleep(5 + Math.random() * 40)
  }
  return true
}

/** A lock file that is not SQLite's, or a disk that cannot lock, is an obstacle that only a person removes. */
const unusable = (path: string, cause: unknown): AppError =>
  isAppError(cause)
    ? cause
    : new AppError('STORE_REFUSED', `cannot lock ${path}`, {
        cause,
        hint: 'a vault needs a disk that supports file locks',
      })

const openIn = async (path: string, open: LockOptions['openLockFile']): Promise<LockFile> => {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw diskError(error, `make ${folder}`)
  })
  try {
    return await open(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

/**
 * Makes this process the only one that changes the vault under `root`. Throws VAULT_LOCKED, naming who holds it and
 * since when. A holder that is killed holds nothing any more: there is no stale lock.
 */
export const lockVault = async (root: string, options: LockOptions): Promise<VaultLock> => {
  const name = options.name ?? 'run'
  const path = join(root, 'locks', `${name}.lock`)
  const note = join(root, 'locks', `${name}.json`)
  const file = await openIn(path, options.openLockFile)
  try {
    if (!(await tryFor(file, options.patienceMs ?? 400))) throw refusal(root, await readHolder(note))
    const holder = { command: options.command, pid: process.pid, host: hostname(), since: options.now.toISOString() }
    await writeHolder(note, holder).catch((error: unknown) => {
      throw diskError(error, `write ${note}`)
    })
  } catch (error) {
    file.close()
    throw unusable(path, error)
  }
  let isHeld = true
  return {
    release: async () => {
      if (!isHeld) return
      isHeld = false
      // While still holding: the note removed is ours, not that of whoever comes next.
      await rm(note, { force: true }).catch(() => {})
      file.unlock()
      file.close()
    },
  }
}

const LOCK_ID = /^[0-9a-f]{16}$/

/**
 * What tells this lock from those of all other machines: 16 hex digits beside its file, made when there are none or
 * they cannot be read. Only for whoever holds the lock. A copy of the folder has the same id as the original.
 */
export const idOfLock = async (root: string, name: LockName): Promise<string> => {
  const path = join(root, 'locks', `${name}.id`)
  try {
    const known = await readFile(path, 'utf8').catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
      return ''
    })
    if (LOCK_ID.test(known)) return known
    const made = randomBytes(8).toString('hex')
    await writeFile(`${path}.new`, made)
    await rename(`${path}.new`, path)
    return made
  } catch (error) {
    throw diskError(error, `keep ${path}`)
  }
}
