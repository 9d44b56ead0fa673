import type { LockWish } from '../model/protection.ts'
import { bucketName } from '../model/vault-place.ts'
import type { ConfigFile } from './config-file.ts'
import type { Environment } from './env.ts'
import { NO_RETENTION, type RetentionSettings } from './retention.ts'
import { refusalAt } from './shape.ts'
import type { Given } from './values.ts'
import { parseVaultLocation, type VaultLocation } from './vault-location.ts'

/** A vault that the config file names. */
export interface NamedVault {
  readonly name: string
  readonly location: VaultLocation
}

/** A vault, and what the config file says of it. */
export interface VaultChoice {
  readonly location: VaultLocation
  /** Null for a place that the file does not name. */
  readonly name: string | null
  readonly copies: readonly NamedVault[]
  readonly retention: RetentionSettings
}

/** A word that is a name of `vaults` is that vault; anything else is a place. Throws USAGE or CONFIG_INVALID. */
export function resolveVault(given: Given, file: ConfigFile, env: Environment): VaultChoice {
  const general = file.values.retention ?? NO_RETENTION
  const named = file.vaults.get(given.value)
  if (named === undefined) {
    const fromFile = file.path !== null && given.origin.startsWith(`${file.path} `)
    const location = parseVaultLocation(given, { cwd: fromFile ? file.folder : env.cwd, home: env.home })
    return { location, name: null, copies: [], retention: general }
  }
  return {
    location: locationOf(given.value, file, env),
    name: given.value,
    copies: (named.copies ?? []).map((name) => ({ name, location: locationOf(name, file, env) })),
    retention: named.retention ?? general,
  }
}

/** Throws CONFIG_INVALID where URL and `lock` disagree, a folder is to be locked, or a vault would be its own copy. */
export function checkVaults(file: ConfigFile, env: Environment): void {
  for (const [name, { copies = [] }] of file.vaults) {
    const place = placeOf(locationOf(name, file, env))
    for (const [i, copy] of copies.entries()) {
      if (placeOf(locationOf(copy, file, env)) !== place) continue
      const at = { file: file.path ?? '', path: `vaults.${name}.copies[${i}]` }
      throw refusalAt(at, `the vault "${name}" would be copied to itself`)
    }
  }
}

/** The same for two locations that are one place, whatever else they say of it. */
function placeOf(location: VaultLocation): string {
  if (location.kind === 'local') return location.path
  const { endpoint = '', account = '' } = location.place.options
  return [bucketName(location.place), endpoint, account].join(' ')
}

function locationOf(name: string, file: ConfigFile, env: Environment): VaultLocation {
  const { url = '', lock } = file.vaults.get(name) ?? {}
  const at = { file: file.path ?? '', path: `vaults.${name}.url` }
  const given = { value: url, origin: `${at.file} ${at.path}` }
  const location = parseVaultLocation(given, { cwd: file.folder, home: env.home })
  return lock === undefined ? location : withLock(location, lock, { ...at, path: `vaults.${name}.lock` })
}

function withLock(location: VaultLocation, lock: LockWish, at: { file: string; path: string }): VaultLocation {
  if (location.kind === 'local') {
    throw refusalAt(
      at,
      'a folder cannot be locked',
      'a lock is for buckets; what protects a disk is set up at the disk',
    )
  }
  const { options } = location.place
  const { lock: other } = options
  if (other && (other.mode !== lock.mode || other.days !== lock.days)) {
    throw refusalAt(at, 'the URL asks for another lock', 'keep one of the two')
  }
  return { kind: 'bucket', place: { ...location.place, options: { ...options, lock } } }
}

/**
 * The vault that is meant when nobody names one: that of all accounts when they agree on one, else the only one that is
 * no other's copy. Null when that is none or several.
 */
export function impliedVault(file: ConfigFile): Given | null {
  const ofAccounts = new Set([...file.accounts.values()].map((account) => account.vault))
  const [agreed] = ofAccounts
  const origin = `${file.path ?? ''} vaults`
  if (ofAccounts.size === 1 && agreed !== undefined) return { value: agreed, origin }
  const copies = new Set([...file.vaults.values()].flatMap((vault) => vault.copies ?? []))
  const [first, ...others] = [...file.vaults.keys()].filter((name) => !copies.has(name))
  return first === undefined || others.length > 0 ? null : { value: first, origin }
}
