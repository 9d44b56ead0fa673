import { AppError } from '../../model/errors.ts'
import { checkKey, checkPrefix } from '../key.ts'
import type { Names } from './names.ts'

/**
 * How the keys of a vault appear in the store under an encrypted one: digests by their names, and `.age` at the end, since
 * that is what lies there. `objects/ab/<digest>` becomes `objects/cd/<name>.age`, `cd` being the first digits of the name.
 */
export interface InnerKeys {
  /** Throws STORE_REFUSED for what no vault can hold. */
  inner(key: string): InnerKey
  /** A prefix that ends within a digest stays as it is, so in `objects/` it means the beginning of a name. */
  innerPrefix(prefix: string): string
  /** Null for what was not put through an encrypted store with this name key. */
  outer(innerKey: string): string | null
}

interface InnerKey {
  readonly key: string
  /** Readable by everybody: what says how to open the rest, and locks, which hold nothing of the account. */
  readonly isPlain: boolean
}

const SUFFIX = '.age'
const isPlain = (key: string): boolean => /^(README\.txt$|cloudkeep\.json$|keys\/|locks\/)/.test(key)
/** A digest, alone or with more behind it, as quarantine has them. */
const BEGINS_WITH_DIGEST = /^([0-9a-f]{64})($|-.*$)/
const BEGINS_WITH_NAME = /^([0-9a-f]{96})($|-.*$)/

/** The two digits of the folder in which an object of this name or digest lies. */
const shelf = (name: string): string => name.slice(0, 2)

const isObject = (segments: readonly string[], name: string | undefined): boolean =>
  segments.length === 3 && segments[0] === 'objects' && segments[2] === name

export const createInnerKeys = (names: Names): InnerKeys => {
  const named = (path: string): string => {
    const segments = path.split('/')
    const last = segments.at(-1) ?? ''
    if (isObject(segments, BEGINS_WITH_DIGEST.exec(last)?.[1])) {
      const name = names.encode(last)
      if (segments[1] !== shelf(last)) throw new AppError('STORE_REFUSED', `${path} is not where that object belongs`)
      return `objects/${shelf(name)}/${name}`
    }
    return segments
      .map((segment) => {
        const [, digest, rest] = BEGINS_WITH_DIGEST.exec(segment) ?? []
        return digest === undefined ? segment : names.encode(digest) + rest
      })
      .join('/')
  }

  const unnamed = (segment: string): string | null => {
    // A digest in the open is none of ours.
    if (BEGINS_WITH_DIGEST.test(segment)) return null
    const [, name, rest] = BEGINS_WITH_NAME.exec(segment) ?? []
    if (name === undefined) return segment
    const digest = names.decode(name)
    return digest === null ? null : digest + rest
  }

  return {
    inner: (key) => {
      checkKey(key)
      return isPlain(key) ? { key, isPlain: true } : { key: named(key) + SUFFIX, isPlain: false }
    },
    innerPrefix: (prefix) => (isPlain(checkPrefix(prefix)) ? prefix : named(prefix)),
    outer: (innerKey) => {
      if (isPlain(innerKey)) return innerKey
      if (!innerKey.endsWith(SUFFIX)) return null
      const segments = innerKey.slice(0, -SUFFIX.length).split('/')
      const found = segments.map(unnamed)
      const last = segments.at(-1) ?? ''
      if (found.includes(null)) return null
      if (!isObject(segments, BEGINS_WITH_NAME.exec(last)?.[1])) return found.join('/')
      const digest = found.at(-1) ?? ''
      return segments[1] === shelf(last) ? `objects/${shelf(digest)}/${digest}` : null
    },
  }
}
