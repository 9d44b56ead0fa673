import type { CatalogWriter, Known, NewStep, ScanState, SearchMark } from '../catalog/catalog.ts'
import type { AccountRow } from '../cloudinary/reader.ts'
import type { Json } from '../model/json.ts'
import { decide, type Seen } from './decide.ts'
import { announce } from './progress.ts'
import type { Run } from './run-state.ts'

/** Judges a page of listed assets and saves the verdicts together with the cursor, in one transaction. */
export async function ingest(run: Run, rows: readonly AccountRow[], state: ScanState | null): Promise<void> {
  const live = rows.filter((row) => !row.placeholder)
  const ids = live.map((row) => row.facts.assetId)
  const steps = await run.deps.catalog.write(async (tx) => {
    const known = await tx.known(run.cloud, ids)
    const marks = await tx.searchMarks(run.id, ids)
    const judged = live.map((row) => judge(run, row, known.get(row.facts.assetId), marks.get(row.facts.assetId)))
    await save(tx, run, judged, state)
    return judged
  })
  for (const [i, step] of steps.entries()) {
    const row = live[i]
    if (row === undefined) continue
    run.live.scanned += 1
    if (step.kind === 'exclude') run.excludedBy.set(step.why, (run.excludedBy.get(step.why) ?? 0) + 1)
    if (step.kind === 'fetch') {
      run.live.wanted += 1
      run.scratch.warn(row.facts)
      run.live.wantedBytes += row.facts.bytes ?? 0
    }
    if (run.options.dryRun && step.kind !== 'keep') {
      run.deps.listen({
        type: 'planned',
        kind: step.kind,
        why: step.why,
        publicId: row.facts.publicId,
        bytes: row.facts.bytes,
      })
    }
  }
  announce(run, 'scan')
}

async function save(tx: CatalogWriter, run: Run, steps: readonly NewStep[], state: ScanState | null): Promise<void> {
  await tx.saveSteps(run.id, steps)
  if (state !== null) await tx.saveScanState(run.id, state)
}

function judge(run: Run, row: AccountRow, known: Known | undefined, mark: SearchMark | undefined): NewStep {
  const base = { assetId: row.facts.assetId, listHash: row.hash }
  const rule = run.rules.excludedBy(row.facts)
  if (rule !== null) return { ...base, kind: 'exclude', state: 'done', why: rule, listRaw: null }
  const seen: Seen = { facts: row.facts, hash: row.hash, ...markFor(run, row, known, mark) }
  const { kind, why } = decide(known, seen, run.options)
  return {
    ...base,
    kind,
    state: kind === 'fetch' ? 'queued' : 'done',
    why,
    listRaw: kind === 'keep' ? null : JSON.stringify(row.raw),
  }
}

/** What the index says, if it speaks of the bytes that the listing names: it may still hold the state before. */
function markFor(
  run: Run,
  row: AccountRow,
  known: Known | undefined,
  mark: SearchMark | undefined,
): Pick<Seen, 'etag' | 'updatedAt'> {
  // Of an asset that is new nothing can differ; and a listing may speak of etags itself.
  if (mark === undefined || known === undefined) return { etag: row.facts.etag, updatedAt: row.facts.updatedAt }
  const cldVersion =
    mark.raw === null
      ? known.cldVersion
      : run.deps.reader.parseRow(JSON.parse(mark.raw) as Json, 'search').facts.cldVersion
  return cldVersion === row.facts.cldVersion
    ? { etag: mark.etag ?? row.facts.etag, updatedAt: mark.updatedAt ?? row.facts.updatedAt }
    : { etag: row.facts.etag, updatedAt: row.facts.updatedAt }
}
