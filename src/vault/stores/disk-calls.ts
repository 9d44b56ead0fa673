import fs from 'node:fs'
import { promisify } from 'node:util'
import { isAbsence } from '../disk-error.ts'

/**
 * The short calls that a small object needs besides its fsync. On a local disk each takes some microseconds, a tenth
 * of its way through the thread pool, so they are made in place; a disk that turns out slow (a network share, a
 * sleeping drive) gets the thread pool, so that it does not hold up everything else.
 */
export interface DiskCalls {
  open(path: string, flags: string | number, mode?: number): Promise<number>
  /** Returns how many bytes were taken, which may be fewer than given. */
  write(fd: number, bytes: Uint8Array, offset: number): Promise<number>
  close(fd: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Null when there is positively nothing at the path. */
  stat(path: string): Promise<fs.Stats | null>
}

/** Milliseconds a call may take on average to be made in place. */
const QUICK_MS = 1
/** Calls through the thread pool before the disk is tried in place again. */
const PATIENT_CALLS = 512
/** Weight of the newest call in the average. */
const WEIGHT = 0.1

const absentIsNull = (error: unknown): null => {
  if (isAbsence(error)) return null
  throw error
}

const statInPlace = (path: string): fs.Stats | null => {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    return absentIsNull(error)
  }
}

const openFile = promisify(fs.open)
const writeFd = promisify(fs.write)
const closeFd = promisify(fs.close)
const renameFile = promisify(fs.rename)
const statFile = promisify(fs.stat)

export const createDiskCalls = (now: () => number = () => performance.now()): DiskCalls => {
  let average = 0
  let patient = 0
  const choose = async <T>(quick: () => T, slow: () => Promise<T>): Promise<T> => {
    if (patient > 0) {
      patient -= 1
      return slow()
    }
    const started = now()
    try {
      return quick()
    } finally {
      average += WEIGHT * (now() - started - average)
      if (average > QUICK_MS) {
        average = 0
        patient = PATIENT_CALLS
      }
    }
  }
  return {
    open: (path, flags, mode) =>
      choose(
        () => fs.openSync(path, flags, mode),
        () => openFile(path, flags, mode),
      ),
    write: (fd, bytes, offset) =>
      choose(
        () => fs.writeSync(fd, bytes, offset, bytes.byteLength - offset, null),
        async () => (await writeFd(fd, bytes, offset, bytes.byteLength - offset, null)).bytesWritten,
      ),
    close: (fd) =>
      choose(
        () => fs.closeSync(fd),
        () => closeFd(fd),
      ),
    rename: (from, to) =>
      choose(
        () => fs.renameSync(from, to),
        () => renameFile(from, to),
      ),
    stat: (path) =>
      choose(
        // Most calls ask for what is not there, and an error with its stack costs more than the call.
        () => statInPlace(path),
        () => statFile(path).catch(absentIsNull),
      ),
  }
}
