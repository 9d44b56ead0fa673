import type { Override } from '../backup/rules.ts'
import type { Timetable } from '../lib/timetable.ts'
import { AppError, isAppError } from '../model/errors.ts'
import { type AccountChoice, chooseAccount, credentialsOf } from './accounts.ts'
import { buildConfig } from './build-config.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { type Credentials, noCredentials } from './credentials.ts'
import type { Environment } from './env.ts'
import type { RetentionSettings } from './retention.ts'
import { type HiddenSecrets, readStoredSecrets } from './secrets.ts'
import { type Given, refusal } from './values.ts'
import type { VaultLocation } from './vault-location.ts'
import { checkVaults, impliedVault, type NamedVault, resolveVault, type VaultChoice } from './vaults.ts'

/** Everything a run is told by its surroundings, checked. Holds no secret. */
export interface Config {
  readonly vault: VaultLocation
  /** Its name in the config file; null for a place that the file does not name. */
  readonly vaultName: string | null
  /** Where the config file says that this vault is to be copied to. */
  readonly copies: readonly NamedVault[]
  /** The account's name in the config file; null when the file names none, or it could not be told which. */
  readonly accountName: string | null
  /** The account; null when nobody said (reading commands then take the only one in the vault). */
  readonly cloud: string | null
  /** Base of the Admin and Upload APIs, without a trailing slash. @default https://api.cloudinary.com */
  readonly uploadPrefix: string
  /** Host of secure delivery when the account has its own. */
  readonly secureDistribution: string | null
  readonly cname: string | null
  readonly privateCdn: boolean
  /** Hosts, besides Cloudinary's, from which originals may be fetched. Lower case, perhaps with a port. */
  readonly deliveryHosts: readonly string[]
  /** Upper bound of transfers at a time. @default 48 */
  readonly concurrency: number
  /** Bytes a second for all downloads together, as of now; null: no limit. */
  readonly bwlimit: number | null
  /** The same at all times; `followTimetable` makes of it what a throttle takes. */
  readonly bandwidth: Timetable
  /** Bytes on disk for bodies on their way, together. @default 4 GiB */
  readonly scratchLimit: number
  /** What to keep, of the config file only: the rules for all accounts, then those of this one. Flags add to them. */
  readonly rules: FileRules
  /** Admin API calls an hour to leave for others; null: a tenth of the limit, at most 100. */
  readonly apiReserve: number | null
  /** Wait at the hourly limit; false: end with API_LIMIT. @default true */
  readonly wait: boolean
  /** URL of an HTTP proxy, perhaps with credentials of its own: never print it whole. */
  readonly proxy: string | null
  /** Comma-separated hosts that the proxy is not for, as NO_PROXY says it. */
  readonly noProxy: string | null
  /** Fill the library with copies on a disk that knows neither hard links nor clones. @default false */
  readonly allowCopies: boolean
  /** Give what is written once in a vault on a disk the immutable flag after each backup. @default false */
  readonly immutable: boolean
  readonly timeouts: Timeouts
  /** Relative paths of flags and arguments begin here. */
  readonly cwd: string
  readonly home: string
  /** Absolute. Where keys of encrypted vaults lie. @default $XDG_CONFIG_HOME/cloudkeep, on Windows %APPDATA%\\cloudkeep */
  readonly keyFolder: string
  /**
   * Absolute. What this machine remembers of vaults far away; may be deleted at any time.
   * @default $XDG_CACHE_HOME/cloudkeep, on Windows %LOCALAPPDATA%\\cloudkeep
   */
  readonly cacheFolder: string
  /** How long snapshots and versions stay; of the config file only, the vault's own before the general one. */
  readonly retention: RetentionSettings
  /** Where each value came from, for `config show`. */
  readonly origins: Readonly<Record<SettingName, string>>
}

export interface FileRules {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly overrides: readonly Override[]
}

/** Milliseconds: to connect, until the headers are there, between two pieces of a body. */
interface Timeouts {
  readonly connectMs: number
  readonly headersMs: number
  readonly idleMs: number
}

export type SettingName = (typeof SETTINGS)[number]['name']

interface Setting {
  readonly name: string
  readonly flag: string | null
  readonly env: readonly string[]
  readonly fallback: string | null
}

