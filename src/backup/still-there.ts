import type { StepKind, StepRow } from '../catalog/catalog.ts'
import { derivedRows, withoutObjects } from '../model/derived.ts'
import { AppError } from '../model/errors.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { listTrash, reclaimObject } from '../vault/trash.ts'
import type { Run } from './run-state.ts'
import { keepSurroundings, type Surroundings } from './surroundings.ts'
import { startTransfers } from './transfer.ts'

const ROUNDS = 3
const KINDS: readonly StepKind[] = ['fetch', 'relabel', 'rename']

/**
 * Before the head is written: everything that this run brought in, or found there and relied on, must be in the vault
 * still. A prune that runs beside takes only what nobody names; it knows of this run by its steps, but not when it runs
 * elsewhere or the catalog was lost. What is in the trash comes back; what is gone is fetched again. Looks at what
 * changed in this run and at nothing else.
 */
export async function secure(run: Run, surroundings: Surroundings): Promise<Surroundings> {
  for (let round = 1; ; round += 1) {
    const lost: string[] = []
    for (const kind of KINDS) lost.push(...(await lostOfKind(run, kind)))
    if (lost.length === 0) break
    if (round > ROUNDS) {
      throw new AppError('OBJECT_NOT_FOUND', `objects of ${lost.length} assets go as fast as they are fetched`, {
        hint: 'let no prune of another machine run beside a backup, or give it a longer --grace',
      })
    }
    await fetchAgain(run, lost)
  }
  const { store } = run.deps.vault
  for (const digest of [surroundings.folders, surroundings.configuration]) {
    if (digest !== null && !(await reclaimObject(store, digest, run.signal))) return await keepSurroundings(run)
  }
  return surroundings
}

async function fetchAgain(run: Run, lost: readonly string[]): Promise<void> {
  run.deps.listen({ type: 'note', message: `objects of ${lost.length} assets are gone; they are fetched again` })
  await run.deps.catalog.write((tx) => tx.requeueDone(run.id, lost))
  run.live.fetched -= lost.length
  const transfers = startTransfers(run)
  try {
    await transfers.finished()
  } finally {
    await transfers.stop()
  }
}

/** assetIds whose own bytes are gone. Derived bytes that are gone are only crossed out: they can be made again. */
async function lostOfKind(run: Run, kind: StepKind): Promise<readonly string[]> {
  const { catalog, vault } = run.deps
  const lost: string[] = []
  for (let after = ''; ; ) {
    const page = await catalog.read((tx) => tx.steps(run.id, { kind, state: 'done', after, limit: 500 }))
    const last = page.at(-1)
    if (last === undefined) return lost
    after = last.assetId
    const once = vault.store.traits.maxConcurrency
    for (let i = 0; i < page.length; i += once) {
      const found = await Promise.all(page.slice(i, i + once).map((step) => isThere(run, step)))
      lost.push(...page.slice(i, i + once).flatMap((step, n) => (found[n] === true ? [] : [step.assetId])))
    }
  }
}

async function isThere(run: Run, step: StepRow): Promise<boolean> {
  const { store } = run.deps.vault
  if (step.detailsRaw?.includes('"object"') === true) await secureDerived(run, step, step.detailsRaw)
  return step.kind !== 'fetch' || step.object === null || (await reclaimObject(store, step.object, run.signal))
}

async function secureDerived(run: Run, step: StepRow, detailsRaw: string): Promise<void> {
  const details: Json = JSON.parse(detailsRaw)
  const lost = new Set<JsonObject>()
  for (const { row, object } of derivedRows(details)) {
    if (object !== null && !(await reclaimObject(run.deps.vault.store, object, run.signal))) lost.add(row)
  }
  if (lost.size === 0) return
  run.partial.add('failures')
  const left = JSON.stringify(withoutObjects(details, lost))
  await run.deps.catalog.write((tx) => tx.saveDetails(run.id, step.assetId, left))
}

/** What a head itself names comes back: before the head is written, and after it, when every prune sees that it is needed. */
export async function reclaimNamed(run: Run, snapshot: Snapshot): Promise<void> {
  const { store } = run.deps.vault
  const named = new Set<string | null>([snapshot.folders, snapshot.configuration, snapshot.failures])
  for (const ref of snapshot.segments) named.add(ref.object)
  for await (const { digest } of listTrash(store, run.signal)) {
    if (named.has(digest)) await reclaimObject(store, digest, run.signal)
  }
}
