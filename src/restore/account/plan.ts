import { type AssetName, nameOf, writtenName } from '../../cloudinary/writer.ts'
import type { ConflictPolicy, PlanAction, PlanItem, PlanTotals } from '../report.ts'
import type { Chosen } from '../selection.ts'
import type { State } from './compare.ts'
import { besideName, decide, decideAbsence, type Present } from './decide.ts'
import type { Found } from './present.ts'
import type { RestoreRun, Wanted } from './run-state.ts'

/** Versions judged together. */
const TOGETHER = 500

/** A line of the plan with what it is about. */
export interface Planned {
  readonly chosen: Chosen
  readonly item: PlanItem
}

/**
 * The plan, line by line: every wanted version against what the target held when the run began. Gives the same lines
 * each time it is asked for, so that nobody has to keep them.
 */
export async function* planned(run: RestoreRun): AsyncIterable<Planned> {
  const claimed = new Map<string, string>()
  let together: Wanted[] = []
  for await (const wanted of run.wanted()) {
    run.signal.throwIfAborted()
    together.push(wanted)
    if (together.length < TOGETHER) continue
    yield* await judge(run, together, claimed)
    together = []
  }
  yield* await judge(run, together, claimed)
}

async function judge(run: RestoreRun, together: readonly Wanted[], claimed: Map<string, string>): Promise<Planned[]> {
  if (together.length === 0) return []
  const names = together.flatMap((wanted) => namesOf(wanted, run.options.conflict))
  const assetIds = run.sameAccount ? together.map(({ chosen }) => chosen.entry.assetId) : []
  const found = await withDetails(run, together, await run.present.of({ assetIds, names }, run.signal))
  return together.map((wanted) => ({
    chosen: wanted.chosen,
    item: withClaim(unlessUnkept(run, itemFor(run, wanted, found)), claimed),
  }))
}

/** Details that may be read for the plan, one call each. */
const MOST_DETAILS = 200

/**
 * Only details speak of coordinates and regions. Where a kept version has some and nobody has asked the present asset,
 * it is asked now; beyond the limit it counts as different, which costs one call that changes nothing.
 */
async function withDetails(run: RestoreRun, together: readonly Wanted[], found: Found): Promise<Found> {
  const byId = new Map(found.byId)
  const byName = new Map(found.byName)
  for (const wanted of together) {
    const { facts } = wanted.chosen.entry
    if (wanted.kind === 'absence' || (facts.coordinates === null && facts.regions === null)) continue
    const state = byId.get(facts.assetId) ?? byName.get(writtenName(wanted.chosen.entry))
    if (state === undefined || state.detailed) continue
    const detailed = await lookAt(run, state)
    if (detailed === null) continue
    byId.set(detailed.facts.assetId, detailed)
    byName.set(writtenName(state.facts), detailed)
  }
  return { byId, byName }
}

async function lookAt(run: RestoreRun, state: State): Promise<State | null> {
  const { assetId } = state.facts
  const known = run.looked.get(assetId)
  if (known !== undefined || run.looked.size >= MOST_DETAILS) return known ?? null
  const answer = await run.deps.reader.details(state.facts, run.signal)
  const { coordinates, regions } = answer.found ? answer.row.facts : state.facts
  const looked = { ...state, facts: { ...state.facts, coordinates, regions }, detailed: answer.found }
  run.looked.set(assetId, looked)
  return looked
}

/** Under which names the target has to be looked at for a wish. */
export function namesOf(wanted: Wanted, conflict: ConflictPolicy): readonly AssetName[] {
  if (wanted.kind === 'absence') return [wanted.name]
  const name = nameOf(wanted.chosen.entry)
  return conflict === 'rename' ? [name, { ...name, publicId: besideName(wanted.chosen) }] : [name]
}

