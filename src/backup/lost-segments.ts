import type { Known, NewStep, StepKind, StepRow } from '../catalog/catalog.ts'
import { isLoss } from '../catalog/snapshot-changes.ts'
import { sha256Hex } from '../lib/hash.ts'
import { latestProofs } from '../maintenance/proofs.ts'
import type { SegmentRef, Snapshot } from '../model/snapshot.ts'
import { decide } from './decide.ts'
import type { Run } from './run-state.ts'

/** Ids a call of `by_asset_ids` takes. */
const BATCH = 100
/** Steps that stand on the line of the snapshot before; all others bring everything themselves. */
const STANDING: readonly StepKind[] = ['keep', 'relabel', 'rename']
const WHY = 'manifest-lost'

/**
 * Segments of the last snapshot that cannot be read any more: those that are absent or have another length, and of
 * those that a check or the catalog found damaged the ones that still are. Costs a look a segment. Damage that nobody
 * has noticed yet shows when the segment is to be merged.
 */
export async function lostSegments(run: Run, before: Snapshot): Promise<ReadonlyMap<string, SegmentRef>> {
  const { catalog, vault } = run.deps
  const damaged = new Set((await latestProofs(vault, run.signal)).verify?.damaged ?? [])
  for (const { objects } of await catalog.read((tx) => tx.damagedSnapshots(run.cloud)))
    for (const object of objects) damaged.add(object)
  const lost = new Map<string, SegmentRef>()
  const once = vault.store.traits.maxConcurrency
  for (let i = 0; i < before.segments.length; i += once) {
    const some = before.segments.slice(i, i + once)
    const found = await Promise.all(some.map(({ object }) => vault.statObject(object, run.signal)))
    for (const [n, ref] of some.entries())
      if (found[n]?.size !== ref.size || (damaged.has(ref.object) && !(await isReadable(run, ref))))
        lost.set(ref.object, ref)
  }
  return lost
}

async function isReadable(run: Run, ref: SegmentRef): Promise<boolean> {
  try {
    for await (const _ of run.deps.vault.readSegment(ref.object, run.signal));
    return true
  } catch (error) {
    if (!isLoss(error)) throw error
    return false
  }
}

/**
 * Makes the lines of a lost segment again. What the run had nothing to write about is asked for by id, a call for 100
 * assets; bytes are those that the catalog knows, if they are still in the vault. An asset of which the account holds
 * other bytes by now, or the vault none, has failed in this run and is fetched by the next one. What is not in the
 * account any more leaves the manifest, as it would have anyway.
 */
export async function recordAgain(run: Run, ref: SegmentRef): Promise<void> {
  const { catalog, listen } = run.deps
  let recorded = 0
  for (const kind of STANDING) {
    for (let after = ref.prefix; ; ) {
      const at = after
      const page = await catalog.read((tx) => tx.steps(run.id, { kind, state: 'done', after: at, limit: BATCH }))
      const steps = page.filter(({ assetId }) => assetId.startsWith(ref.prefix))
      recorded += await recordPage(run, kind, steps)
      const last = page.at(-1)
      if (last === undefined || steps.length < page.length) break
      after = last.assetId
    }
  }
  listen({
    type: 'note',
    message: `segment "${ref.prefix}" of the last snapshot cannot be read: of its ${ref.entries} assets ${recorded} were recorded again`,
  })
}

async function recordPage(run: Run, kind: StepKind, steps: readonly StepRow[]): Promise<number> {
  if (steps.length === 0) return 0
  const ids = steps.map(({ assetId }) => assetId)
  const known = await run.deps.catalog.read((tx) => tx.known(run.cloud, ids))
  if (kind === 'keep') return await askAgain(run, ids, known)
  let there = 0
  for (const { assetId } of steps) {
    const kept = known.get(assetId)
    if (kept === undefined || (await hasBytes(run, kept))) there += 1
    else await fail(run, kept)
  }
  return there
}

async function askAgain(run: Run, ids: readonly string[], known: ReadonlyMap<string, Known>): Promise<number> {
  const rows = (await run.deps.reader.byAssetIds(ids, run.signal)).filter((row) => !row.placeholder)
  const steps: NewStep[] = []
  for (const { facts, hash, raw } of rows) {
    const { assetId } = facts
    const kept = known.get(assetId)
    const seen = { facts, hash, etag: facts.etag, updatedAt: facts.updatedAt }
    if (kept === undefined || decide(kept, seen, run.options).kind === 'fetch' || !(await hasBytes(run, kept)))
      await fail(run, { ...facts, listHash: hash })
    else {
      const written = { state: 'done', why: WHY, listHash: hash, listRaw: JSON.stringify(raw) } as const
      steps.push({ assetId, kind: kept.object === null ? 'record' : 'relabel', ...written })
    }
  }
  await run.deps.catalog.write((tx) => tx.saveSteps(run.id, steps))
  return steps.length
}

async function hasBytes(run: Run, { object, size }: Known): Promise<boolean> {
  return object === null || (await run.deps.vault.statObject(object, run.signal))?.size === size
}

/** The step gives way to one that fails, so that no line is made of it. */
async function fail(
  run: Run,
  asset: Pick<Known, 'assetId' | 'publicId' | 'resourceType' | 'type' | 'listHash'>,
): Promise<void> {
  const { assetId, publicId, resourceType, type } = asset
  const why = {
    code: 'OBJECT_NOT_FOUND',
    reason: 'its record was lost with a damaged manifest; the next run fetches it',
  }
  // Under another hash a step takes the place of any other.
  const step = { kind: 'fetch', state: 'failed', why: WHY, listHash: sha256Hex(asset.listHash), listRaw: null } as const
  await run.deps.catalog.write(async (tx) => {
    await tx.saveSteps(run.id, [{ assetId, ...step }])
    await tx.markFailed(run.id, assetId, why)
  })
  const failure = { assetId, publicId, resourceType, type, ...why }
  run.failures.push(failure)
  run.live.failed += 1
  run.deps.listen({ type: 'failure', failure })
}
