import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isAppError } from '../model/errors.ts'
import { errnoOf } from '../vault/disk-error.ts'
import { checkSignal } from '../vault/interrupt.ts'
import type { Vault } from '../vault/vault.ts'
import { objectKey } from '../vault/vault.ts'
import type { FolderCommit } from './folder-commit.ts'
import { folderError } from './folder-error.ts'
import type { Place } from './folder-tree.ts'

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

export function createFolderWriter(vault: Vault, commit: FolderCommit, signal: AbortSignal): FolderWriter {
  const { localRoot } = vault.store.traits
  return {
    write: async (place, content, mustBeFree) => {
      try {
        const finishing = {
          temp: place.temp,
          path: place.file,
          folders: place.folders,
          digest: content.digest,
          size: content.size,
          mtime: content.mtime,
          mustBeFree,
        }
        if (localRoot !== null && content.memory === null) {
          const from = join(localRoot, objectKey(content.digest))
          if (await isCopied(() => commit.finish({ ...finishing, fd: null, from }), place)) return
        }
        const bytes = content.memory === null ? await vault.openObject(content.digest, signal) : [content.memory]
        const file = await open(place.temp, 'wx+', 0o666)
        try {
          // The vault throws at the end of bytes that are not what their name says.
          for await (const chunk of bytes) await writeAll(file, chunk, signal)
          await commit.finish({ ...finishing, fd: file.fd, from: null })
        } finally {
          await file.close()
        }
      } catch (error) {
        await rm(place.temp, { force: true }).catch(() => undefined)
        throw folderError(error, place.file)
      }
    },
  }
}

/**
 * The short way from a local vault: the kernel copies or clones, and reading back proves both disks at once. False
 * when it did not come about; the long way then says precisely why, or succeeds.
 */
async function isCopied(finish: () => Promise<void>, place: Place): Promise<boolean> {
  try {
    await finish()
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (isAppError(error) || errno === null || errno === 'EEXIST' || errno === 'ENOSPC' || errno === 'EDQUOT')
      throw error
    await rm(place.temp, { force: true })
    return false
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  checkSignal(signal, 'restoring files')
  let done = 0
  while (done < chunk.length) done += (await file.write(chunk, done)).bytesWritten
}
