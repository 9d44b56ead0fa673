import { syncCatalog } from '../../catalog/sync.ts'
import { createDigestSet, type DigestSet } from '../../lib/digest-set.ts'
import type { StoredSnapshot } from '../../model/snapshot.ts'
import { listTrash, reclaimObject } from '../../vault/trash.ts'
import { type Retained, readHistories, rewriteHistory } from './history.ts'
import { needRecords, type PruneDeps, type PruneOptions, type SnapshotPlans, surveying } from './plan.ts'
import { encodePrune } from './records.ts'
import { policyInWords } from './retention.ts'
import { versionPolicyInWords } from './retention-versions.ts'
import { type Surveying, surveyAccount, surveyHistory } from './survey.ts'
import { type Swept, sweepObjects } from './sweep.ts'
import {
  type Account,
  accountNames,
  cutoffOf,
  isRemoved,
  namedByHead,
  needAll,
  needOpenRuns,
  readAccounts,
  readHead,
  refusing,
} from './view.ts'

export interface PruneReport {
  readonly accounts: readonly AccountPruned[]
  readonly swept: Swept
}

interface AccountPruned {
  readonly cloud: string
  readonly removed: readonly StoredSnapshot[]
  readonly kept: number
  readonly retained: Retained
}

/**
 * Applies a plan. Nothing that anybody needs is ever out of the vault, also when this is killed between any two lines and
 * when a run writes snapshots meanwhile, in this process or another:
 *
 * 1. everything that stays is read, and versions that outlive their snapshots are written down;
 * 2. a record says which snapshots go and why; then their heads go;
 * 3. objects that nothing names, and that have not changed for the grace, move to the trash;
 * 4. what runs under way have transferred, and the snapshots that appeared since 1, are read, and what they name moves back;
 * 5. what an earlier prune moved, and nothing names, is deleted when it has been in the trash for the grace.
 *
 * A run under way is known by the catalog: what it put or touched since it began is young, and what it transferred is noted
 * before the vault is asked for it, so beside a run of the same machine no grace is needed. The grace protects those of
 * whom the catalog does not know: a copy or an import into this vault until it writes its heads or records, a run on
 * another machine, one whose catalog was deleted, and the lists of a run that was killed more than a week ago.
 *
 * Removes of the snapshots in the plan only those that would still be removed now. The caller holds the lock `prune`.
 */
export async function pruneVault(
  deps: PruneDeps,
  { plan, options }: { readonly plan: SnapshotPlans; readonly options: PruneOptions },
  signal: AbortSignal,
): Promise<PruneReport> {
  const cutoff = await cutoffOf(deps.catalog, deps.now().getTime(), options.graceMs)
  const survey = surveying(deps, signal)
  const accounts = narrowed(await readAccounts(deps.vault, options, { now: plan.now, signal }), plan)
  await reclaimRecords(deps, accounts, signal)
  const retained = new Map<string, Retained>()
  for (const account of accounts) retained.set(account.cloud, await refusing(() => keepHistory(deps, survey, account)))
  // Read again when all is moved; now it only spares what is known already the way to the trash and back.
  await needOpenRuns(deps.catalog, survey.needed)
  const removed = new Map<string, readonly StoredSnapshot[]>()
  for (const account of accounts) removed.set(account.cloud, await removeHeads(deps, account, { options, signal }))
  const swept = await sweepObjects({
    vault: deps.vault,
    sweeper: deps.sweeper,
    needed: survey.needed,
    cutoff,
    signal,
    lookAgain: (needed) => refusing(() => lookAgain(deps, { accounts, needed, survey })),
    onProgress: (done) => deps.onProgress({ phase: 'sweep', done }),
  })
  await syncCatalog(deps.catalog, deps.vault, signal)
  return {
    accounts: accounts
      .filter((account) => account.inScope)
      .map(({ cloud, verdicts }) => {
        const gone = removed.get(cloud) ?? []
        const kept = verdicts.length - gone.length
        return { cloud, removed: gone, kept, retained: retained.get(cloud) ?? { versions: 0, bytes: 0 } }
      }),
    swept,
  }
}

