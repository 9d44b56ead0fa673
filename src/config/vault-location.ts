import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BucketPlace, bucketName } from '../model/vault-place.ts'
import { parseBucketUrl } from './bucket-url.ts'
import type { Given } from './values.ts'
import { refusal } from './values.ts'

/** Where a vault lives. */
export type VaultLocation =
  | {
      readonly kind: 'local'
      /** Absolute. */
      readonly path: string
    }
  | { readonly kind: 'bucket'; readonly place: BucketPlace }

/** How messages call a place: a path, or a URL without parameters. */
export const locationName = (location: VaultLocation): string =>
  location.kind === 'local' ? location.path : bucketName(location.place)

/**
 * A path, a file:// URL, or the URL of a bucket: `s3://bucket/prefix?region=…`, `gs://…`, `az://container/…`. `~/` is
 * the home folder, because a shell expands it neither in `--vault=~/x` nor in `.env`. Throws USAGE (a flag) or
 * CONFIG_INVALID (anything else).
 */
export function parseVaultLocation(given: Given, base: { cwd: string; home: string }): VaultLocation {
  const text = given.value
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'file') return { kind: 'local', path: fromFileUrl(given) }
  if (scheme !== undefined) return { kind: 'bucket', place: parseBucketUrl(given, scheme) }
  if (text.includes('\0')) throw refusal(given.origin, 'a vault path cannot hold a NUL character')
  if (text === '~' || text.startsWith('~/')) return { kind: 'local', path: join(base.home, text.slice(1)) }
  return { kind: 'local', path: isAbsolute(text) ? resolve(text) : resolve(base.cwd, text) }
}

function fromFileUrl({ value, origin }: Given): string {
  try {
    return fileURLToPath(value)
  } catch (cause) {
    throw refusal(origin, `${value} is not a file:// address of this machine`, {
      hint: 'three slashes: file:///srv/vault',
      cause,
    })
  }
}
