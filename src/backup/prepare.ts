import type { CatalogReader, RunRow, SnapshotRow } from '../catalog/catalog.ts'
import type { AccountProfile } from '../model/account.ts'
import { isManagedType } from '../model/asset.ts'
import { isTrusted } from '../model/snapshot.ts'
import type { BackupOptions, Estimate } from './report.ts'
import { parseRules, type Rules } from './rules.ts'
import type { BackupDeps, Run } from './run-state.ts'
import { openRunScratch } from './scratch.ts'

/** An interrupted scan older than this is begun anew: the account has moved on. What was transferred is kept. */
const SCAN_LIFETIME_MS = 24 * 3_600_000
/** Calls for configuration, folders and profile; an estimate, named so in the face. */
const CONFIGURATION_CALLS = 14

/** Opens the run: resumes the one that was interrupted, or begins a new one. Spends two API calls. */
export async function prepare(deps: BackupDeps, options: BackupOptions, signal: AbortSignal): Promise<Run> {
  const { reader, catalog } = deps
  const cloud = reader.account.cloud
  const began = deps.now().toISOString()
  const rulesAt = (start: string): Rules => {
    const { include, exclude, overrides = [] } = options
    return parseRules(include, exclude, { now: new Date(start), overrides })
  }
  // Before the first call to the account, so that a rule that cannot be understood costs none.
  rulesAt(began)
  deps.listen({ type: 'phase', phase: 'prepare' })
  const profile = await reader.profile(signal)
  const { base, trusted, open } = await catalog.read(async (tx) => {
    const newest = await tx.lastSnapshot(cloud)
    return {
      base: newest,
      trusted: newest === null || isTrusted(newest.snapshot) ? newest : await newestTrusted(tx, cloud),
      // A look at a few assets neither goes on with a whole run nor stands in its way.
      open: options.dryRun || options.scope !== undefined ? null : await tx.openRun(cloud),
    }
  })
  const startedAt = open?.startedAt ?? began
  // A dry run downloads nothing, and its scratch is not that of a real one.
  const scratch = await openRunScratch(deps, options.dryRun ? () => undefined : deps.listen)
  const run: Run = {
    id: open?.id ?? deps.newId(),
    cloud,
    deps,
    options,
    rules: rulesAt(startedAt),
    scratch,
    startedAt,
    base,
    trusted,
    profile,
    folderMode: profile.folderMode ?? base?.snapshot.folderMode ?? null,
    signal,
    live: {
      scanned: 0,
      fetched: 0,
      wanted: 0,
      fetchedBytes: 0,
      wantedBytes: 0,
      failed: 0,
      transfers: 0,
      searchDone: false,
      scanDone: false,
      etagCalls: 50,
      reconciledAt: null,
      searchTotal: null,
      discovered: new Set(),
    },
    partial: new Set(),
    failures: [],
    excludedBy: new Map(),
  }
  deps.listen({
    type: 'estimate',
    estimate: { ...(await estimate(run)), scratch: options.dryRun ? null : scratch.space },
  })
  if (open === null) {
    const command = options.dryRun ? 'backup --dry-run' : options.scope === undefined ? 'backup' : 'look'
    await catalog.write((tx) => tx.beginRun({ id: run.id, cloud, command, startedAt }))
  } else {
    await resume(run, open)
  }
  return run
}

const newestTrusted = async (tx: CatalogReader, cloud: string): Promise<SnapshotRow | null> =>
  (await tx.snapshots(cloud)).filter((row) => isTrusted(row.snapshot)).at(-1) ?? null

/** Brings an interrupted run's rows in line with what the vault really holds. */
async function resume(run: Run, open: RunRow): Promise<void> {
  const { catalog, vault, now, listen } = run.deps
  const states = await catalog.read((tx) => tx.scanStates(run.id))
  const newest = states.reduce((time, state) => Math.max(time, Date.parse(state.savedAt)), 0)
  if (states.length > 0 && now().getTime() - newest > SCAN_LIFETIME_MS) {
    await catalog.write((tx) => tx.forgetScan(run.id))
  }
  let after = ''
  for (;;) {
    const hashed = await catalog.read((tx) => tx.steps(run.id, { state: 'hashed', after, limit: 500 }))
    if (hashed.length === 0) break
    // Hashed means: the bytes were good and the object was about to get its name. Whether it did, the vault tells.
    for (const step of hashed) {
      const stat = step.object === null ? null : await vault.statObject(step.object, run.signal)
      if (stat !== null && stat.size === step.size) {
        await catalog.write((tx) => tx.markDone(run.id, [step.assetId]))
      } else {
        await catalog.write((tx) => tx.markFailed(run.id, step.assetId, { code: 'INTERRUPTED', reason: 'interrupted' }))
      }
    }
    after = hashed.at(-1)?.assetId ?? after
  }
  await catalog.write((tx) => tx.requeueFailed(run.id))
  const counts = await catalog.read((tx) => tx.stepCounts(run.id))
  const scanned = counts.reduce((total, row) => total + row.count, 0)
  const done = counts.filter((row) => row.kind === 'fetch' && row.state === 'done')
  run.live.scanned = scanned
  run.live.fetched = done.reduce((total, row) => total + row.count, 0)
  run.live.wanted = counts.filter((row) => row.kind === 'fetch').reduce((total, row) => total + row.count, 0)
  listen({ type: 'resumed', startedAt: open.startedAt, scanned, fetched: run.live.fetched })
}

async function estimate(run: Run): Promise<Omit<Estimate, 'scratch'>> {
  const { profile, base, deps } = run
  const partitions = await deps.catalog.read((tx) => tx.knownPartitions(run.cloud))
  const known = partitions.filter((p) => isManagedType(p.type)).reduce((total, p) => total + p.assets, 0)
  const assets = Math.max(profile.assets ?? 0, known)
  if (assets === 0 && profile.assets === null) return { assets: null, bytes: null, apiCalls: null, hours: null }
  const pages = Math.ceil(assets / 500)
  // A first run reads listing and search index to the end; later ones read the index only as far as things changed.
  const listing = (base === null ? 2 * pages : pages) + 6 + CONFIGURATION_CALLS
  const apiCalls = listing + detailCalls(run, Math.max(0, assets - known), listing)
  return { assets, bytes: expectedBytes(profile, base !== null), apiCalls, hours: waitingHours(run, apiCalls) }
}

/** One call an asset for what is new, when it is asked for or fits into what is left; see `deepen`. */
function detailCalls(run: Run, fresh: number, listing: number): number {
  const { details } = run.options
  if (details !== 'spare') return details === 'all' ? fresh : 0
  const { budget } = run.deps.reader
  return budget !== null && fresh <= (budget.remaining - listing) / 2 ? fresh : 0
}

const expectedBytes = (profile: AccountProfile, hasBase: boolean): number | null =>
  hasBase ? null : profile.storageBytes

function waitingHours(run: Run, apiCalls: number): number | null {
  const budget = run.deps.reader.budget
  if (budget === null || budget.limit === 0) return null
  const usable = Math.max(1, Math.floor(budget.limit * 0.9))
  const beyond = apiCalls - Math.max(0, budget.remaining - (budget.limit - usable))
  return beyond <= 0 ? 0 : Math.ceil(beyond / usable)
}
