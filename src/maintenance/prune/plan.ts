import type { Catalog } from '../../catalog/catalog.ts'
import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import type { Sweeper } from '../../vault/sweeper.ts'
import { listTrash } from '../../vault/trash.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Retained } from './history.ts'
import type { Verdict } from './retention.ts'
import { type Surveying, surveyAccount, surveyHistory } from './survey.ts'
import { emptySwept, type Swept } from './sweep.ts'
import { type Account, cutoffOf, namedByHead, needOpenRuns, readAccounts, refusing, type Scope } from './view.ts'

export interface PruneDeps {
  readonly vault: Vault
  readonly sweeper: Sweeper
  readonly catalog: Catalog
  readonly now: () => Date
  readonly newId: () => string
  readonly tool: string
  readonly onProgress: (progress: PruneProgress) => void
}

interface PruneProgress {
  /** `read`: segments; `sweep`: objects. */
  readonly phase: 'read' | 'sweep'
  readonly done: number
}

/** What becomes of an account's snapshots. */
export interface SnapshotPlan {
  readonly cloud: string
  /** Oldest first. */
  readonly verdicts: readonly Verdict[]
}

export interface AccountPlan extends SnapshotPlan {
  /** Versions that outlive their snapshots. */
  readonly retained: Retained
}

export interface PrunePlan extends SnapshotPlans {
  readonly accounts: readonly AccountPlan[]
  /** What would be moved into the trash and deleted from it; nothing was. */
  readonly swept: Swept
}

export interface PruneOptions extends Scope {
  /**
   * How long an object that nothing names stays where it is, and then in the trash. It protects what relies on an
   * object and has written that down nowhere yet; see `pruneVault`.
   */
  readonly graceMs: number
}

/** What a prune works from. */
export interface SnapshotPlans {
  /** When it was made, milliseconds since the epoch: what is old is old as of then. */
  readonly now: number
  /** Those that the scope names. */
  readonly accounts: readonly SnapshotPlan[]
}

/** Reads heads and records only: which snapshots would go, but not what that frees. */
export async function planSnapshots(
  deps: Pick<PruneDeps, 'vault' | 'now'>,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<SnapshotPlans> {
  const now = deps.now().getTime()
  const accounts = await readAccounts(deps.vault, options, { now, signal })
  return { now, accounts: accounts.filter((account) => account.inScope) }
}

/** Reads everything that a prune would read and changes nothing. */
export async function planPrune(
  deps: Omit<PruneDeps, 'sweeper'>,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<PrunePlan> {
  const now = deps.now().getTime()
  const survey = surveying(deps, signal)
  const accounts = await readAccounts(deps.vault, options, { now, signal })
  const plans: AccountPlan[] = []
  for (const account of accounts) {
    await refusing(() => needRecords(survey, account))
    const retained = { versions: 0, bytes: 0 }
    await refusing(async () => {
      for await (const { entry } of surveyAccount(survey, account)) {
        retained.versions += 1
        retained.bytes += entry.size ?? 0
      }
    })
    if (account.inScope) plans.push({ cloud: account.cloud, verdicts: account.verdicts, retained })
  }
  await needOpenRuns(deps.catalog, survey.needed)
  const cutoff = await cutoffOf(deps.catalog, now, options.graceMs)
  const swept = await foresee(deps, { needed: survey.needed, cutoff, signal })
  return { now, accounts: plans, swept }
}

export function surveying({ vault, onProgress }: Omit<PruneDeps, 'sweeper'>, signal: AbortSignal): Surveying {
  let done = 0
  const onRead = (): void => {
    done += 1
    onProgress({ phase: 'read', done })
  }
  return { vault, needed: createDigestSet(), signal, onRead }
}

/** What heads and imported records need. What the snapshots' entries need is named by the survey. */
export async function needRecords(survey: Surveying, account: Account): Promise<void> {
  for (const { stored, keep } of account.verdicts) {
    if (keep) for (const digest of namedByHead(stored.snapshot)) survey.needed.add(digest)
  }
  for (const { head } of account.imported) await surveyHistory(survey, head)
}

/** What the sweep would do if nothing changed until then. */
async function foresee(
  { vault }: Pick<PruneDeps, 'vault'>,
  at: { readonly needed: DigestSet; readonly cutoff: number; readonly signal: AbortSignal },
): Promise<Swept> {
  const swept = emptySwept()
  for await (const { digest, size, changedAt, links } of vault.listObjects(at.signal)) {
    const isOld = changedAt !== undefined && changedAt < at.cutoff
    const to = at.needed.has(digest) ? swept.kept : isOld ? swept.moved : swept.young
    to.objects += 1
    to.bytes += size
    if (to === swept.moved && (links ?? 1) > 1) swept.movedShared += size
  }
  for await (const { digest, size, changedAt, links } of listTrash(vault.store, at.signal)) {
    const isOld = changedAt !== undefined && changedAt < at.cutoff
    const to = at.needed.has(digest) ? swept.returned : isOld ? swept.deleted : swept.waiting
    to.objects += 1
    to.bytes += size
    if (to === swept.deleted && (links ?? 1) > 1) swept.deletedShared += size
  }
  return swept
}
