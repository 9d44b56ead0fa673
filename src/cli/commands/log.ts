import type { RunRow, SnapshotRow, VersionRow } from '../../catalog/catalog.ts'
import type { Entry } from '../../model/entry.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { readEntries } from '../entry-lookup.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatDuration, formatTime, plural, safe } from '../format.ts'
import { type RecordLine, recordLines } from '../record-lines.ts'
import type { Theme } from '../theme.ts'
import { type ChainLine, linesOf } from '../version-chain.ts'
import { whatChanged } from '../version-changes.ts'
import { provenance } from '../version-provenance.ts'
import { changesOf, snapshotRecord } from './snapshots.ts'

export const log: CliCommand = {
  name: 'log',
  summary: 'the history of the account, or of one asset; newest first',
  group: 'look',
  operands: [['[ASSET]', 'asset_id, public_id, resource_type/type/public_id or library path']],
  options: [{ flags: '--limit <N>', help: 'the newest so many (20)' }],
  notes: `Of the account: snapshots and runs, and what else was done: restores, imports, prunes, purges, drills. Of an asset:
its states and those of earlier assets of its name, imports and purges that speak of them.`,
  run: (call) => (call.operands[0] === undefined ? accountLog(call) : assetLog(call, call.operands[0])),
}

const limitOf = (call: Call): number => call.options.count('limit') ?? 20

/** A line of the log: for programs a type and its fields, for people words. */
interface LogLine {
  readonly at: string
  readonly type: string
  readonly fields: object
  readonly words: string
}

async function accountLog(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const { theme } = out
  const limit = limitOf(call)
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const { cloud, snapshots, runs } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    return { cloud: chosen, snapshots: await reader.snapshots(chosen), runs: await reader.runs(chosen, 1000) }
  })
  const records = await recordLines(await ctx.vault(), { cloud, limit, signal })
  const lines: LogLine[] = [
    ...snapshots.map((row) => ({
      at: row.snapshot.takenAt,
      type: 'snapshot',
      fields: snapshotRecord(row),
      words: snapshotWords(row, theme),
    })),
    // Runs that made a snapshot are told by it; the others have a story of their own.
    ...runs
      .filter((run) => run.snapshotId === null)
      .map((run) => ({ at: run.startedAt, type: 'run', fields: run, words: runWords(run, theme) })),
    ...records.map((line) => ({ ...line, words: recordWords(line, theme) })),
  ]
  const newest = lines.sort((a, b) => b.at.localeCompare(a.at)).slice(0, limit)
  for (const { type, fields, words } of newest) {
    out.record(type, fields)
    out.line(words)
  }
  return { exit: EXIT.done, summary: { cloud, lines: newest.length } }
}

function snapshotWords(row: SnapshotRow, theme: Theme): string {
  const { snapshot } = row
  const mark = snapshot.complete ? theme.ok(theme.marks.ok) : theme.warn(theme.marks.warn)
  const took = Date.parse(snapshot.takenAt) - Date.parse(snapshot.startedAt)
  const fetched = snapshot.totals.fetchedBytes > 0 ? ` (${formatBytes(snapshot.totals.fetchedBytes)})` : ''
  return `${mark} ${formatTime(snapshot.takenAt)}  ${theme.accent(snapshot.id)}  ${changesOf(row)}${fetched}  ${theme.dim(`${plural(snapshot.assets, 'asset')}, took ${formatDuration(took)}`)}`
}

function runWords(run: RunRow, theme: Theme): string {
  const mark = run.status === 'running' ? theme.accent(theme.marks.dot) : theme.bad(theme.marks.bad)
  const words: Readonly<Record<RunRow['status'], string>> = {
    running: 'not finished; the next backup goes on with it',
    interrupted: 'interrupted; the next backup goes on with it',
    guard: 'stopped by the guard',
    failed: 'failed',
    partial: 'partial',
    done: 'done',
  }
  return `${mark} ${formatTime(run.startedAt)}  ${run.command}  ${words[run.status]}${run.message ? theme.dim(`  ${safe(run.message)}`) : ''}`
}

const recordWords = ({ mark, at, words }: RecordLine, theme: Theme): string =>
  `${theme[mark](theme.marks[mark])} ${formatTime(at)}  ${words}`

async function assetLog(call: Call, text: string): Promise<Result> {
  const { out, settings, signal } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const vault = await ctx.vault()
  const { found, snapshots } = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    return { found: await findAsset(reader, cloud, text), snapshots: await reader.snapshots(cloud) }
  })
  const { cloud } = found.version
  const entries = await readEntries({ vault, snapshots, signal, onLoss: () => undefined }, found.versions)
  const events = linesOf(found.parts, snapshots).map((line) => eventOf(line, entries))
  const lines = [...withTimes(events), ...deedsOf(found.versions)]
  // Stable, so that what has the same time keeps its order.
  const newest = lines
    .sort((a, b) => a.at.localeCompare(b.at))
    .reverse()
    .slice(0, limitOf(call))
  for (const { at, type, fields, words } of newest) {
    out.record(type, fields)
    out.line(`${out.theme.dim(at === '' ? '?' : formatTime(at))}  ${words}`)
  }
  return { exit: EXIT.done, summary: { cloud, assetId: found.assetId, versions: found.versions.length } }
}

function eventOf(line: ChainLine, entries: ReadonlyMap<VersionRow, Entry>): LogLine {
  switch (line.kind) {
    case 'version': {
      const described = (row: VersionRow) => ({ row, entry: entries.get(row) ?? null })
      const { row, before, ordinal } = line
      const change = whatChanged(before && described(before), described(row))
      return {
        at: row.since ?? (row.origin === 'import' ? '' : row.capturedAt),
        type: 'version',
        fields: { ordinal, ...assetRecord(row) },
        words: [change, ...provenance({ ...row, purged: null })].join('  '),
      }
    }
    case 'gone':
      return { at: line.at ?? '', type: 'gone', fields: { at: line.at }, words: 'gone from the account' }
    case 'moved': {
      const to = line.to.publicId
      const fields = { at: line.at, assetId: line.assetId, to }
      return { at: line.at ?? '', type: 'moved', fields, words: `${line.assetId} renamed to ${safe(to)}` }
    }
    case 'again': {
      const words = line.isSame ? 'there again' : `created again as ${line.assetId}`
      return { at: line.at, type: 'again', fields: { at: line.at, assetId: line.assetId }, words }
    }
  }
}

/** What has no time, or one of a clock that ran backwards, stays behind what comes before it. */
function withTimes(events: readonly LogLine[]): readonly LogLine[] {
  let latest = ''
  return events.map((event) => {
    if (event.at > latest) latest = event.at
    return { ...event, at: latest }
  })
}

/** Purges of these versions, told once each. */
function deedsOf(versions: readonly VersionRow[]): readonly LogLine[] {
  const purges = new Map<string, { readonly reason: string; readonly rows: VersionRow[] }>()
  for (const row of versions) {
    if (row.purged === null) continue
    const purge = purges.get(row.purged.at)
    if (purge === undefined) purges.set(row.purged.at, { reason: row.purged.reason, rows: [row] })
    else purge.rows.push(row)
  }
  return [...purges].map(([at, { reason, rows }]) => ({
    at,
    type: 'purge',
    fields: { at, reason, versions: rows.map(({ assetId, version }) => ({ assetId, version })) },
    words: `purged ${plural(rows.length, 'version')}: ${rows.map((row) => row.version).join(', ')}${reason === '' ? '' : `  ${safe(reason)}`}`,
  }))
}
