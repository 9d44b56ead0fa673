import type { StepKind, StepRow } from '../catalog/catalog.ts'
import { isManagedType } from '../model/asset.ts'
import { isAppError } from '../model/errors.ts'
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
  if (options.details === 'none' || options.dryRun) return
  const wanted = await countWanted(run)
  if (wanted === 0) return
  const budget = deps.reader.budget
  const spare = budget === null ? UNSTATED_SPARE : Math.floor(budget.remaining / 2)
  if (options.details === 'spare' && wanted > spare) {
    deps.listen({
      type: 'note',
      message: `coordinates and relations of ${wanted} assets were not read: one API call each; --details all does it`,
    })
    return
  }
  deps.listen({ type: 'phase', phase: 'details' })
  for (const kind of KINDS) {
    for await (const step of doneWithout(run, kind)) await readDetails(run, step)
  }
}

async function countWanted(run: Run): Promise<number> {
  let wanted = 0
  for (const kind of KINDS) {
    for await (const _ of doneWithout(run, kind)) wanted += 1
  }
  return wanted
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

async function readDetails(run: Run, step: StepRow): Promise<void> {
  const records = factsOfStep(run.deps.reader, step)
  if (records === null || !isManagedType(records.facts.type)) return
  try {
    const details = await run.deps.reader.details(records.facts, run.signal)
    if (!details.found || details.row.facts.cldVersion !== records.facts.cldVersion) return
    await run.deps.catalog.write((tx) => tx.saveDetails(run.id, step.assetId, JSON.stringify(details.row.raw)))
    announce(run, 'details')
  } catch (error) {
    // Details are an addition: an asset without them is kept all the same.
    if (!isAppError(error) || error.code === 'INTERRUPTED' || error.code === 'API_LIMIT') throw error
  }
}
