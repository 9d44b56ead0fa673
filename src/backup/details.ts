import type { StepKind, StepRow } from '../catalog/catalog.ts'
import { type AssetIdentity, isManagedType, type ResourceType } from '../model/asset.ts'
import { isAppError } from '../model/errors.ts'
import { keepDerived } from './derived.ts'
import { announce } from './progress.ts'
import { factsOfStep, type Run } from './run-state.ts'

const KINDS: readonly StepKind[] = ['fetch', 'relabel', 'rename']
/** With no quota stated, this many calls are taken as spare. */
const UNSTATED_SPARE = 200

/**
 * Coordinates, versions at Cloudinary, relations and derived assets are told one asset a call. They are read for what
 * is new or changed when all of it fits into half of the calls left this hour; otherwise only when asked for
 * (`details: all`), because a first run over thousands of assets must not use up the account's quota for them.
 */
export async function deepen(run: Run): Promise<void> {
  const { options, deps } = run
  if (options.dryRun || (options.details === 'none' && !options.derived)) return
  const isAsked = options.details === 'all' || options.derived
  if (!isAsked && !(await fitsIntoSpare(run))) return
  deps.listen({ type: 'phase', phase: 'details' })
  for (const kind of KINDS) {
    for await (const step of doneWithout(run, kind)) await deepenStep(run, step)
  }
  if (isAsked) await deepenKept(run)
}

async function fitsIntoSpare(run: Run): Promise<boolean> {
  const { catalog, reader, listen } = run.deps
  const counts = await catalog.read((tx) => tx.stepCounts(run.id))
  const wanted = counts
    .filter((row) => row.state === 'done' && KINDS.includes(row.kind))
    .reduce((total, row) => total + row.count, 0)
  const spare = reader.budget === null ? UNSTATED_SPARE : Math.floor(reader.budget.remaining / 2)
  if (wanted > spare) {
    listen({
      type: 'note',
      message: `coordinates and relations of ${wanted} assets were not read: one API call each; --details all does it`,
    })
  }
  return wanted > 0 && wanted <= spare
}

/** Assets that were kept by earlier runs without their details. */
async function deepenKept(run: Run): Promise<void> {
  for (let after = ''; ; ) {
    const page = await run.deps.catalog.read((tx) => tx.withoutDetails(run.cloud, after, 200))
    const last = page.at(-1)
    if (last === undefined) return
    after = last.assetId
    for (const known of page) {
      // The catalog has it from a parsed entry.
      const raw = await readDetails(run, { ...known, resourceType: known.resourceType as ResourceType })
      if (raw !== null) await run.deps.catalog.write((tx) => tx.promoteKeep(run.id, known.assetId, raw))
    }
  }
}

async function* doneWithout(run: Run, kind: StepKind): AsyncIterable<StepRow> {
  for (let after = ''; ; ) {
    const page = await run.deps.catalog.read((tx) => tx.steps(run.id, { kind, state: 'done', after, limit: 200 }))
    const last = page.at(-1)
    if (last === undefined) return
    after = last.assetId
    for (const step of page) if (step.detailsRaw === null) yield step
  }
}

async function deepenStep(run: Run, step: StepRow): Promise<void> {
  const records = factsOfStep(run.deps.reader, step)
  if (records === null || !isManagedType(records.facts.type)) return
  const raw = await readDetails(run, records.facts)
  if (raw !== null) await run.deps.catalog.write((tx) => tx.saveDetails(run.id, step.assetId, raw))
}

/** One API call. Null when the account speaks of other bytes by now, or not at all. */
async function readDetails(run: Run, asset: AssetIdentity & { readonly cldVersion: number }): Promise<string | null> {
  try {
    const details = await run.deps.reader.details(asset, run.signal)
    announce(run, 'details')
    if (!details.found || details.row.facts.cldVersion !== asset.cldVersion) return null
    const { facts, raw } = details.row
    return JSON.stringify(run.options.derived ? await keepDerived(run, facts, raw) : raw)
  } catch (error) {
    // Details are an addition: an asset without them is kept all the same.
    if (!isAppError(error) || error.code === 'INTERRUPTED' || error.code === 'API_LIMIT') throw error
    return null
  }
}
