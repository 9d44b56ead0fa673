import type { VersionRow } from '../../catalog/catalog.ts'
import type { Entry } from '../../model/entry.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { type FoundAsset, findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { readEntries } from '../entry-lookup.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatTime, safe } from '../format.ts'
import { type Column, renderTable } from '../table.ts'
import { type ChainLine, linesOf } from '../version-chain.ts'
import { fieldChanges, fieldRecord, whatChanged } from '../version-changes.ts'
import { provenance } from '../version-provenance.ts'

export const versions: CliCommand = {
  name: 'versions',
  summary: 'list the versions of one asset, and what changed from each to the next',
  group: 'look',
  operands: [['<ASSET>', 'asset_id, public_id, resource_type/type/public_id or library path']],
  options: [{ flags: '--this-asset-only', help: 'leave out the assets that bore the same name before it' }],
  notes: `The number of a version works as ASSET@NUMBER in get, show, restore and purge. 1 is the oldest, of the first
asset that bore the name. Versions from before the first backup come from cloudkeep import-history.

  cloudkeep versions products/chair
  cloudkeep get products/chair@1`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, signal, options } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const { found, snapshots } = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    const thisAssetOnly = options.flag('thisAssetOnly')
    return {
      found: await findAsset(reader, cloud, call.operands[0] ?? '', { thisAssetOnly }),
      snapshots: await reader.snapshots(cloud),
    }
  })
  let isWhole = true
  const onLoss = (): void => {
    isWhole = false
  }
  const entries = await readEntries({ vault: await ctx.vault(), snapshots, signal, onLoss }, found.versions)
  const lines = linesOf(found.parts, snapshots)
  for (const line of lines) tellProgram(call, line, entries)
  tellPeople(call, found, lines, entries)
  if (!isWhole) out.say(out.talk.warn('some records are damaged, so not every change is told; see cloudkeep verify'))
  const newest = found.versions.at(-1) ?? found.version
  return { exit: EXIT.done, summary: { cloud: newest.cloud, assetId: found.assetId, versions: found.versions.length } }
}

type Entries = ReadonlyMap<VersionRow, Entry>
const described = (row: VersionRow, entries: Entries) => ({ row, entry: entries.get(row) ?? null })

function tellProgram({ out }: Call, line: ChainLine, entries: Entries): void {
  if (line.kind !== 'version') {
    const { kind, assetId, at } = line
    out.record(kind, { assetId, at, ...(line.kind === 'moved' ? { to: line.to.publicId } : {}) })
    return
  }
  const { row, ordinal, before } = line
  const fields = before === null ? [] : fieldChanges(described(before, entries), described(row, entries))
  out.record('version', { ordinal, ...assetRecord(row), fields: fields.map(fieldRecord) })
}

function tellPeople({ out }: Call, found: FoundAsset, lines: readonly ChainLine[], entries: Entries): void {
  const { theme } = out
  const newest = found.versions.at(-1) ?? found.version
  const gone = newest.untilSeq === null ? '' : theme.warn('  gone from the account')
  out.line(
    `${theme.strong(safe(newest.publicId))}  ${theme.dim(`${newest.resourceType}/${newest.type}  ${newest.assetId}`)}${gone}`,
  )
  const columns: Column[] = [
    { title: '#', align: 'right' },
    { title: 'version', paint: theme.accent },
    { title: 'since' },
    { title: 'cld_version', paint: theme.dim },
    { title: 'size', align: 'right' },
    { title: 'change', flexible: true },
  ]
  const cells = lines.map((line) => cellsOf(line, entries))
  for (const text of renderTable(columns, cells, { width: out.width, head: theme.dim })) out.line(text)
}

function cellsOf(line: ChainLine, entries: Entries): string[] {
  const between = (at: string | null, words: string): string[] => ['', '', time(at), '', '', words]
  switch (line.kind) {
    case 'gone':
      return between(line.at, 'gone from the account')
    case 'moved':
      return between(line.at, `${line.assetId} renamed to ${safe(line.to.publicId)}`)
    case 'again':
      return between(line.at, line.isSame ? 'there again' : `created again as ${line.assetId}`)
    case 'version': {
      const { row, before, ordinal } = line
      const change = whatChanged(before && described(before, entries), described(row, entries))
      return [
        String(ordinal),
        row.version,
        time(row.since ?? row.capturedAt),
        `v${row.cldVersion}`,
        row.size === null ? 'record' : formatBytes(row.size),
        [change, ...provenance(row)].join('  '),
      ]
    }
  }
}

const time = (at: string | null): string => (at === null || at === '' ? '?' : formatTime(at))
