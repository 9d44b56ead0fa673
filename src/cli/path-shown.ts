import { relative } from 'node:path'
import { formatBucketUrl } from '../config/bucket-url.ts'
import type { Config } from '../config/config.ts'
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

/** ` --vault X` for a command that a person may copy; empty where the command finds the vault without it. */
export function vaultFlag({ vault, origins }: Pick<Config, 'vault' | 'origins'>): string {
  if (vault.kind === 'bucket') {
    return origins.vault.startsWith('flag') ? ` --vault ${quoteWord(formatBucketUrl(vault.place))}` : ''
  }
  const path = shortPath(vault.path)
  return path === './cloudkeep-vault' ? '' : ` --vault ${quoteWord(path)}`
}

/** A word as a shell takes it. */
export const quoteWord = (word: string): string =>
  /^[A-Za-z0-9_./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
