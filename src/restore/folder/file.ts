import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createTurnstile } from '../../lib/turnstile.ts'
import { errnoOf } from '../../vault/disk-error.ts'
import { checkSignal } from '../../vault/interrupt.ts'
import type { Vault } from '../../vault/vault.ts'
import { objectKey } from '../../vault/vault.ts'
import type { FolderChecks } from './check.ts'
import type { FolderCommit } from './commit.ts'
import { folderError } from './error.ts'
import type { Place } from './tree.ts'

/** What a file is to hold, and its time. */
export interface Content {
  readonly digest: string
  readonly size: number
  /** Milliseconds since the epoch; null: now. */
  readonly mtime: number | null
  /** The bytes themselves, when they are not an object of the vault. */
  readonly memory: Uint8Array | null
}

/** Writes files below the target; what it cannot finish leaves nothing behind. */
export interface FolderWriter {
  /**
   * Resolves when the file has its name, holds what it must, and survives a power cut. With `mustBeFree` a file that
   * came there meanwhile is TARGET_EXISTS. Throws OBJECT_NOT_FOUND, OBJECT_CORRUPT, STORE_FULL, STORE_REFUSED and
   * STORE_UNAVAILABLE.
   */
  write(place: Place, content: Content, mustBeFree: boolean): Promise<void>
}

export interface WriterDeps {
  readonly vault: Vault
  readonly checks: FolderChecks
  readonly commit: FolderCommit
  /** Files whose bytes move at a time; those that only wait for a sync do not count. */
  readonly concurrency: number
  readonly signal: AbortSignal
}

/** Two threads make the copies of a local vault, however many wait; a message to them costs as much as a small copy. */
const COPIED_TOGETHER = 64

export function createFolderWriter({ vault, checks, commit, concurrency, signal }: WriterDeps): FolderWriter {
  const isLocal = vault.store.traits.localRoot !== null
  const enter = createTurnstile(isLocal ? Math.max(concurrency, COPIED_TOGETHER) : concurrency)
  return {
    write: async (place, content, mustBeFree) => {
      const { temp, file: path, folders } = place
      try {
        await enter(() => writeTemp({ vault, checks, signal }, temp, content))
        await commit.name({ temp, path, folders, mustBeFree })
      } catch (error) {
        await rm(temp, { force: true }).catch(() => undefined)
        throw folderError(error, path)
      }
    },
  }
}

type Writing = Pick<WriterDeps, 'vault' | 'checks' | 'signal'>

async function writeTemp({ vault, checks, signal }: Writing, temp: string, content: Content): Promise<void> {
  const { digest, size, mtime, memory } = content
  const { localRoot } = vault.store.traits
  checkSignal(signal, 'restoring files')
  const unnamed = { temp, digest, size, mtime }
  if (localRoot !== null && memory === null) {
    const from = join(localRoot, objectKey(digest))
    if (await isCopied(() => checks.copy(from, unnamed), temp)) return
  }
  const bytes = memory === null ? await vault.openObject(digest, signal) : [memory]
  const file = await open(temp, 'wx', 0o666)
  try {
    // The vault throws at the end of bytes that are not what their name says.
    for await (const chunk of bytes) await writeAll(file, chunk, signal)
  } finally {
    await file.close()
  }
  await checks.check(unnamed)
}

/**
 * The short way from a local vault: the kernel copies or clones, and reading back proves both disks at once. False
 * when it did not come about; the long way then says precisely why, or succeeds.
 */
async function isCopied(copy: () => Promise<void>, temp: string): Promise<boolean> {
  try {
    await copy()
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === null || errno === 'ENOSPC' || errno === 'EDQUOT') throw error
    await rm(temp, { force: true })
    return false
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  checkSignal(signal, 'restoring files')
  let done = 0
  while (done < chunk.length) done += (await file.write(chunk, done)).bytesWritten
}
