import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../model/errors.ts'
import type { Given } from './values.ts'

/** Where a vault lives. */
export interface VaultLocation {
  readonly kind: 'local'
  /** Absolute. */
  readonly path: string
}

const BUCKETS: Readonly<Record<string, string>> = {
  s3: 'Amazon S3',
  gs: 'Google Cloud Storage',
  az: 'Azure Blob Storage',
}

/**
 * A path or a file:// URL. `~/` is the home folder, because a shell expands it neither in `--vault=~/x` nor in `.env`.
 * Throws USAGE (a flag) or CONFIG_INVALID (anything else).
 */
export function parseVaultLocation(given: Given, base: { cwd: string; home: string }): VaultLocation {
  const code = given.origin.startsWith('flag') ? 'USAGE' : 'CONFIG_INVALID'
  const text = given.value
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'file') return { kind: 'local', path: fromFileUrl(text, given.origin, code) }
  if (scheme !== undefined) {
    const bucket = BUCKETS[scheme]
    throw new AppError(
      code,
      `${given.origin}: ${scheme}:// vaults are not supported${bucket ? ` yet (${bucket})` : ''}`,
      {
        hint: 'give a folder on a local or mounted disk, such as ./cloudkeep-vault',
      },
    )
  }
  if (text.includes('\0')) throw new AppError(code, `${given.origin}: a vault path cannot hold a NUL character`)
  if (text === '~' || text.startsWith('~/')) return { kind: 'local', path: join(base.home, text.slice(1)) }
  return { kind: 'local', path: isAbsolute(text) ? resolve(text) : resolve(base.cwd, text) }
}

function fromFileUrl(text: string, origin: string, code: 'USAGE' | 'CONFIG_INVALID'): string {
  try {
    return fileURLToPath(text)
  } catch (cause) {
    throw new AppError(code, `${origin}: ${text} is not a file:// address of this machine`, {
      hint: 'three slashes: file:///srv/vault',
      cause,
    })
  }
}