/** Somebody may have looked at the plan for an hour: what it takes must still be what the rules take. */
function narrowed(accounts: readonly Account[], plan: SnapshotPlans): readonly Account[] {
  const planned = new Set(
    plan.accounts.flatMap(({ verdicts }) => verdicts.filter(isRemoved).map(({ stored }) => stored.key)),
  )
  return accounts.map((account) => ({
    ...account,
    verdicts: account.verdicts.map((verdict) =>
      verdict.keep || planned.has(verdict.stored.key)
        ? verdict
        : { ...verdict, keep: true, reasons: ['not in the plan'] },
    ),
  }))
}

/** What heads and records name must be in its place to be read: a killed prune may have left it in the trash. */
async function reclaimRecords({ vault }: PruneDeps, accounts: readonly Account[], signal: AbortSignal): Promise<void> {
  const trash = createDigestSet()
  for await (const { digest } of listTrash(vault.store, signal)) trash.add(digest)
  if (trash.size === 0) return
  for (const { verdicts, written, imported } of accounts) {
    const named = [
      ...verdicts.flatMap(({ stored }) => namedByHead(stored.snapshot)),
      ...[...written, ...imported].map(({ head }) => head.lines),
    ]
    for (const digest of named) if (trash.has(digest)) await reclaimObject(vault.store, digest, signal)
  }
}

async function keepHistory(deps: PruneDeps, survey: Surveying, account: Account): Promise<Retained> {
  await needRecords(survey, account)
  const { vault, sweeper, tool } = deps
  const writing = {
    vault,
    sweeper,
    tool,
    cloud: account.cloud,
    id: deps.newId(),
    now: deps.now(),
    signal: survey.signal,
  }
  const { head, retained } = await rewriteHistory(writing, account.written, surveyAccount(survey, account))
  if (head !== null) survey.needed.add(head.lines)
  return retained
}

async function removeHeads(
  deps: PruneDeps,
  { cloud, verdicts }: Account,
  { options, signal }: { readonly options: PruneOptions; readonly signal: AbortSignal },
): Promise<readonly StoredSnapshot[]> {
  const gone = verdicts.filter(isRemoved)
  if (gone.length === 0) return []
  const prune = {
    format: 1,
    id: deps.newId(),
    cloud,
    at: deps.now().toISOString(),
    tool: deps.tool,
    policy: [...policyInWords(options.policy.snapshots), ...versionPolicyInWords(options.policy.versions)],
    snapshots: gone.map(({ stored: { snapshot }, reasons }) => ({
      id: snapshot.id,
      takenAt: snapshot.takenAt,
      complete: snapshot.complete,
      parent: snapshot.parent,
      reason: reasons.join('; '),
    })),
  } as const
  await deps.vault.writeRecord(
    { kind: 'prunes', cloud },
    { id: prune.id, at: prune.at, value: encodePrune(prune) },
    signal,
  )
  for (const { stored } of gone) await deps.sweeper.removeSnapshot(stored.key, signal)
  return gone.map(({ stored }) => stored)
}

interface Again {
  readonly accounts: readonly Account[]
  readonly needed: DigestSet
  readonly survey: Surveying
}

/** Runs first, then snapshots: a run that ends between the two has written its head before. */
async function lookAgain({ vault, catalog }: PruneDeps, { accounts, needed, survey }: Again): Promise<void> {
  const { signal } = survey
  await needOpenRuns(catalog, needed)
  const known = new Set(
    accounts.flatMap(({ verdicts, imported }) => [
      ...verdicts.map(({ stored }) => stored.key),
      ...imported.map(({ key }) => key),
    ]),
  )
  const read = segmentsRead(accounts)
  for (const cloud of await accountNames(vault, signal)) {
    for (const key of await vault.snapshotKeys(cloud, signal)) {
      const stored = known.has(key) ? null : await readHead(vault, key, signal)
      if (stored === null) continue
      for (const digest of namedByHead(stored.snapshot)) await reclaimObject(vault.store, digest, signal)
      await needAll(vault, stored.snapshot, { needed, read, signal })
    }
    for (const { key, head } of await readHistories(vault, cloud, signal)) {
      if (known.has(key)) continue
      await reclaimObject(vault.store, head.lines, signal)
      await surveyHistory({ ...survey, needed }, head)
    }
  }
}

/** Segments whose entries the survey has named. */
function segmentsRead(accounts: readonly Account[]): DigestSet {
  const read = createDigestSet()
  for (const { verdicts } of accounts) {
    for (const { stored, keep } of verdicts) if (keep) for (const ref of stored.snapshot.segments) read.add(ref.object)
  }
  return read
}
