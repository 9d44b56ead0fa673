import type { VersionRow } from '../../catalog/catalog.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatTime, safe } from '../format.ts'
import { type Column, renderTable } from '../table.ts'
import { whatChanged } from '../version-changes.ts'

export const versions: CliCommand = {
  name: 'versions',
  summary: 'list the versions of one asset',
  group: 'look',
  operands: [['<ASSET>', 'asset_id, public_id, resource_type/type/public_id or library path']],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings } = call
  const { theme } = out
  const catalog = await (await call.context()).catalog()
  const found = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    return await findAsset(reader, cloud, call.operands[0] ?? '')
  })
  found.versions.forEach((row, i) => {
    out.record('version', { ordinal: i + 1, ...assetRecord(row) })
  })
  const newest = found.versions.at(-1) ?? found.version
  const gone = newest.untilSeq === null ? '' : theme.warn('  gone from the account')
  out.line(
    `${theme.strong(safe(newest.publicId))}  ${theme.dim(`${newest.resourceType}/${newest.type}  ${newest.assetId}`)}${gone}`,
  )
  const columns: Column[] = [
    { title: '#', align: 'right' },
    { title: 'version', paint: theme.accent },
    { title: 'kept' },
    { title: 'cld_version', paint: theme.dim },
    { title: 'size', align: 'right' },
    { title: 'change', flexible: true },
  ]
  const cells = found.versions.map((row, i) => line(row, found.versions[i - 1] ?? null, i + 1))
  for (const text of renderTable(columns, cells, { width: out.width, head: theme.dim })) out.line(text)
  return { exit: EXIT.done, summary: { cloud: newest.cloud, assetId: found.assetId, versions: found.versions.length } }
}

const line = (row: VersionRow, before: VersionRow | null, ordinal: number): string[] => [
  String(ordinal),
  row.version,
  formatTime(row.capturedAt),
  `v${row.cldVersion}`,
  row.size === null ? 'record' : formatBytes(row.size),
  whatChanged(before, row),
]
