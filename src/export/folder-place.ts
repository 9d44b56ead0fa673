import { lstat, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError, isAppError } from '../model/errors.ts'
import { fieldsOf, parseJson, text } from '../model/shape.ts'
import { diskError, errnoOf, isAbsence } from '../vault/disk-error.ts'
import type { ExportIdentity } from './metadata.ts'

/** Lies in the folder while an export is under way, and stays when one was killed. */
const UNFINISHED = 'EXPORT-UNFINISHED.part'

/** A folder that belongs to one export. */
export interface FolderPlace {
  readonly root: string
  /** True when an earlier attempt at the same export left files, which may be right already. */
  readonly isContinued: boolean
  /** The export is whole: takes the mark away. */
  release(): Promise<void>
}

/**
 * Takes a folder for an export: one that is not there, an empty one, or one that holds the same export, finished or
 * not. Throws TARGET_EXISTS for anything else. `summary` is where a finished export says what it is.
 */
export async function claimFolder(root: string, identity: ExportIdentity, summary: string): Promise<FolderPlace> {
  try {
    const isContinued = await isSameExport(root, identity, summary)
    await mkdir(root, { recursive: true })
    await writeMark(join(root, UNFINISHED), identity)
    return {
      root,
      isContinued,
      release: async () => {
        await rm(join(root, UNFINISHED), { force: true })
        await syncFolder(root)
        await syncFolder(dirname(root)).catch(() => undefined)
      },
    }
  } catch (error) {
    throw diskError(error, `export to ${root}`)
  }
}

/** False for a folder that is absent or empty. */
async function isSameExport(root: string, identity: ExportIdentity, summary: string): Promise<boolean> {
  const found = await stat(root).catch(absentIsNull)
  if (found === null) return false
  if (!found.isDirectory()) throw new AppError('TARGET_EXISTS', `${root} is already there and no folder`)
  const names = await readdir(root)
  if (names.length === 0) return false
  const held = (await readIdentity(join(root, UNFINISHED))) ?? (await readIdentity(join(root, summary)))
  if (held === null) {
    throw new AppError('TARGET_EXISTS', `${root} is not empty`, {
      hint: 'choose an empty folder, or one that is not there',
    })
  }
  const same = (['format', 'cloud', 'snapshot', 'selection'] as const).every((name) => held[name] === identity[name])
  if (same) return true
  throw new AppError(
    'TARGET_EXISTS',
    `${root} holds another export: ${held.selection} of "${held.cloud}" as ${held.format}, snapshot ${held.snapshot}`,
    { hint: `--at ${held.snapshot} goes on with a snapshot that was begun; for another choose another folder` },
  )
}

/** Null when there is no such file, or nothing of ours in it. */
async function readIdentity(path: string): Promise<ExportIdentity | null> {
  try {
    if (!(await lstat(path)).isFile()) return null
    const fields = fieldsOf(parseJson(await readFile(path, 'utf8')), 'the export')
    const [format, cloud] = [text(fields, 'format'), text(fields, 'cloud')]
    return { format, cloud, snapshot: text(fields, 'snapshot'), selection: text(fields, 'selection') }
  } catch (error) {
    if (isAbsence(error) || isAppError(error, 'VAULT_INVALID')) return null
    throw error
  }
}

async function writeMark(path: string, identity: ExportIdentity): Promise<void> {
  await rm(path, { force: true })
  const file = await open(path, 'wx')
  try {
    await file.writeFile(`${JSON.stringify(identity, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

const absentIsNull = (error: unknown): null => {
  if (isAbsence(error)) return null
  throw error
}

const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EISDIR', 'EPERM'])

/** Makes the names in a folder durable, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!CANNOT_SYNC.has(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}
