import type { RunRow, SnapshotRow } from '../../catalog/catalog.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { findAsset } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatDuration, formatTime, plural, safe } from '../format.ts'
import type { Theme } from '../theme.ts'
import { whatChanged } from '../version-changes.ts'
import { changesOf, snapshotRecord } from './snapshots.ts'

export const log: CliCommand = {
  name: 'log',
  summary: 'the history of the account, or of one asset; newest first',
  group: 'look',
  operands: [['[ASSET]', 'asset_id, public_id, resource_type/type/public_id or library path']],
  options: [{ flags: '--limit <N>', help: 'the newest so many (20)' }],
  run: (call) => (call.operands[0] === undefined ? accountLog(call) : assetLog(call, call.operands[0])),
}

const limitOf = (call: Call): number => call.options.count('limit') ?? 20

async function accountLog(call: Call): Promise<Result> {
  const { out, settings } = call
  const catalog = await (await call.context()).catalog()
  const { cloud, snapshots, runs } = await catalog.read(async (reader) => {
    const chosen = await chooseCloud(reader, settings.config)
    return { cloud: chosen, snapshots: await reader.snapshots(chosen), runs: await reader.runs(chosen, 1000) }
  })
  const lines = [
    ...snapshots.map((row) => ({ at: row.snapshot.takenAt, snapshot: row, run: null })),
    // Runs that made a snapshot are told by it; the others have a story of their own.
    ...runs.filter((run) => run.snapshotId === null).map((run) => ({ at: run.startedAt, snapshot: null, run })),
  ]
    .sort((a, b) => b.at.localeCompare(a.at))
    .slice(0, limitOf(call))
  for (const line of lines) {
    if (line.snapshot) {
      out.record('snapshot', snapshotRecord(line.snapshot))
      out.line(snapshotLine(line.snapshot, out.theme))
    } else if (line.run) {
      out.record('run', line.run)
      out.line(runLine(line.run, out.theme))
    }
  }
  return { exit: EXIT.done, summary: { cloud, lines: lines.length } }
}

function snapshotLine(row: SnapshotRow, theme: Theme): string {
  const { snapshot } = row
  const mark = snapshot.complete ? theme.ok(theme.marks.ok) : theme.warn(theme.marks.warn)
  const took = Date.parse(snapshot.takenAt) - Date.parse(snapshot.startedAt)
  const fetched = snapshot.totals.fetchedBytes > 0 ? ` (${formatBytes(snapshot.totals.fetchedBytes)})` : ''
  return `${mark} ${formatTime(snapshot.takenAt)}  ${theme.accent(snapshot.id)}  ${changesOf(row)}${fetched}  ${theme.dim(`${plural(snapshot.assets, 'asset')}, took ${formatDuration(took)}`)}`
}

function runLine(run: RunRow, theme: Theme): string {
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

async function assetLog(call: Call, text: string): Promise<Result> {
  const { out, settings } = call
  const { theme } = out
  const catalog = await (await call.context()).catalog()
  const { found, snapshots } = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    return { found: await findAsset(reader, cloud, text), snapshots: await reader.snapshots(cloud) }
  })
  const { versions } = found
  const takenAt = (seq: number): string => snapshots.find((row) => row.seq === seq)?.snapshot.takenAt ?? ''
  const lines = versions.flatMap((row, i) => {
    const event = {
      at: row.capturedAt,
      text: whatChanged(versions[i - 1] ?? null, row),
      record: { ordinal: i + 1, ...assetRecord(row) },
    }
    const until = row.untilSeq
    // A version that ends where no other begins means that the asset was gone from then on.
    const gone = until !== null && versions[i + 1]?.fromSeq !== until
    return gone ? [event, { at: takenAt(until), text: 'gone from the account', record: null }] : [event]
  })
  for (const line of lines.toReversed().slice(0, limitOf(call))) {
    if (line.record) out.record('version', line.record)
    else out.record('gone', { at: line.at })
    out.line(`${theme.dim(line.at === '' ? '?' : formatTime(line.at))}  ${line.text}`)
  }
  return { exit: EXIT.done, summary: { cloud: found.version.cloud, assetId: found.assetId, versions: versions.length } }
}
