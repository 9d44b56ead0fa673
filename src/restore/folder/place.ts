import { AppError, isAppError } from '../../model/errors.ts'
import { isAbsence } from '../../vault/disk-error.ts'
import type { FolderChecks } from './check.ts'
import type { FolderCommit } from './commit.ts'
import { decideFile, type Found } from './decide.ts'
import { folderError } from './error.ts'
import type { Content, FolderWriter } from './file.ts'
import { type FolderNames, restoredName } from './names.ts'
import type { FolderOptions } from './report.ts'
import type { FolderTree, Place } from './tree.ts'

/** What every file of one restore shares. */
export interface Restoring {
  readonly options: FolderOptions
  readonly tree: FolderTree
  readonly names: FolderNames
  readonly checks: FolderChecks
  readonly commit: FolderCommit
  readonly writer: FolderWriter
}

/** One file that is to be there: an asset's bytes or a sidecar. */
export interface Wanted {
  readonly path: string
  readonly content: Content
}

export interface Placed {
  readonly outcome: 'restored' | 'renamed' | 'replaced' | 'already-there' | 'conflict' | 'newer-there'
  /** Relative to the target. */
  readonly path: string
}

/** Names that are tried before a person has to look. */
const MOST_NAMES = 1000
/** Times that another program may put something into a free place before it is a failure. */
const MOST_SURPRISES = 3

/** Brings one file to its place as the policy says; in a dry run only says so. Throws what the disk and the vault say. */
export async function placeFile(on: Restoring, wanted: Wanted): Promise<Placed> {
  for (let attempt = 0; attempt <= MOST_NAMES; attempt += 1) {
    const path = attempt === 0 ? wanted.path : restoredName(wanted.path, attempt)
    if (attempt > 0 && !on.names.take(path)) continue
    const placed = await withSurprises(() => tryPath(on, { path, content: wanted.content }, attempt > 0))
    if (placed !== 'taken') return placed
  }
  throw new AppError('TARGET_EXISTS', `${wanted.path} and ${MOST_NAMES} names like it are taken`, {
    hint: 'restore to an empty folder',
  })
}

async function tryPath(on: Restoring, { path, content }: Wanted, isRenamed: boolean): Promise<Placed | 'taken'> {
  const { options, tree, writer } = on
  const place = tree.place(path)
  const found = await lookAt(on, place, content)
  const decision = decideFile(found, options.onConflict, content.mtime)
  const write = async (outcome: Placed['outcome']): Promise<Placed> => {
    if (!options.dryRun) await writer.write(place, content, decision === 'write')
    return { outcome, path }
  }
  if (decision === 'write') return write(isRenamed ? 'renamed' : 'restored')
  if (decision === 'replace') return write('replaced')
  if (decision === 'rename') return 'taken'
  if (decision !== 'blocked') return { outcome: decision, path }
  throw new AppError('STORE_REFUSED', `${place.file} is a folder, and a file belongs there`, {
    hint: 'move it away, or restore with rename',
  })
}

async function lookAt({ checks, commit, options }: Restoring, place: Place, content: Content): Promise<Found> {
  const { file, found, folders } = place
  if (found === null) return { kind: 'nothing' }
  if (found.isDirectory()) return { kind: 'folder' }
  if (!found.isFile() || found.size !== content.size) return { kind: 'other', mtime: found.mtimeMs }
  try {
    const { digest, size } = await checks.measure(file)
    if (digest !== content.digest || size !== content.size) return { kind: 'other', mtime: found.mtimeMs }
    // Whoever finds it right stops writing it, so its name has to be as durable as if it had been written now.
    if (!options.dryRun) await commit.name({ temp: null, path: file, folders, mustBeFree: false })
    return { kind: 'same-bytes' }
  } catch (error) {
    if (isAbsence(error)) return { kind: 'nothing' }
    throw folderError(error, file)
  }
}

async function withSurprises<T>(work: () => Promise<T>): Promise<T> {
  for (let times = 1; ; times += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isAppError(error, 'TARGET_EXISTS') || times >= MOST_SURPRISES) throw error
    }
  }
}
