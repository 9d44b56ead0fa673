import type { PruneOptions, PrunePlan } from '../../maintenance/prune/plan.ts'
import { isEmptyPolicy } from '../../maintenance/prune/retention.ts'
import { chooseCloud } from '../account-choice.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { plural } from '../format.ts'
import { RETENTION_NOTES, RETENTION_OPTIONS, readRetention } from '../retention-options.ts'
import { removedIn, renderOutlook, renderPlan, sweptRecord, verdictRecords } from '../retention-report.ts'

export const retention: CliCommand = {
  name: 'retention',
  summary: 'which snapshots the rules keep, each with the reason; changes nothing',
  group: 'keep',
  operands: [['[VAULT]', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://']],
  options: RETENTION_OPTIONS,
  notes: RETENTION_NOTES,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out } = call
  const asked = readRetention(call)
  const plan = await makePlan(call)
  for (const verdict of verdictRecords(plan)) out.record('snapshot', verdict)
  out.record('objects', sweptRecord(plan.swept))
  for (const line of renderPlan(plan, out)) out.line(line)
  for (const line of renderOutlook(plan, { theme: out.theme, graceMs: asked.graceMs })) out.line(line)
  const removed = removedIn(plan.accounts)
  if (isEmptyPolicy(asked.policy.snapshots))
    out.say(out.talk.dim('no rule says how long snapshots stay; see cloudkeep retention --help'))
  else if (removed > 0) out.say(`${out.talk.accent('next')}  cloudkeep prune`)
  const all = plan.accounts.reduce((sum, { verdicts }) => sum + verdicts.length, 0)
  return { exit: EXIT.done, summary: { snapshots: all, kept: all - removed, removed } }
}

/** Reads what a prune would read. */
export async function makePlan(call: Call): Promise<PrunePlan> {
  const { out, signal } = call
  const { planPrune } = await import('../../maintenance/prune/plan.ts')
  const ctx = await call.context()
  const asked = readRetention(call)
  await checkCloud(call, asked)
  const fixed = {
    vault: await ctx.vault(),
    catalog: await ctx.catalog(),
    now: ctx.now,
    newId: ctx.newId,
    tool: ctx.tool,
  }
  let shown = 0
  try {
    return await planPrune(
      {
        ...fixed,
        onProgress: ({ done }) => {
          if (Date.now() - shown < 100) return
          shown = Date.now()
          out.redraw([out.talk.dim(`reading: ${plural(done, 'list')}`)])
        },
      },
      asked,
      signal,
    )
  } finally {
    out.redraw([])
  }
}

/** A name that the vault does not hold is refused, rather than nothing done about it. */
export async function checkCloud(call: Call, { cloud }: PruneOptions): Promise<void> {
  if (cloud === null) return
  const catalog = await (await call.context()).catalog()
  await catalog.read((reader) => chooseCloud(reader, call.settings.config))
}
