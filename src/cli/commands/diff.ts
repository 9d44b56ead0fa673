import type { DiffRow, SnapshotRow, VersionRow } from '../../catalog/catalog.ts'
import { kindOfChange } from '../../catalog/change.ts'
import type { Entry } from '../../model/entry.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import { type FoundAsset, findAsset, stateAt } from '../asset-ref.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { type EntrySource, readEntries } from '../entry-lookup.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatCount, safe } from '../format.ts'
import { findSnapshot, matchSnapshot, parseTime } from '../snapshot-ref.ts'
import type { Theme } from '../theme.ts'
import { type FieldChange, fieldChanges, fieldRecord } from '../version-changes.ts'

/** Rows whose records are looked up together. */
const TOGETHER = 500

export const diff: CliCommand = {
  name: 'diff',
  summary: 'what changed between two snapshots, in the account or in one asset',
  group: 'look',
  operands: [
    ['<A>', 'a snapshot id, a date, first or latest'],
    ['[B]', 'a snapshot id, a date, first or latest (latest)'],
    ['[ASSET]', 'only this asset: asset_id, public_id, resource_type/type/public_id or library path'],
  ],
  notes: `  cloudkeep diff 2026-10-01
  cloudkeep diff first latest
  cloudkeep diff 2026-10-01 latest products/chair`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, operands, settings, signal } = call
  const ctx = await call.context()
  const catalog = await ctx.catalog()
  const vault = await ctx.vault()
  const counts: Record<DiffRow['kind'], number> = { added: 0, replaced: 0, renamed: 0, relabelled: 0, removed: 0 }
  let isWhole = true
  const onLoss = (): void => {
    isWhole = false
  }
  const summary = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    const snapshots = await reader.snapshots(cloud)
    const [from, to] = [operands[0] ?? 'first', operands[1] ?? 'latest']
    const rows =
      operands[2] === undefined
        ? reader.diff(cloud, findSnapshot(snapshots, from).seq, findSnapshot(snapshots, to).seq)
        : ofAsset(await findAsset(reader, cloud, operands[2]), { from, to, snapshots })
    for await (const { row, fields } of withFields({ vault, snapshots, signal, onLoss }, rows)) {
      counts[row.kind] += 1
      tell(call, row, fields)
    }
    const id = (word: string): string => matchSnapshot(snapshots, word)?.snapshot.id ?? word
    return { cloud, from: id(from), to: id(to), ...counts }
  })
  const told = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${formatCount(count)} ${kind}`)
  out.say(out.talk.dim(`${summary.from} → ${summary.to}: ${told.join(', ') || 'no difference'}`))
  if (!isWhole) out.say(out.talk.warn('some records are damaged, so not every change is told; see cloudkeep verify'))
  return { exit: EXIT.done, summary }
}

/**
 * What became of one asset, or of the assets that bore its name, from one moment to the other. History reaches further
 * back than the snapshots, so a time before the first of them is none too early.
 */
async function* ofAsset(
  { versions }: FoundAsset,
  { from, to, snapshots }: { readonly from: string; readonly to: string; readonly snapshots: readonly SnapshotRow[] },
): AsyncIterable<DiffRow> {
  for (const word of [from, to]) if (parseTime(word) === null) findSnapshot(snapshots, word)
  const before = stateAt(versions, from, snapshots)
  const after = stateAt(versions, to, snapshots)
  const row = after ?? before
  if (row === null || before?.version === after?.version) return
  const { assetId } = row
  if (before === null || after === null) yield { assetId, kind: after === null ? 'removed' : 'added', before, after }
  else yield { assetId, kind: kindOfChange(before, after), before, after }
}

interface Told {
  readonly row: DiffRow
  readonly fields: readonly FieldChange[]
}

/** Of what is there on both sides every field is compared, and for that the whole records are read. */
async function* withFields(source: EntrySource, rows: AsyncIterable<DiffRow>): AsyncIterable<Told> {
  let together: DiffRow[] = []
  const flush = async (): Promise<readonly Told[]> => {
    const changed = together.filter(({ before, after }) => before !== null && after !== null)
    const versions = changed.flatMap(({ before, after }) => [before, after]).filter((row) => row !== null)
    const entries = await readEntries(source, versions)
    const told = together.map((row) => ({ row, fields: fieldsOf(row, entries) }))
    together = []
    return told
  }
  for await (const row of rows) {
    source.signal.throwIfAborted()
    together.push(row)
    if (together.length >= TOGETHER) yield* await flush()
  }
  yield* await flush()
}

function fieldsOf({ before, after }: DiffRow, entries: ReadonlyMap<VersionRow, Entry>): readonly FieldChange[] {
  if (before === null || after === null) return []
  const described = (row: VersionRow) => ({ row, entry: entries.get(row) ?? null })
  return fieldChanges(described(before), described(after))
}

function tell({ out, operands }: Call, row: DiffRow, fields: readonly FieldChange[]): void {
  const { kind, assetId, before, after } = row
  out.record('change', {
    kind,
    assetId,
    before: before && assetRecord(before),
    after: after && assetRecord(after),
    fields: fields.map(fieldRecord),
  })
  const words = fields.map((field) => field.words)
  if (operands[2] === undefined) {
    out.line(`${headOf(row, out.theme)}${words.length === 0 ? '' : out.theme.dim(`  ${words.join(', ')}`)}`)
    return
  }
  // Of one asset there is room for a line each.
  out.line(headOf(row, out.theme))
  for (const text of words) out.line(`    ${text}`)
}

function headOf({ kind, before, after }: DiffRow, theme: Theme): string {
  const name = safe((after ?? before)?.path ?? (after ?? before)?.publicId ?? '?')
  const size = after?.size ?? before?.size ?? null
  const amount = size === null ? '' : theme.dim(`  ${formatBytes(size)}`)
  switch (kind) {
    case 'added':
      return `${theme.ok('+ added')}       ${name}${amount}`
    case 'removed':
      return `${theme.bad('- removed')}     ${name}${amount}`
    case 'replaced':
      return `${theme.warn('~ replaced')}    ${name}`
    case 'renamed':
      return `${theme.accent('> renamed')}     ${name}`
    case 'relabelled':
      return `${theme.accent('= relabelled')}  ${name}`
  }
}
