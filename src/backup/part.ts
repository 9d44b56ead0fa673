import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rm, stat, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../model/errors.ts'
import type { Body } from '../vault/store.ts'
import type { ScratchBudget, ScratchShare } from './scratch-budget.ts'

/** Up to this size a body stays in memory; larger ones go to scratch while they are hashed. */
export const MEMORY_LIMIT = 1 << 20
/** Writes to scratch are collected to this size. */
const WRITE_SIZE = 1 << 20

export interface Digests {
  readonly sha256: string
  readonly md5: string
}

/**
 * A body on its way in: bytes are appended as they come, from one request or, by Range, from several. It can be read
 * again from its start as often as a store wants, which is what makes a repeated `put` honest.
 */
export interface Part {
  readonly length: number
  append(chunk: Uint8Array): Promise<void>
  /** Throws away what has come so far. */
  reset(): Promise<void>
  /** Hashes what has come; the part can still be appended to afterwards only after a `reset`. */
  digest(): Promise<Digests>
  body(): Body
  /** Removes scratch, if there is any. */
  discard(): Promise<void>
  /** Lets go of the file but leaves it, for the next run to go on with. */
  suspend(): Promise<void>
}

/** What bounds scratch, and what ends the waiting for room in it. */
export interface Bounds {
  readonly budget: ScratchBudget
  readonly signal: AbortSignal
}

/**
 * With bounds a body that needs scratch waits until there is room, and gives it back with `discard` or `suspend`. Throws
 * STORE_FULL or STORE_REFUSED when scratch cannot be written, INTERRUPTED when the signal ends the waiting.
 */
export async function createPart(expected: number | null, file: string, bounds: Bounds | null = null): Promise<Part> {
  if (expected !== null && expected <= MEMORY_LIMIT) return memoryPart(expected)
  const share = bounds === null ? UNBOUNDED : await bounds.budget.take(file, expected, bounds.signal)
  try {
    return await filePart(file, share)
  } catch (error) {
    share.release()
    throw error
  }
}

const UNBOUNDED: ScratchShare = { grow: () => Promise.resolve(), release: () => undefined }

const hashes = (): { sha256: Hash; md5: Hash } => ({ sha256: createHash('sha256'), md5: createHash('md5') })

/** Room for exactly what the account announced, taken once: joining chunks afterwards would cost it all again. */
function memoryPart(expected: number): Part {
  const room = Buffer.allocUnsafeSlow(expected)
  let length = 0
  const whole = (): Uint8Array => room.subarray(0, length)
  return {
    get length() {
      return length
    },
    append(chunk) {
      if (length + chunk.length > expected) {
        throw new AppError('DOWNLOAD_MISMATCH', `the body is longer than the ${expected} bytes that the account states`)
      }
      room.set(chunk, length)
      length += chunk.length
      return Promise.resolve()
    },
    reset() {
      length = 0
      return Promise.resolve()
    },
    digest() {
      const { sha256, md5 } = hashes()
      const bytes = whole()
      return Promise.resolve({ sha256: sha256.update(bytes).digest('hex'), md5: md5.update(bytes).digest('hex') })
    },
    body() {
      const memory = whole()
      return {
        size: length,
        memory,
        open: async function* () {
          yield memory
        },
      }
    },
    discard: () => Promise.resolve(),
    suspend: () => Promise.resolve(),
  }
}

async function filePart(file: string, share: ScratchShare): Promise<Part> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw scratchError(file, error)
  })
  let running = hashes()
  let length = 0
  if (found !== null) {
    for await (const chunk of createReadStream(file)) {
      running.sha256.update(chunk as Buffer)
      running.md5.update(chunk as Buffer)
      length += (chunk as Buffer).length
    }
  }
  let handle: FileHandle | null = null
  let waiting: Uint8Array[] = []
  let waitingLength = 0
  const write = async (): Promise<void> => {
    if (waitingLength === 0) return
    await share.grow(length)
    try {
      if (handle === null) {
        await mkdir(dirname(file), { recursive: true })
        handle = await open(file, 'a')
      }
      await handle.appendFile(Buffer.concat(waiting, waitingLength))
    } catch (error) {
      throw scratchError(file, error)
    }
    waiting = []
    waitingLength = 0
  }
  const close = async (): Promise<void> => {
    await handle?.close()
    handle = null
  }
  return {
    get length() {
      return length
    },
    async append(chunk) {
      running.sha256.update(chunk)
      running.md5.update(chunk)
      length += chunk.length
      waiting.push(chunk)
      waitingLength += chunk.length
      if (waitingLength >= WRITE_SIZE) await write()
    },
    async reset() {
      waiting = []
      waitingLength = 0
      running = hashes()
      await close()
      if (length > 0) await truncate(file, 0).catch(ignoreAbsent)
      length = 0
    },
    async digest() {
      await write()
      await close()
      return { sha256: running.sha256.copy().digest('hex'), md5: running.md5.copy().digest('hex') }
    },
    body: () =>
      length === 0
        ? { size: 0, memory: new Uint8Array(0), open: async function* () {} }
        : { size: length, file, open: () => createReadStream(file) },
    async discard() {
      try {
        await close()
        await rm(file, { force: true })
      } finally {
        share.release()
      }
    },
    async suspend() {
      try {
        await write()
        await close()
      } finally {
        share.release()
      }
    },
  }
}

const ignoreAbsent = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOENT') throw error
}

function scratchError(file: string, error: unknown): AppError {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('STORE_FULL', `the disk is full while writing ${file}`, {
      hint: 'free some space and run the same command again; what is finished is kept',
      cause: error,
    })
  }
  return new AppError('STORE_REFUSED', `cannot write ${file}`, { cause: error })
}
