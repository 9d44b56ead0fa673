import type { Dirent } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { count, fieldsOf, object, parseJson, text } from '../../model/shape.ts'
import { diskError, isAbsence } from '../disk-error.ts'
import { checkSignal } from '../interrupt.ts'
import { checkKey } from '../key.ts'
import { changeFlags, mayFlag, readFlags } from './fs-flags.ts'

export interface ProtectOptions {
  readonly signal?: AbortSignal
  /** Look at every file, also in folders that have not changed since everything in them had the flag. @default false */
  readonly full?: boolean
  /**
   * What to do with files that have a second name, mostly one in the library. The flag belongs to the bytes and not to a
   * name, so their library files could not be renamed, replaced or removed any more, and a run that has to do so fails.
   * @default 'skip'
   */
  readonly linked?: 'skip' | 'flag'
}

export interface Protected {
  /** Files that got the flag now, that had it, and that were left alone because they have a second name. */
  readonly flagged: number
  readonly already: number
  readonly linked: number
  /** Files that should have it and do not. */
  readonly failed: number
  /** Sentences for people: why. */
  readonly notes: readonly string[]
}

/** Everything that is written once; the rest of a vault is made anew from it, or belongs to this machine. */
const FOLDERS = ['objects', 'accounts', 'proofs']
const OURS = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

/**
 * Gives the immutable flag to what is written once in a vault on a local disk. May be repeated at any time: a folder
 * whose files all had the flag is not looked at again until something comes or goes in it. Where the flag cannot be
 * set (no root, no such program, a file system without flags) nothing happens and the notes say why. Throws the errors
 * of a store when the folders cannot be read, INTERRUPTED when the signal aborts.
 */
export async function protectFolder(root: string, options: ProtectOptions = {}): Promise<Protected> {
  const place = resolve(root)
  if (!(await mayFlag())) {
    return { ...NOTHING, notes: ['this process may not set the immutable flag: on Linux only root may'] }
  }
  const known = options.full === true ? new Map<string, Settled>() : await recall(place)
  const settled = new Map<string, Settled>()
  const sum = { ...NOTHING, notes: [] as string[] }
  for await (const folder of foldersOf(place, options.signal)) {
    const before = known.get(folder.key)
    if (before !== undefined && before.changed === folder.changed) {
      sum.already += before.files
      settled.set(folder.key, before)
      continue
    }
    const done = await protectOne(place, folder, options)
    sum.flagged += done.flagged
    sum.already += done.already
    sum.linked += done.linked
    sum.failed += done.failed
    if (done.note !== null && !sum.notes.includes(done.note) && sum.notes.length < 5) sum.notes.push(done.note)
    const isWhole = done.failed === 0 && done.linked === 0
    if (isWhole && folder.isOld)
      settled.set(folder.key, { changed: folder.changed, files: done.flagged + done.already })
  }
  // Not remembered means looked at again.
  await remember(place, settled).catch(() => undefined)
  return sum.linked === 0 ? sum : { ...sum, notes: [...sum.notes, linkedNote(sum.linked)] }
}

const NOTHING = { flagged: 0, already: 0, linked: 0, failed: 0, notes: [] as readonly string[] }

const linkedNote = (files: number): string =>
  `${files} files have a second name, mostly in the library, and were left without the flag: a library of copies (--allow-copies) has none`

export interface Unprotected {
  /** Files that had the flag and have it no more. */
  readonly cleared: number
  readonly failed: number
  readonly notes: readonly string[]
}

/**
 * Takes the flag off these keys, for a prune that runs as root. Their `changedAt` becomes now, so that what waits for an
 * age waits again. Absent keys are fine. Throws STORE_REFUSED for keys that are none, INTERRUPTED.
 */
export async function unprotectKeys(root: string, keys: readonly string[], signal?: AbortSignal): Promise<Unprotected> {
  const place = resolve(root)
  const paths = keys.map((key) => checkKey(key))
  await forget(place, new Set(paths.map(dirname)))
  return await clear(place, paths, signal)
}

/** Takes the flag off everything that `protectFolder` gives it to. */
export async function unprotectFolder(root: string, signal?: AbortSignal): Promise<Unprotected> {
  const place = resolve(root)
  await remember(place, new Map())
  const sum = { cleared: 0, failed: 0, notes: [] as string[] }
  for await (const folder of foldersOf(place, signal)) {
    const { cleared, failed, notes } = await clear(place, folder.files, signal)
    sum.cleared += cleared
    sum.failed += failed
    sum.notes = [...new Set([...sum.notes, ...notes])].slice(0, 5)
  }
  return sum
}

