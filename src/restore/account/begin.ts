import type { SnapshotRow } from '../../catalog/catalog.ts'
import { type AssetName, writtenName } from '../../cloudinary/writer.ts'
import { AppError } from '../../model/errors.ts'
import type { RestoreOptions, RestoreRequest } from '../report.ts'
import { select } from '../select.ts'
import type { Selection } from '../selection.ts'
import { type Begun, findBegun, readJournal, unfinished, writeBegun } from './journal.ts'
import { namesOf } from './plan.ts'
import { type PresentStates, presentInVault, presentLive } from './present.ts'
import type { RestoreDeps, RestoreRun, Taken, Wanted } from './run-state.ts'
import { wantedByUndo } from './undo.ts'

/** Up to so many assets are looked at one by one; beyond that the whole account is. */
const LOOKED_AT = 2000

export interface RestoreAsk {
  /** The account whose kept state is meant. */
  readonly cloud: string
  readonly what: Selection['what']
  /** The moment asked for; null: the newest, or that of an unfinished restore with the same wishes. */
  readonly at: SnapshotRow | null
  readonly options: RestoreOptions
}

/**
 * Opens a restore to an account: finds the moment, goes on with one that was killed, takes the snapshot of the state
 * before, and writes down that it begins. Nothing in the target has changed when it returns.
 */
export async function begin(deps: RestoreDeps, ask: RestoreAsk, signal: AbortSignal): Promise<RestoreRun> {
  deps.listen({ type: 'phase', phase: 'prepare' })
  const { options } = ask
  const target = deps.reader.account.cloud
  const journal = await readJournal(deps.vault, ask.cloud, signal)
  const undone = options.undo === null ? null : findBegun(journal, options.undo)
  if (undone !== null && undone.request.target !== target) {
    throw new AppError('USAGE', `restore ${undone.id} went to "${undone.request.target}", and this is "${target}"`, {
      hint: 'name that account with --to',
    })
  }
  const wishes = undone === null ? wishesOf(ask, target) : { ...undone.request, undo: undone.id }
  const open = options.dryRun ? null : unfinished(journal, wishes, ask.at?.snapshot.id ?? null)
  const selection = await selectionOf(deps, ask, { undone, open }, signal)
  const request: RestoreRequest = { ...wishes, snapshot: selection.snapshot.snapshot.id }
  const profile = await deps.reader.profile(signal)
  const sameAccount = undone !== null || selection.cloud === target
  const problems = new Set<string>()
  const wanted =
    undone === null
      ? () => wantedBy(deps, { selection, onLost: (sentence) => problems.add(sentence) }, signal)
      : () => wantedByUndo(deps, { undone, selection, signal })
  const now = await presentState(
    deps,
    { options, target, wanted, sameAccount, whole: (undone?.request.what ?? ask.what).kind === 'everything' },
    signal,
  )
  const run: RestoreRun = {
    id: open?.id ?? deps.newId(),
    deps,
    options,
    request,
    selection,
    wanted,
    startedAt: open?.at ?? deps.now().toISOString(),
    sameAccount,
    folderMode: profile.folderMode,
    limits: profile.mediaLimits,
    present: now.present,
    looked: new Map(),
    unkept: now.unkept,
    problems,
    before: open === null ? now.snapshot : await snapshotById(deps, target, open.before.snapshot),
    signal,
  }
  if (open !== null) deps.listen({ type: 'continued', run: open.id, startedAt: open.at })
  else if (run.before !== null) await noteBeginning(run, run.before)
  return run
}

const wishesOf = ({ cloud, what, options }: RestoreAsk, target: string): Omit<RestoreRequest, 'snapshot'> => ({
  cloud,
  target,
  what:
    what.kind === 'versions'
      ? { kind: 'versions', versions: what.versions.map(({ assetId, version }) => ({ assetId, version })) }
      : what.kind === 'everything'
        ? { kind: 'everything' }
        : { kind: what.kind, filter: what.filter },
  conflict: options.conflict,
  metadataOnly: options.metadataOnly,
  surroundings: options.surroundings,
  undo: null,
})

