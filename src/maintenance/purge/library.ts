import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Catalog, VersionRow } from '../../catalog/catalog.ts'
import { createHashTap } from '../../lib/hash.ts'
import { isSafePath } from '../../model/entry-codec.ts'
import { isAppError } from '../../model/errors.ts'
import type { Library } from '../../vault/library.ts'
import { look, walkFolders } from '../../vault/real-folder.ts'
import { objectKey } from '../../vault/vault.ts'
import { versionKey } from '../prune/survey.ts'

export interface Shelf {
  readonly root: string
  readonly library: Library
}

/**
 * The files of the library that show versions to be purged. A path belongs to the last version that had it: a file
 * that a kept version has now stays.
 */
export async function shownFiles(
  { root, library }: Shelf,
  catalog: Catalog,
  of: { readonly cloud: string; readonly rows: readonly VersionRow[]; readonly purged: ReadonlySet<string> },
): Promise<readonly string[]> {
  const paths = new Set<string>()
  for (const { path, object } of of.rows) {
    if (path === null || object === null || paths.has(path) || !isSafePath(path)) continue
    const holder = await catalog.read((tx) => tx.byPath(of.cloud, path))
    const isKept = holder !== null && holder.purged === null && !of.purged.has(versionKey(holder))
    if (!isKept && (await shows({ root, library }, { cloud: of.cloud, path, object }))) paths.add(path)
  }
  return [...paths]
}

/** Where the object is gone already, the file's own bytes tell. */
async function shows(
  { root, library }: Shelf,
  { cloud, path, object }: { readonly cloud: string; readonly path: string; readonly object: string },
): Promise<boolean> {
  try {
    return await library.matches(path, join(root, objectKey(object)))
  } catch (error) {
    if (!isAppError(error, 'OBJECT_NOT_FOUND')) throw error
  }
  const folders = ['library', cloud, ...path.split('/').slice(0, -1)]
  const file = join(root, 'library', cloud, path)
  if (!walkFolders(root, folders, false) || look(file)?.isFile() !== true) return false
  const tap = createHashTap({ md5: false })
  for await (const piece of createReadStream(file)) tap.update(piece)
  return tap.finish().sha256 === object
}
