import type { Stats } from 'node:fs'
import { readdir, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isCloudName } from '../model/cloud-name.ts'
import { isSafePath } from '../model/entry-codec.ts'
import { AppError } from '../model/errors.ts'
import { libraryFolder } from '../model/library-path.ts'
import { diskError, errnoOf, isAbsence } from './disk-error.ts'
import type { Abilities } from './library-file.ts'
import { isSameFile, placeFile, syncPath } from './library-file.ts'
import { look, walkFolders } from './real-folder.ts'
import { sameBytes } from './same-bytes.ts'
import { isLeftover, tempName } from './temp-file.ts'

export interface LibraryOptions {
  /** Copy where the disk can neither link nor clone; each copy takes its full size. @default false */
  readonly allowCopies?: boolean
  /**
   * False where the objects get the immutable flag, which is the inode's: a second name of it could not be renamed, replaced
   * or removed. Links that are there become clones or copies when they are placed again. @default true
   */
  readonly mayLink?: boolean
  /** Milliseconds since the epoch, against which leftovers of killed runs are old. @default Date.now() */
  readonly now?: number
}

/** The tree that people browse. Paths are relative, `/`-separated and already safe; errors are those of a store. */
export interface Library {
  /**
   * Makes the file at `path` show the object: a hard link, else a clone, else a copy when allowed. A file that already
   * does is `kept`. Whatever other file lay there is replaced in one step; a folder there is STORE_REFUSED. `mtime` in
   * milliseconds since the epoch; names of one object share one time, that of the last one placed.
   */
  place(path: string, what: { objectFile: string; mtime: number }): Promise<'placed' | 'kept'>
  /** Removes a file that was placed, and the folders that it leaves empty. Anything else there is left alone. */
  remove(path: string): Promise<void>
  /** Makes a folder, given as Cloudinary names it. Where a file is in its place, nothing is made. */
  ensureFolder(folder: string): Promise<void>
  /** True when the file shows exactly the object's bytes. */
  matches(path: string, objectFile: string): Promise<boolean>
  /** False when the tree was never made, or was deleted. */
  exists(): Promise<boolean>
  /** Makes everything that was placed survive a power cut. */
  flush(): Promise<void>
}

interface Tree {
  readonly root: string
  /** Folders from the root to the tree. */
  readonly base: readonly string[]
  readonly able: Abilities
  /** Folders with names that may not be durable yet. */
  readonly touched: Set<string>
}

const guarded = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw diskError(error, doing)
  }
}

const segmentsOf = (path: string): readonly string[] => {
  if (isSafePath(path)) return path.split('/')
  throw new AppError('STORE_REFUSED', `${JSON.stringify(path)} does not stay inside the library`)
}

const walkToParent = ({ root, base }: Tree, segments: readonly string[], make: boolean): boolean =>
  walkFolders(root, [...base, ...segments.slice(0, -1)], make)

const lookAtObject = (objectFile: string): Stats => {
  const object = look(objectFile)
  if (object?.isFile() === true) return object
  throw new AppError('OBJECT_NOT_FOUND', `${objectFile} is not in the vault`)
}

const place = async (
  tree: Tree,
  path: string,
  { objectFile, mtime }: { objectFile: string; mtime: number },
): Promise<'placed' | 'kept'> => {
  const segments = segmentsOf(path)
  const target = join(tree.root, ...tree.base, ...segments)
  walkToParent(tree, segments, true)
  const done = await placeFile({ target, objectFile, object: lookAtObject(objectFile), mtime }, tree.able)
  if (done === 'placed') tree.touched.add(dirname(target))
  return done
}

/** Ours are read-only files; whatever can be written was put there by somebody else. */
const isPlaced = (found: Stats): boolean => found.isFile() && (found.mode & 0o222) === 0

const remove = async (tree: Tree, path: string): Promise<void> => {
  const segments = segmentsOf(path)
  if (!walkToParent(tree, segments, false)) return
  const target = join(tree.root, ...tree.base, ...segments)
  const found = look(target)
  if (found === null || !isPlaced(found)) return
  await unlink(target)
  for (let folder = dirname(target); folder !== join(tree.root, ...tree.base); folder = dirname(folder)) {
    const isRemoved = await rmdir(folder).then(
      () => true,
      (error: unknown) => {
        if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) return false
        throw error
      },
    )
    if (!isRemoved) return
    tree.touched.delete(folder)
  }
}

const ensureFolder = ({ root, base }: Tree, path: string): void => {
  const segments = path === '' ? [] : path.split('/')
  for (let depth = 0; depth <= segments.length; depth++) {
    const folders = [...base, ...segments.slice(0, depth)]
    const found = depth === 0 ? null : look(join(root, ...folders))
    if (found?.isFile() === true) return
    if (found?.isDirectory() !== true) walkFolders(root, folders, true)
  }
}

const matches = async (tree: Tree, path: string, objectFile: string): Promise<boolean> => {
  const segments = segmentsOf(path)
  if (!walkToParent(tree, segments, false)) return false
  const target = join(tree.root, ...tree.base, ...segments)
  const found = look(target)
  const object = lookAtObject(objectFile)
  if (found === null || !found.isFile()) return false
  return isSameFile(found, object) || (found.size === object.size && (await sameBytes(target, objectFile)))
}

const flush = async ({ touched }: Tree): Promise<void> => {
  for (const folder of [...touched]) {
    await syncPath(folder).catch((error: unknown) => {
      // A folder removed since then has nothing to keep.
      if (!isAbsence(error)) throw error
    })
    touched.delete(folder)
  }
}

const removeOldTemps = async (folder: string, now: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const found = look(path)
    // A link bears the time of its object; when it was made, only ctime tells.
    if (found?.isFile() === true && isLeftover(name, now - found.ctimeMs)) await unlink(path)
  }
}

/** The tree of one account under `<root>/library/<cloud>`. Nothing is made before there is something to place. */
export const openLibrary = async (root: string, cloud: string, options: LibraryOptions = {}): Promise<Library> => {
  if (!isCloudName(cloud)) throw new AppError('STORE_REFUSED', `${JSON.stringify(cloud)} is not a cloud name`)
  const temps = ['library', '.tmp']
  const temp = async (): Promise<string> => {
    walkFolders(root, temps, true)
    return join(root, ...temps, tempName())
  }
  const { allowCopies = false, mayLink = true } = options
  const able: Abilities = { mayLink, canLink: mayLink, canClone: true, allowCopies, temp }
  const tree: Tree = { root, base: ['library', cloud], able, touched: new Set() }
  await guarded('open the library', async () => {
    if (walkFolders(root, temps, false)) await removeOldTemps(join(root, ...temps), options.now ?? Date.now())
  })
  return {
    place: (path, what) => guarded(`place ${path}`, () => place(tree, path, what)),
    remove: (path) => guarded(`remove ${path}`, () => remove(tree, path)),
    ensureFolder: (folder) => guarded(`make ${folder}`, async () => ensureFolder(tree, libraryFolder(folder))),
    matches: (path, objectFile) => guarded(`read ${path}`, () => matches(tree, path, objectFile)),
    exists: () => guarded('look at the library', async () => walkFolders(root, tree.base, false)),
    flush: () => guarded('sync the library', () => flush(tree)),
  }
}
