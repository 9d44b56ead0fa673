import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, link, lstat, open, rename, rm, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../model/errors.ts'

/** Bytes with what they must turn out to be. */
export interface PromisedBytes {
  readonly bytes: AsyncIterable<Uint8Array>
  /** SHA-256, lower-case hex. */
  readonly digest: string
  readonly size: number
}

export interface WriteOptions {
  /** Replace a file that is there. */
  readonly force: boolean
  /** Modification time, milliseconds since the epoch; null: now. */
  readonly mtime: number | null
  readonly signal: AbortSignal
}

/**
 * Writes a file that is either whole and right or not there: to a temporary name in the same folder, checked against
 * the digest while it is read, made durable, then given its name in one step. Throws TARGET_EXISTS, OBJECT_CORRUPT,
 * STORE_FULL and STORE_REFUSED; then nothing is left behind.
 */
export async function writeVerified(target: string, promised: PromisedBytes, options: WriteOptions): Promise<void> {
  if (!options.force) await refuseExisting(target)
  const temporary = join(dirname(target), `.cloudkeep-${randomBytes(6).toString('hex')}.part`)
  try {
    const file = await open(temporary, 'wx', 0o666)
    try {
      await copyVerified(promised, options.signal, (chunk) => writeAll(file, chunk))
      await file.sync()
    } finally {
      await file.close()
    }
    if (options.mtime !== null) await utimes(temporary, options.mtime / 1000, options.mtime / 1000)
    if (options.force) await rename(temporary, target)
    else await nameOnce(temporary, target)
  } catch (error) {
    throw explain(error, target)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

/** Passes bytes on while hashing them; throws OBJECT_CORRUPT at the end when they are not what was promised. */
export async function copyVerified(
  promised: PromisedBytes,
  signal: AbortSignal,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of promised.bytes) {
    signal.throwIfAborted()
    hash.update(chunk)
    size += chunk.length
    await write(chunk)
  }
  const digest = hash.digest('hex')
  if (digest === promised.digest && size === promised.size) return
  throw new AppError(
    'OBJECT_CORRUPT',
    `object ${promised.digest} is damaged: it reads as ${digest} with ${size} of ${promised.size} bytes`,
    {
      hint: 'cloudkeep verify --read all names everything that is affected; the next backup fetches it again if the account still has it',
    },
  )
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0
  while (done < chunk.length) done += (await file.write(chunk, done)).bytesWritten
}

const taken = (target: string): AppError =>
  new AppError('TARGET_EXISTS', `${target} is already there`, {
    hint: 'give another name with -o, or --force to replace it',
  })

async function refuseExisting(target: string): Promise<void> {
  try {
    await lstat(target)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw explain(error, target)
  }
  throw taken(target)
}

/** Gives the file its name only if the name is free, also when another process takes it in this instant. */
async function nameOnce(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw taken(target)
    // A disk without hard links: the check a moment ago has to do.
    await refuseExisting(target)
    await rename(temporary, target)
  }
}

function explain(error: unknown, target: string): unknown {
  const code = codeOf(error)
  if (error instanceof AppError || code === null) return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('STORE_FULL', `the disk is full while writing ${target}`, { cause: error })
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new AppError('STORE_REFUSED', `the folder ${dirname(target)} is not there`, {
      hint: `make it first, or write ${basename(target)} elsewhere`,
      cause: error,
    })
  }
  return new AppError('STORE_REFUSED', `cannot write ${target}`, { cause: error })
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error ? error.code : null
