import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LibraryTree } from './backup/run-state.ts'
import { openLibrary } from './vault/library.ts'
import { objectKey } from './vault/vault.ts'

/** Joins the library on disk to the objects it shows. Its state lies in `.cache/`: losing it costs one full look. */
export async function createLibraryTree(
  root: string,
  cloud: string,
  options: { readonly allowCopies: boolean; readonly mayLink: boolean },
): Promise<LibraryTree> {
  const library = await openLibrary(root, cloud, options)
  const state = join(root, '.cache', `library-${cloud}.json`)
  return {
    place: (path, object, mtimeMs) =>
      library.place(path, { objectFile: join(root, objectKey(object)), mtime: mtimeMs }),
    remove: (path) => library.remove(path),
    ensureFolder: (path) => library.ensureFolder(path),
    async readState() {
      const text = await readFile(state, 'utf8').catch(() => null)
      if (text === null || !(await library.exists())) return null
      try {
        const parsed: unknown = JSON.parse(text)
        if (typeof parsed !== 'object' || parsed === null || !('snapshot' in parsed)) return null
        // Made of links, perhaps, which then have to become something else.
        if (!options.mayLink && !('links' in parsed && parsed.links === false)) return null
        return String(parsed.snapshot)
      } catch {
        return null
      }
    },
    async writeState(snapshotId) {
      // While the tree is being changed its state is unknown, so a torn write must read as unknown: remove, then write.
      await library.flush()
      await rm(state, { force: true })
      await mkdir(join(root, '.cache'), { recursive: true })
      await writeFile(state, JSON.stringify({ snapshot: snapshotId, links: options.mayLink }))
    },
  }
}
