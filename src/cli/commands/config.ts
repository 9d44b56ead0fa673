import { SETTINGS } from '../../config/config.ts'
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
  summary: 'config show: every setting, and where its value came from',
  group: 'check',
  operands: [['[show]', 'the one thing config can do']],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, operands } = call
  if (operands[0] !== undefined && operands[0] !== 'show') {
    throw new AppError('USAGE', `config knows no "${operands[0]}"`, { hint: 'cloudkeep config show' })
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
  const { snapshots, versions } = settings.config.retention
  const kept = [...policyInWords(snapshots), ...versionPolicyInWords(versions)].join(', ')
  rows.push(['retention', kept || 'keep everything', kept === '' ? 'default' : `${configFile ?? ''} retention`])
  for (const [name, value, origin] of rows) out.record('setting', { name, value, origin })
  const columns: Column[] = [
    { title: 'setting', paint: out.theme.accent },
    { title: 'value', flexible: true },
    { title: 'from', paint: out.theme.dim },
  ]
  const cells = rows.map((row) => row.map((cell) => safe(cell ?? '')))
  for (const line of renderTable(columns, cells, { width: out.width, head: out.theme.dim })) out.line(line)
  out.say(out.talk.dim(configFile === null ? 'no config file' : `config file ${configFile}`))
  return { exit: EXIT.done, summary: { configFile } }
}

// An API key is an account's public half, but there is no need to show the whole of it either.
const masked = (key: string | null): string => (key === null ? 'none' : `…${key.slice(-4)}`)

function shownValues({ settings }: Call): Readonly<Record<(typeof SETTINGS)[number]['name'], string>> {
  const { config: value } = settings
  const yesNo = (flag: boolean): string => (flag ? 'yes' : 'no')
  return {
    vault: locationName(value.vault),
    cloud: value.cloud ?? 'none',
    uploadPrefix: value.uploadPrefix,
    secureDistribution: value.secureDistribution ?? 'none',
    cname: value.cname ?? 'none',
    privateCdn: yesNo(value.privateCdn),
    deliveryHosts: value.deliveryHosts.join(', ') || 'only Cloudinary’s',
    concurrency: String(value.concurrency),
    bwlimit: value.bwlimit === null ? 'off' : `${formatBytes(value.bwlimit)}/s`,
    apiReserve: value.apiReserve === null ? 'a tenth, at most 100' : String(value.apiReserve),
    wait: yesNo(value.wait),
    proxy: value.proxy === null ? 'none' : withoutCredentials(value.proxy),
    allowCopies: yesNo(value.allowCopies),
    connectTimeout: formatDuration(value.timeouts.connectMs),
    headersTimeout: formatDuration(value.timeouts.headersMs),
    idleTimeout: formatDuration(value.timeouts.idleMs),
  }
}

function withoutCredentials(proxy: string): string {
  const url = new URL(proxy)
  return `${url.protocol}//${url.username === '' ? '' : '…@'}${url.host}`
}
