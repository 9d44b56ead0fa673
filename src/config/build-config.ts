import { rateAt } from '../lib/timetable.ts'
import type { Config, FileRules, SettingName } from './config.ts'
import type { ConfigFile } from './config-file.ts'
import { checkCloudName } from './credentials.ts'
import type { Environment } from './env.ts'
import { defaultCacheFolder, defaultKeyFolder, parseFolder } from './folders.ts'
import { chooseProxy, readNoProxy } from './proxy.ts'
import {
  type Given,
  parseBandwidth,
  parseCount,
  parseDuration,
  parseHost,
  parseHosts,
  parseHttpUrl,
  parseScratch,
  parseSwitch,
} from './values.ts'
import type { VaultChoice } from './vaults.ts'

interface Surroundings {
  readonly env: Environment
  readonly file: ConfigFile
  readonly origins: Record<SettingName, string>
  readonly vault: VaultChoice
  readonly account: string | null
}

/** Checks what was found. Writes into `origins` where a value came from after all. Throws USAGE or CONFIG_INVALID. */
export function buildConfig(found: Readonly<Record<SettingName, Given | null>>, at: Surroundings): Config {
  const { env, file, origins, vault } = at
  const need = (name: SettingName): Given => found[name] ?? { value: '', origin: 'default' }
  const maybe = <T>(name: SettingName, parse: (given: Given) => T): T | null => {
    const given = found[name]
    return given === null ? null : parse(given)
  }
  const uploadPrefix = parseHttpUrl(need('uploadPrefix'))
  const proxy = chooseProxy(found.proxy, uploadPrefix, env)
  const bandwidth = parseBandwidth(need('bwlimit'))
  origins.vault = found.vault?.origin ?? 'default'
  origins.account = at.account === null ? 'default' : (found.account?.origin ?? `${file.path ?? ''} accounts`)
  origins.proxy = proxy?.origin ?? 'default'
  return {
    vault: vault.location,
    vaultName: vault.name,
    copies: vault.copies,
    accountName: at.account,
    cloud: maybe('cloud', (given) => checkCloudName(given.value, given.origin)),
    uploadPrefix,
    secureDistribution: maybe('secureDistribution', parseHost),
    cname: maybe('cname', parseHost),
    privateCdn: parseSwitch(need('privateCdn')),
    deliveryHosts: parseHosts(need('deliveryHosts')),
    concurrency: parseCount(need('concurrency'), { min: 1, max: 256 }),
    bwlimit: rateAt(bandwidth, new Date()),
    bandwidth,
    scratchLimit: parseScratch(need('scratch')),
    rules: rulesOf(file, at.account),
    apiReserve: maybe('apiReserve', (given) => parseCount(given, { min: 0, max: 1_000_000 })),
    wait: parseSwitch(need('wait')),
    proxy: proxy?.value ?? null,
    noProxy: proxy === null ? null : readNoProxy(env),
    allowCopies: parseSwitch(need('allowCopies')),
    immutable: parseSwitch(need('immutable')),
    timeouts: {
      connectMs: parseDuration(need('connectTimeout')),
      headersMs: parseDuration(need('headersTimeout')),
      idleMs: parseDuration(need('idleTimeout')),
    },
    cwd: env.cwd,
    home: env.home,
    keyFolder: defaultKeyFolder(env),
    cacheFolder: cacheFolder(found.cache, env, file),
    retention: vault.retention,
    origins,
  }
}

function rulesOf({ values, accounts }: ConfigFile, account: string | null): FileRules {
  const own = account === null ? undefined : accounts.get(account)
  const ownOverrides = own?.overrides ?? []
  // What an account says of an asset stands before what all of them say.
  const general = (values.overrides ?? []).filter(({ asset }) => !ownOverrides.some((each) => each.asset === asset))
  return {
    include: [...(values.include ?? []), ...(own?.include ?? [])],
    exclude: [...(values.exclude ?? []), ...(own?.exclude ?? [])],
    overrides: [...general, ...ownOverrides],
  }
}

function cacheFolder(given: Given | null, env: Environment, file: ConfigFile): string {
  if (given === null) return defaultCacheFolder(env)
  const fromFile = file.path !== null && given.origin.startsWith(`${file.path} `)
  return parseFolder(given, { cwd: fromFile ? file.folder : env.cwd, home: env.home })
}
