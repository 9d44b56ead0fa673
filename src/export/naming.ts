import type { Entry } from '../model/entry.ts'
import { pathKey } from '../model/path-key.ts'

/**
 * Gives each version its file below `originals/`: its library path, which is safe and, within one snapshot, unique.
 * Null for what has no bytes. Versions of different moments may want the same path; with `mayCollide` the later one
 * gets its version id before the extension. The same order of entries gives the same names.
 */
export function createNaming(mayCollide: boolean): (entry: Entry) => string | null {
  const taken = new Set<string>()
  return (entry) => {
    if (entry.object === null) return null
    const path = `originals/${entry.path ?? entry.assetId}`
    if (!mayCollide) return path
    const free = [path, withMark(path, entry.version), withMark(path, `${entry.version}-${entry.assetId}`)]
    const given = free.find((name) => !taken.has(pathKey(name))) ?? null
    if (given !== null) taken.add(pathKey(given))
    return given
  }
}

/** `a/photo.jpg` as `a/photo~mark.jpg`. */
function withMark(path: string, mark: string): string {
  const slash = path.lastIndexOf('/')
  const dot = path.lastIndexOf('.')
  const at = dot > slash + 1 ? dot : path.length
  return `${path.slice(0, at)}~${mark}${path.slice(at)}`
}