async function clear(root: string, paths: readonly string[], signal: AbortSignal | undefined): Promise<Unprotected> {
  const immutable = async (some: readonly string[]): Promise<string[]> => {
    const { flags } = await readFlags(root, some, signal)
    return some.filter((path) => flags.get(path)?.immutable === true)
  }
  const had = await immutable(paths)
  if (had.length === 0) return { cleared: 0, failed: 0, notes: [] }
  const complaint = await changeFlags('clear', root, had, signal)
  const still = await immutable(had)
  return {
    cleared: had.length - still.length,
    failed: still.length,
    notes: still.length === 0 || complaint === null ? [] : [complaint],
  }
}

interface Folder {
  /** Relative to the root. */
  readonly key: string
  /** Paths of its files, relative to the root. */
  readonly files: readonly string[]
  /** When a name last came or went, in nanoseconds; taken before the names were read. */
  readonly changed: string
  /** False while another name could still come within the same tick of the clock. */
  readonly isOld: boolean
}

const TICK_MS = 2000

async function* foldersOf(root: string, signal: AbortSignal | undefined): AsyncGenerator<Folder, void, void> {
  const waiting = [...FOLDERS]
  for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
    checkSignal(signal, 'looking for files to protect')
    const found = await look(root, key)
    if (found === null) continue
    const here = found.entries
      .filter(({ name }) => OURS.test(name))
      .map((entry) => ({ entry, path: `${key}/${entry.name}` }))
    waiting.push(...here.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path))
    const files = here.filter(({ entry }) => entry.isFile()).map(({ path }) => path)
    yield {
      key,
      files,
      changed: String(found.changed),
      isOld: Date.now() - Number(found.changed / 1_000_000n) > TICK_MS,
    }
  }
}

async function look(root: string, key: string): Promise<{ changed: bigint; entries: readonly Dirent[] } | null> {
  try {
    const { mtimeNs } = await stat(join(root, key), { bigint: true })
    return { changed: mtimeNs, entries: await readdir(join(root, key), { withFileTypes: true }) }
  } catch (error) {
    if (isAbsence(error)) return null
    throw diskError(error, `list ${key}`)
  }
}

async function protectOne(
  root: string,
  { files }: Folder,
  { signal, linked = 'skip' }: ProtectOptions,
): Promise<Omit<Protected, 'notes'> & { readonly note: string | null }> {
  const { flags, note } = await readFlags(root, files, signal)
  const wanted: string[] = []
  let [already, skipped] = [0, 0]
  for (const path of files) {
    if (flags.get(path)?.immutable === true) already += 1
    else if (linked === 'skip' && (await hasSecondName(join(root, path)))) skipped += 1
    else wanted.push(path)
  }
  if (wanted.length === 0) return { flagged: 0, already, linked: skipped, failed: 0, note: null }
  const complaint = await changeFlags('set', root, wanted, signal)
  const after = await readFlags(root, wanted, signal)
  const flagged = wanted.filter((path) => after.flags.get(path)?.immutable === true).length
  const failed = wanted.length - flagged
  return { flagged, already, linked: skipped, failed, note: failed === 0 ? null : (complaint ?? note) }
}

/** What vanished meanwhile has none. */
const hasSecondName = async (path: string): Promise<boolean> =>
  lstat(path).then(
    ({ nlink }) => nlink > 1,
    (error: unknown) => {
      if (isAbsence(error)) return false
      throw diskError(error, `look at ${path}`)
    },
  )

/** A folder in which every file had the flag when it last changed. */
interface Settled {
  readonly changed: string
  readonly files: number
}

const memoryOf = (root: string): string => join(root, '.cache', 'protected.json')

/** A cache: whatever is wrong with it, every folder is looked at. */
async function recall(root: string): Promise<Map<string, Settled>> {
  const known = new Map<string, Settled>()
  try {
    const folders = object(fieldsOf(parseJson(await readFile(memoryOf(root), 'utf8')), 'the memory'), 'folders')
    for (const [key, value] of Object.entries(folders)) {
      const fields = fieldsOf(value, key)
      known.set(key, { changed: text(fields, 'changed'), files: count(fields, 'files') })
    }
    return known
  } catch {
    return new Map()
  }
}

async function remember(root: string, settled: ReadonlyMap<string, Settled>): Promise<void> {
  const file = memoryOf(root)
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(`${file}.new`, JSON.stringify({ folders: Object.fromEntries(settled) }))
    await rename(`${file}.new`, file)
  } catch (error) {
    throw diskError(error, `write ${file}`)
  }
}

async function forget(root: string, folders: ReadonlySet<string>): Promise<void> {
  const known = await recall(root)
  const kept = new Map([...known].filter(([key]) => !folders.has(key)))
  if (kept.size < known.size) await remember(root, kept)
}
