import type { PruneOptions, PrunePlan, SnapshotPlans } from '../../maintenance/prune/plan.ts'
import type { PruneReport } from '../../maintenance/prune/prune.ts'
import { isEmptyPolicy } from '../../maintenance/prune/retention.ts'
import { AppError } from '../../model/errors.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { confirm } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import { plural } from '../format.ts'
import { RETENTION_NOTES, RETENTION_OPTIONS, readRetention } from '../retention-options.ts'
import { removedIn, renderOutlook, renderPlan, renderPruned, sweptRecord, verdictRecords } from '../retention-report.ts'
import { checkCloud, makePlan } from './retention.ts'

export const prune: CliCommand = {
  name: 'prune',
  summary: 'take away the snapshots that no rule keeps, and then what nothing names any more',
  group: 'keep',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: [
    { flags: '-n, --dry-run', help: 'show the plan and change nothing' },
    ...RETENTION_OPTIONS,
    { flags: '--yes', help: 'do not ask' },
  ],
  notes: `${RETENTION_NOTES}

A backup may run meanwhile. What nothing names goes to the trash first and is deleted by a later prune, when it has
been there for --grace. With --keep-within forever no snapshot goes, and only what nothing names is taken away.

  cloudkeep prune --keep-daily 14 --keep-weekly 8 --keep-monthly 24 --keep-gone 1y`,
  outlivesPipe: true,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, options, signal } = call
  const asked = readRetention(call)
  if (isEmptyPolicy(asked.policy.snapshots)) {
    throw new AppError('USAGE', 'no rule says how long snapshots stay, so nothing is taken away', {
      hint: 'give one, such as --keep-daily 14, or write a section "retention" into the config file; cloudkeep retention shows what it does',
    })
  }
  if (options.flag('dryRun')) return show(call, await makePlan(call), asked)
  const ctx = await call.context()
  const lock = await ctx.lock('prune', 'prune')
  try {
    const shown = options.flag('yes') ? await makeShortPlan(call, asked) : await showFirst(call, asked)
    const plan = await withoutHeld(call, shown)
    const removed = removedIn(plan.accounts)
    await confirm(out, { what: `${plural(removed, 'snapshot')} will be removed`, isGiven: options.flag('yes'), signal })
    const report = await apply(call, plan, asked)
    out.record('objects', sweptRecord(report.swept))
    for (const line of renderPruned(report, { theme: out.theme, graceMs: asked.graceMs })) out.line(line)
    return {
      exit: EXIT.done,
      summary: { ...countsOf(plan), ...retainedOf(report), objects: sweptRecord(report.swept) },
    }
  } finally {
    await lock.release()
  }
}

function show({ out }: Call, plan: PrunePlan, asked: PruneOptions): Result {
  for (const verdict of verdictRecords(plan)) out.record('snapshot', verdict)
  for (const line of renderPlan(plan, out)) out.line(line)
  for (const line of renderOutlook(plan, { theme: out.theme, graceMs: asked.graceMs })) out.line(line)
  return { exit: EXIT.done, summary: { ...countsOf(plan), ...retainedOf(plan), objects: sweptRecord(plan.swept) } }
}

/** A person decides by what is freed, which only reading everything tells. */
async function showFirst(call: Call, asked: PruneOptions): Promise<SnapshotPlans> {
  const plan = await makePlan(call)
  show(call, plan, asked)
  return plan
}

/** What is held stays, whatever the rules say; where all that should go is held, nothing is begun. */
async function withoutHeld({ out, signal, context }: Call, plan: SnapshotPlans): Promise<SnapshotPlans> {
  const { refuseOrKeepHeld } = await import('../../held-keys.ts')
  const { plan: rest, kept, why } = await refuseOrKeepHeld(await (await context()).place(), plan, signal)
  if (kept > 0) out.say(out.talk.warn(`${out.talk.marks.warn} ${plural(kept, 'snapshot')} stay: ${why}`))
  return rest
}

async function makeShortPlan(call: Call, asked: PruneOptions): Promise<SnapshotPlans> {
  const { planSnapshots } = await import('../../maintenance/prune/plan.ts')
  await checkCloud(call, asked)
  const ctx = await call.context()
  const plan = await planSnapshots({ vault: await ctx.vault(), now: ctx.now }, asked, call.signal)
  for (const verdict of verdictRecords(plan)) call.out.record('snapshot', verdict)
  return plan
}

function countsOf({ accounts }: SnapshotPlans): { snapshots: number; kept: number; removed: number } {
  const snapshots = accounts.reduce((sum, { verdicts }) => sum + verdicts.length, 0)
  const removed = removedIn(accounts)
  return { snapshots, kept: snapshots - removed, removed }
}

const retainedOf = ({ accounts }: Pick<PrunePlan | PruneReport, 'accounts'>): { retained: number } => ({
  retained: accounts.reduce((sum, { retained }) => sum + retained.versions, 0),
})

async function apply(call: Call, plan: SnapshotPlans, options: PruneOptions): Promise<PruneReport> {
  const { out, signal } = call
  const { pruneVault } = await import('../../maintenance/prune/prune.ts')
  const { openSweeper } = await import('../../vault/sweeper.ts')
  const ctx = await call.context()
  const [vault, catalog] = [await ctx.vault(), await ctx.catalog()]
  let shown = 0
  const onProgress = ({ phase, done }: { phase: 'read' | 'sweep'; done: number }): void => {
    if (Date.now() - shown < 100) return
    shown = Date.now()
    out.redraw([out.talk.dim(phase === 'read' ? `reading: ${plural(done, 'list')}` : plural(done, 'object'))])
  }
  const fixed = { vault, catalog, now: ctx.now, newId: ctx.newId, tool: ctx.tool, onProgress }
  try {
    const { refuserOfHeld } = await import('../../held-keys.ts')
    const sweeper = openSweeper(vault.store, refuserOfHeld(await ctx.place()))
    return await pruneVault({ ...fixed, sweeper }, { plan, options }, signal)
  } finally {
    out.redraw([])
  }
}
