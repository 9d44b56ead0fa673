import type { StepKind, StepRow } from '../catalog/catalog.ts'
import { derivedRows, withoutObjects } from '../model/derived.ts'
import { AppError } from '../model/errors.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { listTrash, reclaimObject } from '../vault/trash.ts'
import { foundInList } from './found-in-list.ts'
import type { Run } from './run-state.ts'
import { keepSurroundings, type Surroundings } from './surroundings.ts'
import { startTransfers } from './transfer.ts'

const ROUNDS = 3
/** Assets whose objects are looked for in one list; bounds the memory. */
const BATCH = 50_000
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
  const once = run.deps.vault.store.traits.maxConcurrency
  const lost: string[] = []
  let ahead: Ahead | null = null
  for await (const page of pagesOf(run, kind, '')) {
    const [first] = page
    if (kind === 'fetch' && first !== undefined && (ahead === null || ahead.last < first.assetId))
      ahead = await lookAhead(run, first)
    const isListed = ahead?.isListed ?? (() => false)
    for (let i = 0; i < page.length; i += once) {
      const some = page.slice(i, i + once)
      const found = await Promise.all(some.map((step) => isThere(run, step, isListed)))
      lost.push(...some.flatMap((step, n) => (found[n] === true ? [] : [step.assetId])))
    }
  }
  return lost
}

async function* pagesOf(run: Run, kind: StepKind, start: string): AsyncGenerator<readonly StepRow[], void, void> {
  for (let after = start; ; ) {
    const page = await run.deps.catalog.read((tx) => tx.steps(run.id, { kind, state: 'done', after, limit: 500 }))
    const last = page.at(-1)
    if (last === undefined) return
    after = last.assetId
    yield page
  }
}

interface Ahead {
  /** The assetId of the last one that was looked for. */
  readonly last: string
  readonly isListed: (digest: string) => boolean
}

/** Looks for the objects of fetched assets, this one and those after it, many at once where that is cheaper. */
async function lookAhead(run: Run, first: StepRow): Promise<Ahead> {
  let last = first.assetId
  const digests = async function* (): AsyncGenerator<string, void, void> {
    if (first.object !== null) yield first.object
    let count = 0
    for await (const page of pagesOf(run, 'fetch', first.assetId)) {
      for (const { assetId, object } of page) {
        last = assetId
        if (object !== null) yield object
      }
      count += page.length
      if (count >= BATCH) return
    }
  }
  return { isListed: await foundInList(run.deps.vault, digests(), run.signal), last }
}

async function isThere(run: Run, step: StepRow, isListed: (digest: string) => boolean): Promise<boolean> {
  const { store } = run.deps.vault
  if (step.detailsRaw?.includes('"object"') === true) await secureDerived(run, step, step.detailsRaw)
  if (step.kind !== 'fetch' || step.object === null || isListed(step.object)) return true
  return await reclaimObject(store, step.object, run.signal)
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
