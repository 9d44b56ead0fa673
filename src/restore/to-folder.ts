import { AppError } from '../model/errors.ts'
import type { FolderDeps, FolderOptions, FolderReport } from './folder-report.ts'
import type { Chosen } from './selection.ts'

/**
 * Restores the chosen versions as ordinary files below `options.target`. What cannot be restored is reported by name
 * and the rest goes on; a full disk, a target that cannot be written and an interruption end it (STORE_FULL,
 * STORE_REFUSED, INTERRUPTED). May be repeated: finished files are recognised by their bytes.
 */
export async function restoreToFolder(
  _deps: FolderDeps,
  _chosen: AsyncIterable<Chosen>,
  _options: FolderOptions,
  _signal: AbortSignal,
): Promise<FolderReport> {
  throw new AppError('STORE_REFUSED', 'restoring to a folder is not ready')
}
