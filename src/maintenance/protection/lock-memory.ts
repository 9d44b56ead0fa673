import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createDigestSet } from '../../lib/digest-set.ts'
import { AppError } from '../../model/errors.ts'
import { count, digest, fieldsOf, isDigest, oneOf, parseJson, text } from '../../model/shape.ts'

/**
 * Until when what a snapshot of one account needs is locked, as far as is known. It may be lost at any time: what is
 * unknown is sealed again, which never shortens a lock. Times are milliseconds since the epoch.
 *
 * Ends are kept of whole lists and not of objects: a list is immutable and named by its digest, so one line says that it
 * and everything that it names is held until then, and an account of ten million assets needs some thousand lines.
 */
export interface LockMemory {
  /** The list that a part of the manifest was when it was last sealed, and until when it and all it names is held. */
  listOf(part: string): HeldList | null
  /** Null: unknown. */
  untilOf(key: string): number | null
  saveList(part: string, held: HeldList): Promise<void>
  saveKey(key: string, until: number): Promise<void>
  /** An object was written by this process, and so bears a lock until then. Not written down. */
  created(key: string, until: number): void
  /** Null: not written by this process. */
  createdUntil(key: string): number | null
  /** Leaves only what these name, so that the file does not grow for ever. */
  keepOnly(parts: ReadonlySet<string>, keys: ReadonlySet<string>): Promise<void>
}

export interface HeldList {
  /** Digest of the list. */
  readonly object: string
  readonly until: number
}

const OBJECT = /^objects\/[0-9a-f]{2}\/([0-9a-f]{64})$/

/** @param file one of the cache, one for each account; null: nothing outlives the process */
export async function openLockMemory(file: string | null): Promise<LockMemory> {
  const { lists, keys } = file === null ? EMPTY() : await recall(file)
  const written = createDigestSet()
  const ends: number[] = []
  const append = async (line: object): Promise<void> => {
    if (file !== null) await onDisk(file, () => appendFile(file, `${JSON.stringify(line)}\n`))
  }
  return {
    listOf: (part) => lists.get(part) ?? null,
    untilOf: (key) => keys.get(key) ?? null,
    async saveList(part, held) {
      lists.set(part, held)
      await append({ is: 'list', part, ...held })
    },
    async saveKey(key, until) {
      keys.set(key, until)
      await append({ is: 'key', key, until })
    },
    created(key, until) {
      const [, name] = OBJECT.exec(key) ?? []
      if (name !== undefined) ends[written.add(name)] = until
    },
    createdUntil(key) {
      const [, name] = OBJECT.exec(key) ?? []
      return name === undefined || !isDigest(name) ? null : (ends[written.indexOf(name)] ?? null)
    },
    async keepOnly(parts, wanted) {
      for (const part of [...lists.keys()]) if (!parts.has(part)) lists.delete(part)
      for (const key of [...keys.keys()]) if (!wanted.has(key)) keys.delete(key)
      if (file === null) return
      const lines = [
        ...[...lists].map(([part, held]) => ({ is: 'list', part, ...held })),
        ...[...keys].map(([key, until]) => ({ is: 'key', key, until })),
      ].map((line) => `${JSON.stringify(line)}\n`)
      await onDisk(file, async () => {
        await writeFile(`${file}.new`, lines.join(''))
        await rename(`${file}.new`, file)
      })
    },
  }
}

const EMPTY = () => ({ lists: new Map<string, HeldList>(), keys: new Map<string, number>() })

/** Later lines win. A line that was cut short by a kill, or is nonsense, is unknown like one that is missing. */
async function recall(file: string): Promise<ReturnType<typeof EMPTY>> {
  const known = EMPTY()
  const lines = await readFile(file, 'utf8').catch(() => '')
  for (const line of lines.split('\n')) {
    try {
      const fields = fieldsOf(parseJson(line), 'the line')
      const until = count(fields, 'until')
      if (oneOf(fields, 'is', ['list', 'key']) === 'key') known.keys.set(text(fields, 'key'), until)
      else known.lists.set(text(fields, 'part'), { object: digest(fields, 'object'), until })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
    }
  }
  return known
}

/** What cannot be written down is asked again the next time. */
async function onDisk(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await work()
  } catch {
    return
  }
}
