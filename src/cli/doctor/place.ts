import { randomBytes } from 'node:crypto'
import { link, open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isAppError } from '../../model/errors.ts'
import { formatBytes, safe } from '../format.ts'
import { shortPlace } from '../path-shown.ts'
import { type Check, describe, type Examination, type Patient } from './check.ts'

const TIGHT_BYTES = 1024 ** 3

/** The vault, and the disk it lies or will lie on. */
export const examinePlace: Examination = async function* (patient) {
  const location = patient.settings.config.vault
  yield await vault(patient)
  // Whether a bucket takes what a vault needs is asked by writing into it: that is check-store's.
  if (location.kind === 'bucket') return
  const { path } = location
  const folder = await nearestFolder(path)
  if (folder === null) {
    yield { name: 'disk', status: 'fail', message: `${safe(path)} cannot be made: a part of it is no folder` }
    return
  }
  yield await writable(folder)
  yield await freeSpace(folder)
}

async function vault(patient: Patient): Promise<Check> {
  const shown = safe(shortPlace(patient.settings.config.vault))
  try {
    const { identity } = await (await patient.context()).vault()
    return {
      name: 'vault',
      status: 'ok',
      message: `${shown}, made ${identity.createdAt.slice(0, 10)}, format ${identity.format}`,
    }
  } catch (error) {
    if (isAppError(error, 'VAULT_NOT_FOUND')) {
      return { name: 'vault', status: 'ok', message: `none at ${shown} yet; the first backup makes it` }
    }
    return { name: 'vault', status: 'fail', message: safe(describe(error)) }
  }
}

async function nearestFolder(path: string): Promise<string | null> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => null)
    if (found) return found.isDirectory() ? at : null
    if (dirname(at) === at) return null
  }
}

/** Writes, links and removes a small file: the three things a vault and its library live by. */
async function writable(folder: string): Promise<Check> {
  const name = join(folder, `.cloudkeep-doctor-${randomBytes(6).toString('hex')}`)
  const twin = `${name}-link`
  try {
    const file = await open(name, 'wx')
    try {
      await file.write('x')
      await file.sync()
    } finally {
      await file.close()
    }
    const linked = await link(name, twin).then(
      () => true,
      () => false,
    )
    if (linked) return { name: 'disk', status: 'ok', message: `${safe(folder)} can be written, hard links work` }
    return {
      name: 'disk',
      status: 'warn',
      message: `${safe(folder)} can be written, but hard links do not work`,
      hint: 'the library then needs clones, or copies with --allow-copies',
    }
  } catch (error) {
    return {
      name: 'disk',
      status: 'fail',
      message: `${safe(folder)} cannot be written: ${safe(describe(error))}`,
      hint: 'give another place with --vault, or change who may write there',
    }
  } finally {
    for (const each of [twin, name]) await rm(each, { force: true }).catch(() => undefined)
  }
}

async function freeSpace(folder: string): Promise<Check> {
  try {
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    if (free < TIGHT_BYTES) return { name: 'space', status: 'warn', message: `only ${formatBytes(free)} free` }
    return { name: 'space', status: 'ok', message: `${formatBytes(free)} free` }
  } catch (error) {
    return { name: 'space', status: 'skipped', message: `the disk does not say: ${safe(describe(error))}` }
  }
}
