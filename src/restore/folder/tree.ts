import { lstatSync, mkdirSync, opendirSync, type Stats, unlinkSync } from 'node:fs'
import { mkdir, realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { isSafePath } from '../../model/entry-codec.ts'
import { AppError } from '../../model/errors.ts'
import { errnoOf, isAbsence } from '../../vault/disk-error.ts'
import { isLeftover, tempName } from '../../vault/temp-file.ts'
import { folderError } from './error.ts'

/** Where one file belongs: its parent is there (or, in a dry run, may not be) and was reached through real folders. */
export interface Place {
  /** Relative to the target. */
  readonly path: string
  /** Absolute. */
  readonly file: string
  /** A name in the same folder that nobody else uses. */
  readonly temp: string
  /** Folders whose names must survive a power cut when the file does. */
  readonly folders: readonly string[]
  /** What lies there now, links not followed. */
  readonly found: Stats | null
}

/** The target folder. Nothing is ever made or looked at through a link inside it. */
export interface FolderTree {
  readonly root: string
  /** Makes the folders on the way, except in a dry run. Throws STORE_REFUSED where a link or a file is in the way. */
  place(path: string): Place
  /** Makes a folder, for its own sake. */
  ensure(path: string): void
}

export interface TreeOptions {
  readonly target: string
  /** The vault's own folder, in which nothing may be restored; null when it is no folder. */
  readonly vaultRoot: string | null
  readonly dryRun: boolean
  readonly now: number
}

const [BEFORE, AFTER] = ['.cloudkeep-', '.part']

const look = (path: string): Stats | null => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (isAbsence(error)) return null
    throw folderError(error, path)
  }
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(join(folder, sep))

const refused = (message: string, hint: string): AppError => new AppError('STORE_REFUSED', message, { hint })

/** Throws STORE_REFUSED for a target in the vault, and what the disk says where it cannot be made. */
export async function openFolderTree({ target, vaultRoot, dryRun, now }: TreeOptions): Promise<FolderTree> {
  const root = await openRoot(target, dryRun)
  const vault = vaultRoot === null ? null : await realpath(vaultRoot)
  // `.cache` is no part of the vault: a rehearsal may take place there.
  const isScratch = vault !== null && isWithin(root, join(vault, '.cache'))
  const visited = new Set<string>()
  const refuseVault = (path: string): void => {
    if (vault === null || isScratch || !isWithin(path, vault)) return
    throw refused(
      `${path} lies in the vault`,
      'restore to a folder outside of it; library/ already shows the newest files',
    )
  }
  refuseVault(root)

  /** False when something on the way is missing, which only a dry run leaves so. */
  const walk = (segments: readonly string[], made: string[]): boolean => {
    let at = root
    for (const segment of segments) {
      const parent = at
      at = join(at, segment)
      const found = look(at)
      if (found?.isDirectory() === true) continue
      if (found !== null) {
        const what = found.isSymbolicLink() ? 'a link' : 'a file'
        throw refused(`${at} is ${what} where a folder belongs`, 'move it away, or restore to another folder')
      }
      if (dryRun) return false
      makeFolder(at)
      made.push(parent)
      visited.add(at)
    }
    return true
  }
  const visit = (folder: string): void => {
    if (dryRun || visited.has(folder)) return
    visited.add(folder)
    removeLeftovers(folder, now)
  }

  return {
    root,
    place: (path) => {
      if (!isSafePath(path))
        throw new AppError('VAULT_INVALID', `${JSON.stringify(path)} does not stay inside a folder`)
      const segments = path.split('/')
      const file = join(root, ...segments)
      refuseVault(file)
      const made: string[] = []
      const isThere = walk(segments.slice(0, -1), made)
      const folder = dirname(file)
      if (isThere) visit(folder)
      const temp = join(folder, `${BEFORE}${tempName()}${AFTER}`)
      return { path, file, temp, folders: [folder, ...made], found: isThere ? look(file) : null }
    },
    ensure: (path) => {
      if (path === '') return
      if (!isSafePath(path))
        throw new AppError('VAULT_INVALID', `${JSON.stringify(path)} does not stay inside a folder`)
      refuseVault(join(root, path))
      walk(path.split('/'), [])
    },
  }
}

async function openRoot(target: string, dryRun: boolean): Promise<string> {
  try {
    if (!dryRun) await mkdir(target, { recursive: true })
    return await realpath(target)
  } catch (error) {
    if (dryRun && errnoOf(error) === 'ENOENT') return target
    throw folderError(error, target)
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw folderError(error, path)
  }
  if (look(path)?.isDirectory() !== true)
    throw refused(`${path} is not a folder any more`, 'something else works in the target; let it end first')
}

/** Of restores that were killed. Best effort: what cannot be removed now does no harm. */
function removeLeftovers(folder: string, now: number): void {
  try {
    const entries = opendirSync(folder)
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        const { name } = entry
        if (!entry.isFile() || !name.startsWith(BEFORE) || !name.endsWith(AFTER)) continue
        const path = join(folder, name)
        // The file bears the asset's time already; when it was written, only ctime tells.
        const age = now - (look(path)?.ctimeMs ?? now)
        if (isLeftover(name.slice(BEFORE.length, -AFTER.length), age)) unlinkSync(path)
      }
    } finally {
      entries.closeSync()
    }
  } catch {
    return
  }
}
