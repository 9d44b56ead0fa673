import type { AccountPlan, PrunePlan, SnapshotPlan, SnapshotPlans } from '../maintenance/prune/plan.ts'
import type { PruneReport } from '../maintenance/prune/prune.ts'
import type { Amount, Swept } from '../maintenance/prune/sweep.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural, safe } from './format.ts'
import type { Output } from './output.ts'
import { type Column, renderTable } from './table.ts'
import type { Theme } from './theme.ts'

/** A verdict as programs read it. */
export const verdictRecords = (plan: SnapshotPlans): readonly object[] =>
  plan.accounts.flatMap(({ cloud, verdicts }) =>
    verdicts.map(({ stored: { key, snapshot }, keep, reasons }) => ({
      cloud,
      id: snapshot.id,
      key,
      takenAt: snapshot.takenAt,
      complete: snapshot.complete,
      keep,
      reasons,
    })),
  )

/** Each snapshot with what becomes of it and why. */
export function renderPlan(plan: PrunePlan, out: Pick<Output, 'theme' | 'width'>): string[] {
  const { theme } = out
  const columns: Column[] = [
    ...(plan.accounts.length > 1 ? [{ title: 'account' }] : []),
    { title: 'snapshot', paint: theme.accent },
    { title: 'taken' },
    { title: 'assets', align: 'right' },
    { title: '', paint: theme.strong },
    { title: 'why', flexible: true },
  ]
  const cells = plan.accounts.flatMap(({ cloud, verdicts }) =>
    verdicts.map(({ stored: { snapshot }, keep, reasons }) => [
      ...(plan.accounts.length > 1 ? [cloud] : []),
      snapshot.id,
      formatTime(snapshot.takenAt),
      formatCount(snapshot.assets),
      keep ? 'keep' : 'remove',
      safe(reasons.join('; ')),
    ]),
  )
  return renderTable(columns, cells, { width: out.width, head: theme.dim })
}

export const removedIn = (accounts: readonly SnapshotPlan[]): number =>
  accounts.reduce((sum, { verdicts }) => sum + verdicts.filter(({ keep }) => !keep).length, 0)

const amount = ({ objects, bytes }: Amount): string => `${plural(objects, 'object')}, ${formatBytes(bytes)}`

/** Bytes that a file in the library still shows are not free, whatever the vault has let go of. */
const shared = (bytes: number): string =>
  bytes === 0 ? '' : ` (${formatBytes(bytes)} of it stay while files in the library show them)`

/** What a plan comes to, in a few lines. */
export function renderOutlook(plan: PrunePlan, { theme, graceMs }: { theme: Theme; graceMs: number }): string[] {
  const { swept } = plan
  const removed = removedIn(plan.accounts)
  const all = plan.accounts.reduce((sum, { verdicts }) => sum + verdicts.length, 0)
  return [
    '',
    removed === 0 ? `${plural(all, 'snapshot')}, all stay` : `${removed} of ${plural(all, 'snapshot')} go`,
    ...retainedLine(plan.accounts),
    ...(swept.moved.objects === 0 ? [] : [`to the trash  ${amount(swept.moved)}${shared(swept.movedShared)}`]),
    ...(swept.deleted.objects === 0 ? [] : [`to be deleted ${amount(swept.deleted)}${shared(swept.deletedShared)}`]),
    ...(swept.waiting.objects === 0
      ? []
      : [`in the trash  ${amount(swept.waiting)}, until they have been there for ${grace(graceMs)}`]),
    ...(swept.young.objects === 0
      ? []
      : [theme.dim(`left alone    ${amount(swept.young)}, changed within ${grace(graceMs)}`)]),
  ]
}

const grace = (ms: number): string => formatDuration(ms)

function retainedLine(accounts: readonly Pick<AccountPlan, 'retained'>[]): string[] {
  const versions = accounts.reduce((sum, { retained }) => sum + retained.versions, 0)
  const bytes = accounts.reduce((sum, { retained }) => sum + retained.bytes, 0)
  const outlives = versions === 1 ? 'version outlives its snapshots' : 'versions outlive their snapshots'
  return versions === 0 ? [] : [`${formatCount(versions)} ${outlives}, ${formatBytes(bytes)}`]
}

/** What a prune has done. */
export function renderPruned(report: PruneReport, { theme, graceMs }: { theme: Theme; graceMs: number }): string[] {
  const { swept } = report
  const removed = report.accounts.reduce((sum, account) => sum + account.removed.length, 0)
  const kept = report.accounts.reduce((sum, account) => sum + account.kept, 0)
  const inTrash = swept.waiting
  const due = graceMs === 0 ? 'the next prune deletes them' : `a prune in ${grace(graceMs)} or later deletes them`
  return [
    `${theme.ok(theme.marks.ok)} ${plural(removed, 'snapshot')} removed, ${formatCount(kept)} stay`,
    ...retainedLine(report.accounts).map((line) => `  ${line}`),
    ...(swept.moved.objects === 0 ? [] : [`  ${amount(swept.moved)} moved to the trash`]),
    ...(swept.returned.objects === 0 ? [] : [`  ${amount(swept.returned)} moved back: something needs them`]),
    ...(swept.deleted.objects === 0 ? [] : [`  ${amount(swept.deleted)} deleted${shared(swept.deletedShared)}`]),
    ...(swept.held.objects === 0
      ? []
      : [
          theme.dim(`  ${amount(swept.held)} needed by nothing and held by a lock or a flag; a later prune takes them`),
        ]),
    ...(inTrash.objects === 0 ? [] : [theme.dim(`  ${amount(inTrash)} in the trash; ${due}`)]),
  ]
}

/** The counts of a sweep for programs; `freedBytes` are those that no other name on the disk holds. */
export const sweptRecord = (swept: Swept): object => ({
  kept: swept.kept,
  young: swept.young,
  moved: { ...swept.moved, sharedBytes: swept.movedShared },
  returned: swept.returned,
  deleted: { ...swept.deleted, freedBytes: swept.deleted.bytes - swept.deletedShared },
  waiting: swept.waiting,
  held: swept.held,
})
