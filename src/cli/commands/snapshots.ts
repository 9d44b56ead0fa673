import type { SnapshotRow } from '../../catalog/catalog.ts'
import { isAppError } from '../../model/errors.ts'
import { chooseCloud, isAskedFor } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatAge, formatBytes, formatCount, formatTime } from '../format.ts'
import { type Column, renderTable } from '../table.ts'

export const snapshots: CliCommand = {
  name: 'snapshots',
  summary: 'list the states that can be gone back to',
  group: 'look',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    { flags: '--failed', help: 'name what could not be kept, by snapshot' },
    { flags: '--limit <N>', help: 'the newest so many' },
  ],
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, options } = call
  const limit = options.count('limit')
  const catalog = await (await call.context()).catalog()
  const rows = await catalog.read(async (reader) => {
    const clouds = isAskedFor(settings.config) ? [await chooseCloud(reader, settings.config)] : await reader.clouds()
    const all: SnapshotRow[] = []
    for (const cloud of clouds) {
      const ofCloud = await reader.snapshots(cloud)
      all.push(...(limit === undefined ? ofCloud : ofCloud.slice(-limit)))
    }
    return all
  })
  const pinned = await pinnedAmong(call, rows)
  for (const row of rows) out.record('snapshot', { ...snapshotRecord(row), pinned: pinned.has(row.snapshot.id) })
  if (rows.length === 0) out.say(out.talk.dim('no snapshot yet; cloudkeep backup makes the first one'))
  else if (options.flag('failed')) await printFailures(call, rows)
  else printTable(call, rows, pinned)
  return { exit: EXIT.done, summary: { snapshots: rows.length } }
}

/** A snapshot as programs read it: its head, without the list of segments. */
export const snapshotRecord = ({ snapshot, key }: SnapshotRow): object => {
  const { segments, format: _, ...head } = snapshot
  return { key, ...head, segments: segments.length }
}

/** Ids of the snapshots that no rule of retention may take. */
async function pinnedAmong(call: Call, rows: readonly SnapshotRow[]): Promise<ReadonlySet<string>> {
  const { readPins } = await import('../../maintenance/prune/pins.ts')
  const vault = await (await call.context()).vault()
  const pinned = new Set<string>()
  for (const cloud of new Set(rows.map((row) => row.snapshot.cloud))) {
    try {
      for (const id of (await readPins(vault, cloud, call.signal)).keys()) pinned.add(id)
    } catch (error) {
      if (!isAppError(error, 'KEY_MISSING')) throw error
      call.out.say(call.out.talk.dim('a pin was written elsewhere, encrypted: which snapshot it holds needs a key'))
    }
  }
  return pinned
}

function printTable({ out, now }: Call, rows: readonly SnapshotRow[], pinned: ReadonlySet<string>): void {
  const { theme } = out
  const several = new Set(rows.map((row) => row.snapshot.cloud)).size > 1
  const columns: Column[] = [
    ...(several ? [{ title: 'account' }] : []),
    { title: 'snapshot', paint: theme.accent },
    { title: 'taken' },
    { title: 'age', paint: theme.dim },
    { title: 'assets', align: 'right' },
    { title: 'size', align: 'right' },
    { title: 'changed', flexible: true },
  ]
  const cells = rows.map((row) => {
    const { snapshot } = row
    return [
      ...(several ? [snapshot.cloud] : []),
      snapshot.id,
      formatTime(snapshot.takenAt),
      formatAge(snapshot.takenAt, now()),
      formatCount(snapshot.assets),
      formatBytes(snapshot.bytes),
      `${pinned.has(snapshot.id) ? 'pinned, ' : ''}${changesOf(row)}`,
    ]
  })
  for (const line of renderTable(columns, cells, { width: out.width, head: theme.dim })) out.line(line)
}

/** `12 fetched, 3 relabelled, 1 gone, 2 failed`; a partial snapshot says so first. */
export function changesOf({ snapshot }: SnapshotRow): string {
  const { totals } = snapshot
  const parts = [
    snapshot.complete ? '' : 'partial',
    totals.fetched > 0 ? `${formatCount(totals.fetched)} fetched` : '',
    totals.relabelled > 0 ? `${formatCount(totals.relabelled)} relabelled` : '',
    totals.renamed > 0 ? `${formatCount(totals.renamed)} renamed` : '',
    totals.gone > 0 ? `${formatCount(totals.gone)} gone` : '',
    totals.failed > 0 ? `${formatCount(totals.failed)} failed` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

async function printFailures(call: Call, rows: readonly SnapshotRow[]): Promise<void> {
  const { readFailures } = await import('../stored-failures.ts')
  const { renderFailure } = await import('../backup-report.ts')
  const { out, signal } = call
  const vault = await (await call.context()).vault()
  for (const { snapshot } of rows) {
    if (snapshot.failures === null) continue
    out.line(
      `${out.theme.accent(snapshot.id)}  ${formatTime(snapshot.takenAt)}  ${out.theme.bad(`${formatCount(snapshot.totals.failed)} failed`)}`,
    )
    for await (const failure of readFailures(vault, snapshot.failures, signal)) {
      for (const line of renderFailure(failure, out.theme, out.width)) out.line(line)
    }
  }
}
