import { AppError } from '../model/errors.ts'

const SEGMENT = /^[A-Za-z0-9._-]+$/

const isSegment = (segment: string): boolean => SEGMENT.test(segment) && segment !== '.' && segment !== '..'

/**
 * Keys come from digests, ids and validated cloud names, so a bad one is damage or an attack, never a name that
 * should be made to fit. Names with a leading dot at the root are the local disk's own (`.cache`), never keys.
 */
const isKey = (key: string): boolean => key.length <= 512 && !key.startsWith('.') && key.split('/').every(isSegment)

export const checkKey = (key: string): string => {
  if (isKey(key)) return key
  throw new AppError('STORE_REFUSED', `${JSON.stringify(key)} is not a key that a vault can hold`)
}

/** A prefix is the beginning of a key, so its last segment may be cut anywhere. */
export const checkPrefix = (prefix: string): string => {
  if (prefix === '' || isKey(prefix) || isKey(`${prefix}x`)) return prefix
  throw new AppError('STORE_REFUSED', `${JSON.stringify(prefix)} is not the beginning of a key that a vault can hold`)
}
