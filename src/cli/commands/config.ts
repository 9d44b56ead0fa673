import { type Config, SETTINGS } from '../../config/config.ts'
import { locationName } from '../../config/vault-location.ts'
import { policyInWords } from '../../maintenance/prune/retention.ts'
import { versionPolicyInWords } from '../../maintenance/prune/retention-versions.ts'
import { AppError } from '../../model/errors.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatDuration, safe } from '../format.ts'
import { type Column, renderTable } from '../table.ts'

export const config: CliCommand = {
  name: 'config',
  summary: 'config show: every setting, and where its value came from; config schema: the schema of the config file',
  group: 'check',
  operands: [['[show|schema]', 'show the settings, or print the JSON Schema of cloudkeep.config.json']],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, operands } = call
  if (operands[0] === 'schema') return await printSchema(call)
  if (operands[0] !== undefined && operands[0] !== 'show') {
    throw new AppError('USAGE', `config knows no "${operands[0]}"`, { hint: 'cloudkeep config show, or config schema' })
  }
  const { secrets, configFile } = settings
  const values = shownValues(call)
  const rows = SETTINGS.map(({ name }) => [name, values[name], settings.config.origins[name]])
  rows.push(['apiKey', masked(secrets.apiKey), secrets.apiKey === null ? 'not set' : (secrets.origin ?? '')])
  rows.push([
    'apiSecret',
    secrets.apiSecret === null ? 'none' : 'set, hidden',
    secrets.apiSecret === null ? 'not set' : (secrets.origin ?? ''),
  ])
  rows.push(...fileRows(call))
  for (const [name, value, origin] of rows) out.record('setting', { name, value, origin })
  const columns: Column[] = [
    { title: 'setting', paint: out.theme.accent },
    { title: 'value', flexible: true },
    { title: 'from', paint: out.theme.dim },
  ]
  const cells = rows.map((row) => row.map((cell) => safe(cell ?? '')))
  for (const line of renderTable(columns, cells, { width: out.width, head: out.theme.dim })) out.line(line)
  out.say(out.talk.dim(configFile === null ? 'no config file' : `config file ${configFile}`))
  for (const open of [settings.undecided.account, settings.undecided.vault]) {
    if (open !== null) out.say(out.talk.warn(`${open.message}; ${open.hint ?? ''}`))
  }
  return { exit: EXIT.done, summary: { configFile } }
}

async function printSchema({ out }: Call): Promise<Result> {
  const { configSchema } = await import('../../config/schema.ts')
  if (out.json) out.record('schema', { schema: configSchema() })
  else out.line(JSON.stringify(configSchema(), null, 2))
  return { exit: EXIT.done }
}

/** What only the config file says, and secrets that only the environment has. */
function fileRows({ settings }: Call): string[][] {
  const { config, secrets, configFile } = settings
  const { include, exclude, overrides } = config.rules
  const { snapshots, versions } = config.retention
  const file = configFile ?? ''
  const row = (name: string, words: readonly string[], none: string): string[] => [
    name,
    words.join(', ') || none,
    words.length === 0 ? 'default' : file,
  ]
  const secret = (name: string, variable: string, value: string | null): string[] => [
    name,
    value === null ? 'none' : 'set, hidden',
    value === null ? 'not set' : `environment ${variable}`,
  ]
  return [
    row('retention', [...policyInWords(snapshots), ...versionPolicyInWords(versions)], 'keep everything'),
    row('include', include, 'everything'),
    row('exclude', exclude, 'nothing'),
    row(
      'overrides',
      overrides.map(({ asset, backup }) => `${backup ? 'keep' : 'leave out'} ${asset}`),
      'none',
    ),
    row(
      'copies',
      config.copies.map(({ name, location }) => `${name} (${locationName(location)})`),
      'none',
    ),
    ['keys', config.keyFolder, 'default'],
    secret('identity', 'CLOUDKEEP_IDENTITY', secrets.identity),
    secret('passphrase', 'CLOUDKEEP_PASSPHRASE', secrets.passphrase),
    secret('writerKey', 'CLOUDKEEP_WRITER_KEY', secrets.writerKey),
  ]
}

// An API key is an account's public half, but there is no need to show the whole of it either.
const masked = (key: string | null): string => (key === null ? 'none' : `…${key.slice(-4)}`)

function shownValues({ settings }: Call): Readonly<Record<(typeof SETTINGS)[number]['name'], string>> {
  const { config: value } = settings
  const yesNo = (flag: boolean): string => (flag ? 'yes' : 'no')
  return {
    vault: value.vaultName === null ? locationName(value.vault) : `${value.vaultName} (${locationName(value.vault)})`,
    account: value.accountName ?? 'none',
    cloud: value.cloud ?? 'none',
    uploadPrefix: value.uploadPrefix,
    secureDistribution: value.secureDistribution ?? 'none',
    cname: value.cname ?? 'none',
    privateCdn: yesNo(value.privateCdn),
    deliveryHosts: value.deliveryHosts.join(', ') || 'only Cloudinary’s',
    concurrency: String(value.concurrency),
    bwlimit: bandwidthInWords(value),
    scratch: formatBytes(value.scratchLimit),
    cache: value.cacheFolder,
    apiReserve: value.apiReserve === null ? 'a tenth, at most 100' : String(value.apiReserve),
    wait: yesNo(value.wait),
    proxy: value.proxy === null ? 'none' : withoutCredentials(value.proxy),
    allowCopies: yesNo(value.allowCopies),
    immutable: yesNo(value.immutable),
    connectTimeout: formatDuration(value.timeouts.connectMs),
    headersTimeout: formatDuration(value.timeouts.headersMs),
    idleTimeout: formatDuration(value.timeouts.idleMs),
  }
}

function bandwidthInWords({ bandwidth, bwlimit }: Config): string {
  const now = bwlimit === null ? 'off' : `${formatBytes(bwlimit)}/s`
  return bandwidth.slots.length > 1 ? `${now} now (${bandwidth.text})` : now
}

function withoutCredentials(proxy: string): string {
  const url = new URL(proxy)
  return `${url.protocol}//${url.username === '' ? '' : '…@'}${url.host}`
}
