import { relative } from 'node:path'
import { locationName, type VaultLocation } from '../config/vault-location.ts'

/** `./x` for what lies below the working directory, the whole path for anything else. */
export function shortPath(path: string): string {
  const near = relative(process.cwd(), path)
  if (near === '') return '.'
  return near.startsWith('..') ? path : `./${near}`
}

/** Where a vault lies, in as few words as tell it. */
export const shortPlace = (location: VaultLocation): string =>
  location.kind === 'local' ? shortPath(location.path) : locationName(location)

/** A word as a shell takes it. */
export const quoteWord = (word: string): string =>
  /^[A-Za-z0-9_./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