async function noteBeginning(run: RestoreRun, before: SnapshotRow): Promise<void> {
  const { vault, tool } = run.deps
  const begun: Begun = {
    format: 1,
    stage: 'begun',
    id: run.id,
    at: run.startedAt,
    tool,
    request: run.request,
    before: { cloud: before.snapshot.cloud, snapshot: before.snapshot.id },
  }
  await writeBegun(vault, begun, run.signal)
}

async function selectionOf(
  deps: RestoreDeps,
  ask: RestoreAsk,
  { undone, open }: { readonly undone: Begun | null; readonly open: Begun | null },
  signal: AbortSignal,
): Promise<Selection> {
  if (undone !== null) {
    const { cloud, snapshot } = undone.before
    return { cloud, snapshot: await snapshotById(deps, cloud, snapshot), what: { kind: 'everything' } }
  }
  const snapshot =
    ask.at ??
    (open === null ? await newestOf(deps, ask.cloud) : await snapshotById(deps, ask.cloud, open.request.snapshot))
  signal.throwIfAborted()
  return { cloud: ask.cloud, snapshot, what: ask.what }
}

/** The newest that was taken for its own sake: one taken before a restore shows what was to be mended. */
export async function newestOf(deps: Pick<RestoreDeps, 'catalog'>, cloud: string): Promise<SnapshotRow> {
  const all = await deps.catalog.read((tx) => tx.snapshots(cloud))
  const newest = all.findLast(({ snapshot }) => snapshot.purpose === undefined) ?? all.at(-1)
  if (newest !== undefined) return newest
  throw new AppError('SNAPSHOT_NOT_FOUND', `nothing is kept of "${cloud}" yet`, {
    hint: 'cloudkeep backup makes the first snapshot',
  })
}

async function snapshotById(deps: RestoreDeps, cloud: string, id: string): Promise<SnapshotRow> {
  const found = (await deps.catalog.read((tx) => tx.snapshots(cloud))).find(({ snapshot }) => snapshot.id === id)
  if (found !== undefined) return found
  throw new AppError('SNAPSHOT_NOT_FOUND', `the snapshot ${id} of "${cloud}" is not in the vault any more`)
}

async function* wantedBy(
  deps: RestoreDeps,
  { selection, onLost }: { readonly selection: Selection; readonly onLost: (sentence: string) => void },
  signal: AbortSignal,
): AsyncIterable<Wanted> {
  for await (const chosen of select({ ...deps, onLost }, selection, signal)) yield { kind: 'version', chosen }
}

const NONE: ReadonlySet<string> = new Set()

interface Looking {
  readonly options: RestoreOptions
  readonly target: string
  readonly wanted: () => AsyncIterable<Wanted>
  readonly sameAccount: boolean
  readonly whole: boolean
}

/** What the target holds: in a snapshot of it taken now, or, for a dry run, looked up without leaving a trace. */
async function presentState(
  deps: RestoreDeps,
  looking: Looking,
  signal: AbortSignal,
): Promise<{
  readonly present: PresentStates
  readonly snapshot: SnapshotRow | null
  readonly unkept: Taken['unkept']
}> {
  const scope = looking.whole ? null : await scopeOf(looking)
  if (!looking.options.dryRun) {
    const { snapshot, unkept } = await deps.snapshotTarget(scope, signal)
    return { present: presentInVault(deps, snapshot), snapshot, unkept }
  }
  const last = (await deps.catalog.read((tx) => tx.snapshots(looking.target))).at(-1)
  if (scope === null && last !== undefined) {
    const message = `the plan compares with the snapshot of "${looking.target}" of ${last.snapshot.takenAt}; a real run takes a new one first`
    deps.listen({ type: 'note', message })
    return { present: presentInVault(deps, last), snapshot: null, unkept: NONE }
  }
  return { present: presentLive(deps.reader), snapshot: null, unkept: NONE }
}

/** Null when there is too much to look at one by one. */
async function scopeOf({ wanted, sameAccount, options }: Looking) {
  const assetIds: string[] = []
  const names = new Map<string, AssetName>()
  for await (const each of wanted()) {
    const { entry } = each.chosen
    if (sameAccount && each.kind === 'version') assetIds.push(entry.assetId)
    for (const name of namesOf(each, options.conflict)) names.set(writtenName(name), name)
    if (names.size > LOOKED_AT) return null
  }
  return { assetIds, names: [...names.values()] }
}
