import { dirname } from 'node:path'
import { AppError } from '../../model/errors.ts'
import { errnoOf } from '../disk-error.ts'
import { FLAG_REMEDY, readFlags } from './fs-flags.ts'

/**
 * Does what changes or removes files, and says VAULT_SEALED when a flag is what forbade it: the system answers EPERM
 * then, as it does for other reasons, and the flag tells which it was. `doing` completes "cannot …".
 *
 * @param paths absolute; what has the flag may be one of them or the folder of one
 */
export async function unlessSealed<T>(doing: string, paths: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (errnoOf(error) === 'EPERM') await refuseSealed(doing, paths, error)
    throw error
  }
}

/** Throws VAULT_SEALED when one of the files, or the folder of one, has a flag. */
export async function refuseSealed(doing: string, paths: readonly string[], cause?: unknown): Promise<void> {
  const { flags } = await readFlags('/', [...new Set([...paths, ...paths.map(dirname)])])
  const isSealed = [...flags.values()].some(({ immutable, appendOnly }) => immutable || appendOnly)
  if (!isSealed) return
  throw new AppError('VAULT_SEALED', `cannot ${doing}: the file has the immutable flag`, {
    hint: `only root can take it off, with ${FLAG_REMEDY}; cloudkeep protect --off does so for the whole vault`,
    cause,
  })
}
