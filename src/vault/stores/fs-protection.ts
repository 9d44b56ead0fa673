import type { Stats } from 'node:fs'
import { access, constants, lstat, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { ObjectProtection, Protection } from '../../model/protection.ts'
import { diskError, errnoOf, isAbsence } from '../disk-error.ts'
import { checkKey } from '../key.ts'
import { FLAG_REMEDY, type FlagsByPath, mayFlag, readFlags } from './fs-flags.ts'

/**
 * What protects a vault on a local disk, looked up on these files. Nothing is tried: on a disk the rights of the
 * folders say who may remove. Absent keys are left out. Throws the errors of a store when the disk cannot be read.
 */
export async function fsProtection(root: string, keys: readonly string[], signal?: AbortSignal): Promise<Protection> {
  const place = resolve(root)
  const files = await lookAtFiles(place, keys)
  const folders = [...new Set(files.length === 0 ? ['.'] : files.map(({ key }) => dirname(key)))]
  const { flags, note } = await readFlags(place, [...files.map(({ key }) => key), ...folders], signal)
  const rights = await lookAtRights(place, { files, folders, flags })
  return {
    canRemove: rights.canRemove,
    keepsVersions: false,
    objects: files.length === 0 ? null : objectsOf(files, flags),
    notes: [...(note === null ? [] : [note]), ...rights.notes],
  }
}

interface File {
  readonly key: string
  readonly isReadOnly: boolean
}

async function lookAtFiles(root: string, keys: readonly string[]): Promise<readonly File[]> {
  const files: File[] = []
  for (const key of keys) {
    const found = await statOrNull(join(root, checkKey(key)), lstat)
    if (found?.isFile() === true) files.push({ key, isReadOnly: (found.mode & 0o222) === 0 })
  }
  return files
}

async function statOrNull(path: string, look: (path: string) => Promise<Stats>): Promise<Stats | null> {
  try {
    return await look(path)
  } catch (error) {
    if (isAbsence(error)) return null
    throw diskError(error, `look at ${path}`)
  }
}

/** The firmest kind that any of them has, and how many have it. */
function objectsOf(files: readonly File[], flags: FlagsByPath): ObjectProtection {
  const flagged = files.filter(({ key }) => flags.get(key)?.immutable === true).length
  const readOnly = files.filter(({ isReadOnly }) => isReadOnly).length
  const kind = flagged > 0 ? 'immutable-flag' : readOnly > 0 ? 'read-only' : 'none'
  const held = flagged > 0 ? flagged : readOnly
  return { kind, mode: null, looked: files.length, protected: held, earliest: null, latest: null }
}

interface Looked {
  readonly files: readonly File[]
  readonly folders: readonly string[]
  readonly flags: FlagsByPath
}

async function lookAtRights(
  root: string,
  { files, folders, flags }: Looked,
): Promise<{ readonly canRemove: boolean; readonly notes: readonly string[] }> {
  const mayClear = await mayFlag()
  const open = new Set<string>()
  const notes = new Set<string>()
  for (const folder of folders) {
    const { isOpen, note } = await mayChange(join(root, folder))
    if (note !== null) notes.add(note)
    const held = flags.get(folder)
    const isFixed = held !== undefined && (held.immutable || held.appendOnly)
    if (isOpen && (mayClear || !isFixed)) open.add(folder)
  }
  const isFlagged = (key: string): boolean => flags.get(key)?.immutable === true
  const removable = files.filter(({ key }) => open.has(dirname(key)) && (mayClear || !isFlagged(key)))
  if (mayClear && files.some(({ key }) => isFlagged(key)))
    notes.add(`this process runs with the right to take the flag off (${FLAG_REMEDY}), and could then remove`)
  return { canRemove: files.length === 0 ? open.size > 0 : removable.length > 0, notes: [...notes] }
}

/** Whether names may leave the folder: now, or after its owner gave himself the right. */
async function mayChange(folder: string): Promise<{ readonly isOpen: boolean; readonly note: string | null }> {
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return { isOpen: true, note: null }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EROFS')
      return { isOpen: false, note: 'the file system is mounted read-only; root can mount it otherwise' }
    const found = await statOrNull(folder, stat)
    // A folder that root made immutable refuses its owner too, whatever its mode.
    const isOwn = errno === 'EACCES' && found !== null && found.uid === process.geteuid?.()
    return { isOpen: isOwn, note: null }
  }
}
