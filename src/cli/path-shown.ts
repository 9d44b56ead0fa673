import { relative } from 'node:path'

/** `./x` for what lies below the working directory, the whole path for anything else. */
export function shortPath(path: string): string {
  const near = relative(process.cwd(), path)
  if (near === '') return '.'
  return near.startsWith('..') ? path : `./${near}`
}

/** A word as a shell takes it. */
export const quoteWord = (word: string): string =>
  /^[A-Za-z0-9_./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
