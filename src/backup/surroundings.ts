import type { Folder } from '../model/account.ts'
import { isAppError } from '../model/errors.ts'
import type { Run } from './run-state.ts'

/** What an account is besides its assets. */
export interface Surroundings {
  /** SHA-256 of the gzip JSON lines; null when never read. */
  readonly folders: string | null
  readonly configuration: string | null
  /** Null when the folders could not be read this time. */
  readonly folderList: readonly Folder[] | null
}

/**
 * Keeps folders and configuration as objects. Equal content is the same object, so an account that does not change
 * costs nothing here. What cannot be read now keeps its last state, and the snapshot says that it is partial.
 */
export async function keepSurroundings(run: Run): Promise<Surroundings> {
  const { reader, vault, listen } = run.deps
  const before = run.base?.snapshot
  listen({ type: 'phase', phase: 'configuration' })
  const folderList = await attempt(run, 'folders', () => reader.folders(run.signal))
  const configuration = await attempt(run, 'configuration', () => reader.configuration(run.signal))
  if (run.options.dryRun)
    return { folders: before?.folders ?? null, configuration: before?.configuration ?? null, folderList }
  return {
    folderList,
    folders:
      folderList === null
        ? (before?.folders ?? null)
        : (
            await vault.putLines(
              folderList.map((folder) => JSON.stringify(folder)),
              run.signal,
            )
          ).object,
    configuration:
      configuration === null
        ? (before?.configuration ?? null)
        : (await vault.putLines([JSON.stringify(configuration)], run.signal)).object,
  }
}

async function attempt<T>(run: Run, what: string, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!isAppError(error) || error.code === 'INTERRUPTED' || error.code === 'API_LIMIT') throw error
    run.partial.add('configuration-incomplete')
    run.deps.listen({ type: 'note', message: `the ${what} could not be read this time: ${error.message}` })
    return null
  }
}