/** One name in three spellings each; the first that is set wins: flag, environment, config file (its account before the rest), default. */
export const SETTINGS = [
  { name: 'vault', flag: '--vault', env: ['CLOUDKEEP_VAULT'], fallback: './cloudkeep-vault' },
  { name: 'account', flag: '--account', env: ['CLOUDKEEP_ACCOUNT'], fallback: null },
  { name: 'cloud', flag: '--cloud', env: ['CLOUDKEEP_CLOUD'], fallback: null },
  { name: 'uploadPrefix', flag: null, env: ['CLOUDINARY_UPLOAD_PREFIX'], fallback: 'https://api.cloudinary.com' },
  { name: 'secureDistribution', flag: null, env: ['CLOUDINARY_SECURE_DISTRIBUTION'], fallback: null },
  { name: 'cname', flag: null, env: ['CLOUDINARY_CNAME'], fallback: null },
  { name: 'privateCdn', flag: null, env: ['CLOUDINARY_PRIVATE_CDN'], fallback: 'false' },
  { name: 'deliveryHosts', flag: null, env: ['CLOUDKEEP_DELIVERY_HOSTS'], fallback: '' },
  { name: 'concurrency', flag: '--concurrency', env: ['CLOUDKEEP_CONCURRENCY'], fallback: '48' },
  { name: 'bwlimit', flag: '--bwlimit', env: ['CLOUDKEEP_BWLIMIT'], fallback: 'off' },
  { name: 'apiReserve', flag: '--api-reserve', env: ['CLOUDKEEP_API_RESERVE'], fallback: null },
  { name: 'wait', flag: '--no-wait', env: ['CLOUDKEEP_WAIT'], fallback: 'true' },
  { name: 'proxy', flag: null, env: ['CLOUDKEEP_PROXY', 'CLOUDINARY_API_PROXY'], fallback: null },
  { name: 'allowCopies', flag: '--allow-copies', env: ['CLOUDKEEP_ALLOW_COPIES'], fallback: 'false' },
  { name: 'immutable', flag: '--immutable', env: ['CLOUDKEEP_IMMUTABLE'], fallback: 'false' },
  { name: 'scratch', flag: null, env: ['CLOUDKEEP_SCRATCH'], fallback: '4G' },
  { name: 'cache', flag: null, env: ['CLOUDKEEP_CACHE'], fallback: null },
  { name: 'connectTimeout', flag: null, env: ['CLOUDKEEP_CONNECT_TIMEOUT'], fallback: '10s' },
  { name: 'headersTimeout', flag: null, env: ['CLOUDKEEP_HEADERS_TIMEOUT'], fallback: '60s' },
  { name: 'idleTimeout', flag: null, env: ['CLOUDKEEP_IDLE_TIMEOUT'], fallback: '60s' },
] as const satisfies readonly Setting[]

/** Values of flags as given, by setting. */
export type Flags = Readonly<Partial<Record<SettingName | 'config', string>>>

export interface Settings {
  readonly config: Config
  readonly secrets: HiddenSecrets
  /** Null when there is no config file. */
  readonly configFile: string | null
  /** A `cloudinary://` URL with its secret, for `restore --to target`; never print it. */
  readonly targetUrl: string | null
  /**
   * What the config file leaves open and nobody chose. To be thrown by a command that needs it: `account` by one that
   * talks to an account, `vault` by one that opens a vault. Null: decided.
   */
  readonly undecided: { readonly account: AppError | null; readonly vault: AppError | null }
}

export interface LoadOptions {
  /** `needed` throws `undecided` instead of carrying it. @default optional */
  readonly account?: 'needed' | 'optional'
}

/**
 * Flag over environment (over `.env`) over CLOUDINARY_URL's parameters over config file over default. Throws USAGE for
 * a bad flag and CONFIG_INVALID for anything else, naming what was wrong and where it was found.
 */
export function loadSettings(env: Environment, flags: Flags = {}, options: LoadOptions = {}): Settings {
  const file = readConfigFile(env, flags.config)
  checkVaults(file, env)
  const settings = settle({ env, flags, file }, chooseAccount(given('account'), given('cloud', false), { file, env }))
  const { account, vault } = settings.undecided
  const open = options.account === 'needed' ? (account ?? vault) : null
  if (open !== null) throw open
  return settings

  function given(name: SettingName, orFile = true): Given | null {
    return asked(name, { env, flags }) ?? (orFile ? file.get(name) : null)
  }
}

/** An account of the config file and its settings, or why they cannot be used. */
export type AccountSettings =
  | { readonly name: string; readonly settings: Settings; readonly error: null }
  | { readonly name: string; readonly settings: null; readonly error: AppError }

/**
 * Every account of the config file in its order, whichever `--account` says; without accounts in the file the only one
 * there is, by its cloud name. What is wrong with one of them, missing credentials too, hides none of the others. Throws
 * as `loadSettings` does for what concerns all of them.
 */
export function loadAccounts(env: Environment, flags: Flags = {}): readonly AccountSettings[] {
  const file = readConfigFile(env, flags.config)
  checkVaults(file, env)
  const names = file.accounts.size === 0 ? [null] : [...file.accounts.keys()]
  return names.map((name) => loadAccount({ env, flags, file }, name))
}

