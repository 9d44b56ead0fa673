import type { DiffRow } from '../../catalog/catalog.ts'
import { chooseCloud } from '../account-choice.ts'
import { assetRecord } from '../asset-record.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, formatCount, safe } from '../format.ts'
import { findSnapshot } from '../snapshot-ref.ts'
import type { Theme } from '../theme.ts'
import { whatChanged } from '../version-changes.ts'

export const diff: CliCommand = {
  name: 'diff',
  summary: 'what changed between two snapshots',
  group: 'look',
  operands: [
    ['<A>', 'a snapshot id or a date'],
    ['[B]', 'a snapshot id or a date (latest)'],
  ],
  notes: `  cloudkeep diff 2026-10-01
  cloudkeep diff first latest`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, operands, settings, signal } = call
  const catalog = await (await call.context()).catalog()
  const counts: Record<DiffRow['kind'], number> = { added: 0, replaced: 0, renamed: 0, relabelled: 0, removed: 0 }
  const summary = await catalog.read(async (reader) => {
    const cloud = await chooseCloud(reader, settings.config)
    const snapshots = await reader.snapshots(cloud)
    const from = findSnapshot(snapshots, operands[0] ?? 'first')
    const to = findSnapshot(snapshots, operands[1] ?? 'latest')
    for await (const row of reader.diff(cloud, from.seq, to.seq)) {
      signal.throwIfAborted()
      counts[row.kind] += 1
      out.record('change', {
        kind: row.kind,
        assetId: row.assetId,
        before: row.before && assetRecord(row.before),
        after: row.after && assetRecord(row.after),
      })
      out.line(diffLine(row, out.theme))
    }
    return { cloud, from: from.snapshot.id, to: to.snapshot.id, ...counts }
  })
  const told = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${formatCount(count)} ${kind}`)
  out.say(out.talk.dim(`${summary.from} → ${summary.to}: ${told.join(', ') || 'no difference'}`))
  return { exit: EXIT.done, summary }
}

function diffLine({ kind, before, after }: DiffRow, theme: Theme): string {
  const name = safe((after ?? before)?.path ?? (after ?? before)?.publicId ?? '?')
  const size = after?.size ?? before?.size ?? null
  const amount = size === null ? '' : theme.dim(`  ${formatBytes(size)}`)
  switch (kind) {
    case 'added':
      return `${theme.ok('+ added')}       ${name}${amount}`
    case 'removed':
      return `${theme.bad('- removed')}     ${name}${amount}`
    case 'replaced':
      return `${theme.warn('~ replaced')}    ${name}${detail(before, after, theme)}`
    case 'renamed':
      return `${theme.accent('> renamed')}     ${name}${detail(before, after, theme)}`
    case 'relabelled':
      return `${theme.accent('= relabelled')}  ${name}${detail(before, after, theme)}`
  }
}

function detail(before: DiffRow['before'], after: DiffRow['after'], theme: Theme): string {
  if (before === null || after === null) return ''
  const words = whatChanged(before, after)
  const colon = words.indexOf(': ')
  return colon < 0 ? '' : theme.dim(`  ${words.slice(colon + 2)}`)
}
