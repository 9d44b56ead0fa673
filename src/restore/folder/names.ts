import { createDigestSet } from '../../lib/digest-set.ts'
import { sha256Hex } from '../../lib/hash.ts'
import type { Entry } from '../../model/entry.ts'
import { libraryPath, withSuffix } from '../../model/library-path.ts'
import { pathKey } from '../../model/path-key.ts'

/** Bytes that every file system takes in one name. */
const NAME_LIMIT = 255

/** The paths that a restore gives away: each at most once, so that no two versions end in one file. */
export interface FolderNames {
  /**
   * The path of a version: its library path where that is free, else with a mark of the version. The same versions in
   * the same order always get the same paths, so a second run finds what the first one wrote.
   */
  nameOf(entry: Entry): string
  /** Takes exactly this path; false when another version has it, or needs a folder of that name. */
  take(path: string): boolean
}

export function createFolderNames(): FolderNames {
  const files = createDigestSet()
  const folders = createDigestSet()
  const keyOf = (path: string): string => sha256Hex(pathKey(path))
  const take = (path: string): boolean => {
    const key = keyOf(path)
    if (files.has(key) || folders.has(key)) return false
    files.add(key)
    for (const folder of foldersOf(path)) folders.add(keyOf(folder))
    return true
  }
  return {
    take,
    nameOf: (entry) => {
      // Accounts with fixed folders have neither folder nor display name of their own, so the mode follows from them.
      let wanted = entry.path ?? libraryPath(entry.facts, 'dynamic')
      for (let attempt = 0; ; attempt += 1) {
        // A version's path, then marks of version and asset, then numbers: versions of two accounts may share both.
        const mark = [entry.version, entry.version.slice(8), entry.assetId][attempt - 1] ?? `${attempt}${entry.version}`
        const path = attempt === 0 ? wanted : withSuffix(wanted, mark)
        const inTheWay = foldersOf(path).find((folder) => files.has(keyOf(folder)))
        if (inTheWay !== undefined) {
          // A file has the name that this path needs for a folder (raw ids `a` and `a/b` of two moments).
          wanted = `${inTheWay}~${wanted.slice(inTheWay.length)}`
          attempt -= 1
        } else if (take(path)) return path
      }
    },
  }
}

/** `a`, `a/b` of `a/b/c.jpg`. */
const foldersOf = (path: string): readonly string[] => {
  const segments = path.split('/')
  return segments.slice(1).map((_, i) => segments.slice(0, i + 1).join('/'))
}

/** `a/name.jpg` as `a/name (restored).jpg`, then `a/name (restored 2).jpg` and so on. */
export const restoredName = (path: string, attempt: number): string => {
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash)
  const dot = name.lastIndexOf('.')
  const isExtension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= 17
  const [stem, extension] = isExtension ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  return path.slice(0, slash) + fitted(stem, `${attempt === 1 ? ' (restored)' : ` (restored ${attempt})`}${extension}`)
}

/** `a/name.jpg` as `a/name.jpg.json`. */
export const sidecarName = (path: string, extension: string): string => {
  const slash = path.lastIndexOf('/') + 1
  return path.slice(0, slash) + fitted(path.slice(slash), `.${extension}`)
}

/** Cuts the front so that both together are a name. */
const fitted = (front: string, end: string): string => {
  let room = NAME_LIMIT - Buffer.byteLength(end)
  if (Buffer.byteLength(front) <= room) return front + end
  let kept = ''
  for (const char of front) {
    room -= Buffer.byteLength(char)
    if (room < 0) break
    kept += char
  }
  return kept + end
}
