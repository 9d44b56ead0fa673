import { availableParallelism } from 'node:os'
import { createThread, type Thread } from './thread.ts'

/** What a file turned out to be: its bytes, or why they cannot be read (an errno and the system's sentence). */
export type HashOutcome =
  | { readonly sha256: string; readonly size: number }
  | { readonly code: string; readonly message: string }

/** Hashes files in threads of its own, which read them themselves: no byte travels between threads. */
export interface HashPool {
  /** Batches that keep every thread busy while the next ones are gathered. */
  readonly width: number
  /** Bytes hashed so far, those of files under way included. */
  readonly bytes: number
  /**
   * Hashes the files of a batch one after the other and answers in their order; other batches go on beside it. Never
   * rejects because of a file. After `halt` every file not yet finished answers with the code HALTED.
   */
  hash(paths: readonly string[]): Promise<readonly HashOutcome[]>
  /** Stops within a piece of a file; the pool cannot be used again. */
  halt(): void
  close(): Promise<void>
}

interface Question {
  readonly paths: readonly string[]
  /** One 64-bit count of bytes, then one that is not 0 when everything is to stop. */
  readonly shared: SharedArrayBuffer
}

const THREAD = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const piece = Buffer.allocUnsafeSlow(1 << 20)
const read = (fd, shared) => {
  const hash = createHash('sha256')
  let size = 0
  for (;;) {
    if (Atomics.load(shared, 1) !== 0n) return { code: 'HALTED', message: 'stopped' }
    const length = fs.readSync(fd, piece, 0, piece.length, null)
    if (length === 0) return { sha256: hash.digest('hex'), size }
    hash.update(length === piece.length ? piece : piece.subarray(0, length))
    size += length
    Atomics.add(shared, 0, BigInt(length))
  }
}
const hashFile = (path, shared) => {
  let fd = -1
  try {
    fd = fs.openSync(path, 'r')
    return read(fd, shared)
  } catch (error) {
    return { code: String(error.code), message: String(error.message) }
  } finally {
    if (fd !== -1) fs.closeSync(fd)
  }
}
parentPort.on('message', ({ paths, shared }) => {
  const words = new BigInt64Array(shared)
  parentPort.postMessage(paths.map((path) => hashFile(path, words)))
})
`

/** @param threads @default as many as the machine has cores */
export function createHashPool(threads: number = availableParallelism()): HashPool {
  const shared = new SharedArrayBuffer(16)
  const words = new BigInt64Array(shared)
  const all: Thread<Question, readonly HashOutcome[]>[] = []
  const idle: Thread<Question, readonly HashOutcome[]>[] = []
  const waiting: ((thread: Thread<Question, readonly HashOutcome[]>) => void)[] = []
  for (let i = 0; i < threads; i += 1) all.push(createThread(THREAD, `cloudkeep-hash-${i}`))
  idle.push(...all)
  const take = async (): Promise<Thread<Question, readonly HashOutcome[]>> =>
    idle.pop() ?? (await new Promise((resolve) => waiting.push(resolve)))
  const give = (thread: Thread<Question, readonly HashOutcome[]>): void => {
    const next = waiting.shift()
    if (next === undefined) idle.push(thread)
    else next(thread)
  }
  return {
    // One batch in each thread and one that waits for it: an answer is followed at once by the next question.
    width: 2 * threads,
    get bytes() {
      return Number(Atomics.load(words, 0))
    },
    async hash(paths) {
      const thread = await take()
      try {
        return await thread.ask({ paths, shared })
      } finally {
        give(thread)
      }
    },
    halt: () => void Atomics.store(words, 1, 1n),
    close: async () => {
      for (const thread of all) await thread.close()
    },
  }
}
