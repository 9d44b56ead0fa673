import { realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { AppError } from '../../model/errors.ts'

/**
 * Throws USAGE when a vault would be copied into itself, or one of the two folders lies in the other: the copy would
 * be lost together with the original, or become part of it. Links are followed.
 */
export async function refuseOverlap(source: string, target: string): Promise<void> {
  const [from, to] = [await realPlace(source), await realPlace(target)]
  if (from === to) throw new AppError('USAGE', `${target} is the vault that is to be copied`)
  const [outer, inner] = isInside(from, to) ? [source, target] : [target, source]
  if (isInside(from, to) || isInside(to, from)) {
    throw new AppError('USAGE', `${inner} lies inside ${outer}`, {
      hint: 'choose a place outside, best on another disk',
    })
  }
}

/** The place itself may not be there yet; then the nearest folder above that is there says where it will be. */
async function realPlace(path: string): Promise<string> {
  const at = resolve(path)
  try {
    return await realpath(at)
  } catch {
    const parent = dirname(at)
    return parent === at ? at : join(await realPlace(parent), basename(at))
  }
}

const isInside = (outer: string, inner: string): boolean => {
  const way = relative(outer, inner)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(outer, way) === inner
}
