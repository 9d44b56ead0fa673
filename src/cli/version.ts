import { readFileSync } from 'node:fs'

/** The version in package.json, found from `src/cli` and from `dist/src/cli` alike. */
export function readVersion(): string {
  for (const up of ['../../', '../../../']) {
    try {
      const text = readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8')
      const found: unknown = JSON.parse(text)
      if (isPackage(found) && found.name === 'cloudkeep') return found.version
    } catch {
      // Not at this height; an installation without a package.json has no version to tell.
    }
  }
  return 'unknown'
}

const isPackage = (value: unknown): value is { name: string; version: string } =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  'version' in value &&
  typeof value.version === 'string'
