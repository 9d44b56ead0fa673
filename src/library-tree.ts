import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LibraryTree } from './backup/run-state.ts'
import { openLibrary } from './vault/library.ts'
import { objectKey } from './vault/vault.ts'

/** Joins the library on disk to the objects it shows. Its state lies in `.cache/`: losing it costs one full look. */
export async function createLibraryTree(root: string, cloud: string, allowCopies: boolean): Promise<LibraryTree> {
  const library = await openLibrary(root, cloud, { allowCopies })
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
        return typeof parsed === 'object' && parsed !== null && 'snapshot' in parsed ? String(parsed.snapshot) : null
      } catch {
        return null
      }
    },
    async writeState(snapshotId) {
      // While the tree is being changed its state is unknown, so a torn write must read as unknown: remove, then write.
      await library.flush()
      await rm(state, { force: true })
      await mkdir(join(root, '.cache'), { recursive: true })
      await writeFile(state, JSON.stringify({ snapshot: snapshotId }))
    },
  }
}