function loadAccount(from: Omit<Sources, 'credentials' | 'account'>, name: string | null): AccountSettings {
  try {
    const settings = settle(from, { name, undecided: null })
    const { config, secrets, undecided } = settings
    const error = secrets.missing.length > 0 ? missing(name, secrets) : undecided.vault
    const shown = name ?? config.cloud ?? 'CLOUDINARY_URL'
    return error === null ? { name: shown, settings, error: null } : { name: shown, settings: null, error }
  } catch (error) {
    if (name === null || !isAppError(error)) throw error
    return { name, settings: null, error }
  }
}

const missing = (name: string | null, secrets: HiddenSecrets): AppError =>
  new AppError(
    'CREDENTIALS_MISSING',
    `there are no credentials${name === null ? '' : ` of the account ${name}`}: ${secrets.missing.join(', ')} is not set`,
    {
      hint: 'a cloudinary://<key>:<secret>@<cloud> URL in the environment, in .env, or in a file that NAME_FILE names',
    },
  )

/** Everything about one account, or about none where the choice is open. */
function settle(from: Omit<Sources, 'credentials' | 'account'>, choice: AccountChoice): Settings {
  const { env, file } = from
  // Where it is not clear which account is meant, the general credentials are not taken for an answer.
  const credentials = choice.undecided ? noCredentials(['--account']) : credentialsOf(choice.name, file, env)
  const found = {} as Record<SettingName, Given | null>
  for (const setting of SETTINGS) {
    found[setting.name] = find(setting, { ...from, credentials, account: choice.name })
  }
  const origins = {} as Record<SettingName, string>
  for (const { name } of SETTINGS) origins[name] = found[name]?.origin ?? 'default'
  refuseOtherCloud(choice.name, found.cloud, file)
  const { vault, undecided } = findVault(found, { env, file })
  const config = buildConfig(found, { env, file, origins, vault, account: choice.name })
  return {
    config,
    secrets: credentials.secrets.with(readStoredSecrets(env)),
    configFile: file.path,
    targetUrl: env.getSecret('CLOUDKEEP_TARGET_URL')?.value ?? null,
    undecided: { account: choice.undecided, vault: undecided },
  }
}

function refuseOtherCloud(account: string | null, cloud: Given | null, file: ConfigFile): void {
  const own = account === null ? undefined : file.accounts.get(account)?.cloud
  if (!own || cloud === null || cloud.value === own) return
  throw refusal(cloud.origin, `"${cloud.value}", but the account ${account ?? ''} is the cloud "${own}"`, {
    hint: 'leave one of the two out',
  })
}

function findVault(
  found: Record<SettingName, Given | null>,
  { env, file }: { env: Environment; file: ConfigFile },
): { vault: VaultChoice; undecided: AppError | null } {
  const asked = found.vault?.origin === 'default' ? null : found.vault
  const implied = asked === null ? impliedVault(file) : null
  if (implied !== null) found.vault = implied
  const fallback = { value: '', origin: 'default' }
  const vault = resolveVault(found.vault ?? fallback, file, env)
  if (asked !== null || implied !== null || file.vaults.size === 0) return { vault, undecided: null }
  const names = [...file.vaults.keys()].join(', ')
  const undecided = new AppError('CONFIG_INVALID', `${file.path ?? ''} has several vaults: ${names}`, {
    hint: 'choose one with --vault NAME, "vault" of the account, or "vault" of the file',
  })
  return { vault, undecided }
}

interface Sources {
  readonly env: Environment
  readonly flags: Flags
  readonly file: ConfigFile
  readonly credentials: Credentials
  /** Of the config file. */
  readonly account: string | null
}

/** What was said for this one call: a flag, else a variable. */
function asked(name: SettingName, { env, flags }: Pick<Sources, 'env' | 'flags'>): Given | null {
  const setting: Setting | undefined = SETTINGS.find((each) => each.name === name)
  const value = flags[name]
  if (value !== undefined && value !== '') return { value, origin: `flag ${setting?.flag ?? name}` }
  for (const variable of setting?.env ?? []) {
    const found = env.get(variable)
    if (found) return found
  }
  return null
}

function find(setting: Setting & { readonly name: SettingName }, from: Sources): Given | null {
  const { name, fallback } = setting
  const { file, account, credentials } = from
  const ofAccount = account === null ? null : file.ofAccount(account, name)
  return (
    asked(name, from) ??
    fromCredentials(name, credentials) ??
    ofAccount ??
    file.get(name) ??
    (fallback === null ? null : { value: fallback, origin: 'default' })
  )
}

function fromCredentials(name: SettingName, credentials: Credentials): Given | null {
  if (name === 'cloud') return credentials.cloud
  const url = credentials.url
  if (!url) return null
  const values: Partial<Record<SettingName, string | null>> = {
    uploadPrefix: url.value.uploadPrefix,
    secureDistribution: url.value.secureDistribution,
    cname: url.value.cname,
    privateCdn: url.value.privateCdn ? 'true' : null,
    proxy: url.value.apiProxy,
  }
  const value = values[name]
  return value ? { value, origin: url.origin } : null
}
