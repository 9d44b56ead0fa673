import { type ConfigFile, readConfigFile } from './config-file.ts'
import { type Credentials, checkCloudName, readCredentials } from './credentials.ts'
import type { Environment } from './env.ts'
import { chooseProxy, readNoProxy } from './proxy.ts'
import { parseRetention, type RetentionSettings } from './retention.ts'
import type { HiddenSecrets } from './secrets.ts'
import {
  type Given,
  parseCount,
  parseDuration,
  parseHost,
  parseHosts,
  parseHttpUrl,
  parseRate,
  parseSwitch,
} from './values.ts'
import { parseVaultLocation, type VaultLocation } from './vault-location.ts'

/** Everything a run is told by its surroundings, checked. Holds no secret. */
export interface Config {
  readonly vault: VaultLocation
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
  /** Bytes a second for all downloads together; null: no limit. */
  readonly bwlimit: number | null
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
  readonly timeouts: Timeouts
  /** How long snapshots and versions stay; of the config file only. */
  readonly retention: RetentionSettings
  /** Where each value came from, for `config show`. */
  readonly origins: Readonly<Record<SettingName, string>>
}

/** Milliseconds: to connect, until the headers are there, between two pieces of a body. */
interface Timeouts {
  readonly connectMs: number
  readonly headersMs: number
  readonly idleMs: number
}

type SettingName = (typeof SETTINGS)[number]['name']

interface Setting {
  readonly name: string
  readonly flag: string | null
  readonly env: readonly string[]
  readonly fallback: string | null
}

/** One name in three spellings each; the first that is set wins, from left to right: flag, environment, file, default. */
export const SETTINGS = [
  { name: 'vault', flag: '--vault', env: ['CLOUDKEEP_VAULT'], fallback: './cloudkeep-vault' },
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
}

/**
 * Flag over environment (over `.env`) over CLOUDINARY_URL's parameters over config file over default. Throws USAGE for
 * a bad flag and CONFIG_INVALID for anything else, naming what was wrong and where it was found.
 */
export function loadSettings(env: Environment, flags: Flags = {}): Settings {
  const file = readConfigFile(env, flags.config)
  const credentials = readCredentials(env)
  const found = {} as Record<SettingName, Given | null>
  for (const setting of SETTINGS) found[setting.name] = find(setting, { env, flags, file, credentials })
  const origins = {} as Record<SettingName, string>
  for (const { name } of SETTINGS) origins[name] = found[name]?.origin ?? 'default'
  const config = build(found, { env, file, origins })
  const targetUrl = env.getSecret('CLOUDKEEP_TARGET_URL')?.value ?? null
  return { config, secrets: credentials.secrets, configFile: file.path, targetUrl }
}

interface Sources {
  readonly env: Environment
  readonly flags: Flags
  readonly file: ConfigFile
  readonly credentials: Credentials
}

function find(setting: Setting & { readonly name: SettingName }, from: Sources): Given | null {
  const flag = from.flags[setting.name]
  if (flag !== undefined && flag !== '') return { value: flag, origin: `flag ${setting.flag ?? setting.name}` }
  for (const name of setting.env) {
    const variable = from.env.get(name)
    if (variable) return variable
  }
  const byUrl = fromCredentials(setting.name, from.credentials) ?? from.file.get(setting.name)
  if (byUrl) return byUrl
  return setting.fallback === null ? null : { value: setting.fallback, origin: 'default' }
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

function build(
  found: Readonly<Record<SettingName, Given | null>>,
  at: { env: Environment; file: ConfigFile; origins: Record<SettingName, string> },
): Config {
  const { env, file, origins } = at
  const need = (name: SettingName): Given => found[name] ?? { value: '', origin: 'default' }
  const maybe = <T>(name: SettingName, parse: (given: Given) => T): T | null => {
    const given = found[name]
    return given === null ? null : parse(given)
  }
  const vault = need('vault')
  const fromFile = file.path !== null && vault.origin.startsWith(file.path)
  const uploadPrefix = parseHttpUrl(need('uploadPrefix'))
  const proxy = chooseProxy(found.proxy, uploadPrefix, env)
  origins.proxy = proxy?.origin ?? 'default'
  return {
    vault: parseVaultLocation(vault, { cwd: fromFile ? file.folder : env.cwd, home: env.home }),
    cloud: maybe('cloud', (given) => checkCloudName(given.value, given.origin)),
    uploadPrefix,
    secureDistribution: maybe('secureDistribution', parseHost),
    cname: maybe('cname', parseHost),
    privateCdn: parseSwitch(need('privateCdn')),
    deliveryHosts: parseHosts(need('deliveryHosts')),
    concurrency: parseCount(need('concurrency'), { min: 1, max: 256 }),
    bwlimit: parseRate(need('bwlimit')),
    apiReserve: maybe('apiReserve', (given) => parseCount(given, { min: 0, max: 1_000_000 })),
    wait: parseSwitch(need('wait')),
    proxy: proxy?.value ?? null,
    noProxy: proxy === null ? null : readNoProxy(env),
    allowCopies: parseSwitch(need('allowCopies')),
    timeouts: {
      connectMs: parseDuration(need('connectTimeout')),
      headersMs: parseDuration(need('headersTimeout')),
      idleMs: parseDuration(need('idleTimeout')),
    },
    retention: parseRetention(file.section('retention'), `${file.path ?? ''} retention`),
    origins,
  }
}