function itemFor(run: RestoreRun, wanted: Wanted, found: Found): PlanItem {
  if (wanted.kind === 'absence') {
    return decideAbsence(wanted.chosen, wanted.name, found.byName.get(writtenName(wanted.name)) ?? null)
  }
  const { entry } = wanted.chosen
  const at = (publicId: string) => found.byName.get(writtenName({ ...entry, publicId })) ?? null
  const present: Present = {
    same: run.sameAccount ? (found.byId.get(entry.assetId) ?? null) : null,
    named: at(entry.publicId),
    beside: run.options.conflict === 'rename' ? at(besideName(wanted.chosen)) : null,
  }
  return decide(wanted.chosen, present, {
    conflict: run.options.conflict,
    metadataOnly: run.options.metadataOnly,
    folderMode: run.folderMode,
    limits: run.limits,
    via: run.options.via,
    sameAccount: run.sameAccount,
  })
}

const WRITING: ReadonlySet<PlanAction> = new Set(['create', 'overwrite', 'rename', 'relabel'])

/** Whatever would be lost by writing over it, because it could not be kept first, stays. */
function unlessUnkept(run: RestoreRun, item: PlanItem): PlanItem {
  const isLost = item.presentId !== null && run.unkept.has(item.presentId)
  if (!isLost || (item.content === 'none' && item.action !== 'remove')) return item
  const none = { content: 'none', renameFrom: null, bytes: 0, adminCalls: 0, uploadCalls: 0 } as const
  return { ...item, ...none, action: 'conflict', why: 'its present bytes could not be kept first' }
}

/** Two versions that want the same name (assets that were gone at different times) must not overwrite one another. */
function withClaim(item: PlanItem, claimed: Map<string, string>): PlanItem {
  if (!WRITING.has(item.action)) return item
  const name = writtenName(item.name)
  const holder = claimed.get(name)
  if (holder !== undefined) {
    const why = `version ${holder} takes the same name in this restore; give the version to be had as ASSET@VERSION`
    return { ...item, action: 'impossible', why, content: 'none', bytes: 0, adminCalls: 0, uploadCalls: 0 }
  }
  claimed.set(name, item.version)
  return item
}

export const isWriting = ({ action }: PlanItem): boolean => WRITING.has(action) || action === 'remove'

/** Adds up the plan; `onItem` sees each line. */
export async function totalsOf(
  run: RestoreRun,
  onItem: (planned: Planned) => void = () => undefined,
): Promise<PlanTotals> {
  const byAction: Record<PlanAction, number> = {
    create: 0,
    overwrite: 0,
    rename: 0,
    relabel: 0,
    same: 0,
    conflict: 0,
    impossible: 0,
    remote: 0,
    remove: 0,
  }
  let [assets, touched, uploads, bytes, adminCalls] = [0, 0, 0, 0, 0]
  for await (const each of planned(run)) {
    onItem(each)
    assets += 1
    byAction[each.item.action] += 1
    if (isWriting(each.item)) touched += 1
    uploads += each.item.uploadCalls
    bytes += each.item.bytes
    adminCalls += each.item.adminCalls
  }
  // Afterwards everything that was touched is read again: listings of 100, and the index for MD5.
  adminCalls += Math.ceil(touched / 100) + Math.ceil(touched / 500) + 2
  return { assets, byAction, uploads, bytes, adminCalls, seconds: estimateSeconds(run, { uploads, bytes, adminCalls }) }
}

/** An upload is taken to last half a second and a connection to carry 2 MB/s; calls beyond the hour wait for the next. */
function estimateSeconds(run: RestoreRun, cost: { uploads: number; bytes: number; adminCalls: number }): number {
  const lanes = Math.max(1, run.options.concurrency)
  const transfer = Math.max((cost.uploads * 0.5) / lanes, cost.bytes / (2_000_000 * lanes))
  const { budget } = run.deps.reader
  if (budget === null || cost.adminCalls <= budget.remaining) return Math.ceil(transfer)
  const hours = Math.ceil((cost.adminCalls - budget.remaining) / Math.max(1, budget.limit * 0.9))
  return Math.ceil(Math.max(transfer, hours * 3600))
}
