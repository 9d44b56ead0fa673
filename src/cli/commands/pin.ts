import type { SnapshotRow } from '../../catalog/catalog.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import type { Vault } from '../../vault/vault.ts'
import { chooseCloud } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatTime, safe } from '../format.ts'
import { findSnapshot } from '../snapshot-ref.ts'

const SNAPSHOT = ['<SNAPSHOT>', 'latest, first, an id or its beginning, or a time'] as const

export const pin: CliCommand = {
  name: 'pin',
  summary: 'keep a snapshot whatever the rules of retention say',
  group: 'keep',
  operands: [SNAPSHOT],
  options: [{ flags: '--reason <TEXT>', help: 'why; retention shows it' }],
  notes: `  cloudkeep pin latest --reason 'before the relaunch'`,
  run: (call) =>
    withSnapshot(call, 'pin', async (row, hands) => {
      const { pinSnapshot } = await import('../../maintenance/prune/pins.ts')
      const { out, options, signal } = call
      const ctx = await call.context()
      const { id, cloud, takenAt } = row.snapshot
      const reason = options.text('reason') ?? ''
      const made = { format: 1, snapshot: id, cloud, at: ctx.now().toISOString(), reason, tool: ctx.tool } as const
      await pinSnapshot(hands, made, signal)
      out.line(
        `${out.theme.ok(out.theme.marks.ok)} ${out.theme.accent(id)} of ${formatTime(takenAt)} is pinned${reason === '' ? '' : `: ${safe(reason)}`}`,
      )
      return { exit: EXIT.done, summary: { cloud, snapshot: id, reason } }
    }),
}

export const unpin: CliCommand = {
  name: 'unpin',
  summary: 'let the rules of retention decide about a snapshot again',
  group: 'keep',
  operands: [SNAPSHOT],
  run: (call) =>
    withSnapshot(call, 'unpin', async (row, hands) => {
      const { unpinSnapshot } = await import('../../maintenance/prune/pins.ts')
      const { out, signal } = call
      const { id, cloud, takenAt } = row.snapshot
      const wasPinned = await unpinSnapshot(hands, { cloud, snapshot: id }, signal)
      const said = wasPinned ? 'is not pinned any more' : 'was not pinned'
      out.line(`${out.theme.ok(out.theme.marks.ok)} ${out.theme.accent(id)} of ${formatTime(takenAt)} ${said}`)
      return { exit: EXIT.done, summary: { cloud, snapshot: id, wasPinned } }
    }),
}

/** Under the lock of prune: a prune that has read the pins must not take what is pinned a moment later. */
async function withSnapshot(
  call: Call,
  command: string,
  work: (row: SnapshotRow, hands: { readonly vault: Vault; readonly sweeper: Sweeper }) => Promise<Result>,
): Promise<Result> {
  const { openSweeper } = await import('../../vault/sweeper.ts')
  const ctx = await call.context()
  const vault = await ctx.vault()
  const lock = await ctx.lock(command, 'prune')
  try {
    const catalog = await ctx.catalog()
    const row = await catalog.read(async (reader) => {
      const cloud = await chooseCloud(reader, call.settings.config)
      return findSnapshot(await reader.snapshots(cloud), call.operands[0] ?? '')
    })
    return await work(row, { vault, sweeper: openSweeper(vault.store) })
  } finally {
    await lock.release()
  }
}
