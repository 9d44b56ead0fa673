import { createCrew } from '../../lib/crew.ts'
import { pause } from '../../lib/retry.ts'
import type { RestoreResult } from '../report.ts'
import type { Chosen } from '../selection.ts'
import { differingFields, LABEL_FIELDS, type RestorableField, type State, stateOf } from './compare.ts'
import { isItsOwn } from './its-own.ts'
import { labelsOf } from './labels.ts'
import { isWriting, planned } from './plan.ts'
import type { ResultList } from './results.ts'
import type { RestoreRun } from './run-state.ts'

/** Ids a call takes. */
const BATCH = 100
/** Reading right after writing may show the state before (docs/cloudinary.md, "Consistency"). */
const LOOK_AGAIN_MS = [500, 2000]
/** Up to so many assets are proven by their details, a call each; more by listings and the search index. */
const BY_DETAILS = 50
/** With no quota stated, this many calls are taken as spare. */
const UNSTATED_SPARE = 300
/** Assets looked at at the same time. */
const AT_A_TIME = 8

/**
 * Reads again what was restored and compares it, field by field and by the MD5 that the account states, with what was
 * kept. What differs is set once more; what then still differs is named in the result. Yields every result, those that
 * were not touched as they are.
 */
export async function* prove(run: RestoreRun, results: ResultList, restored: number): AsyncIterable<RestoreResult> {
  const { budget } = run.deps.reader
  const spare = budget === null ? UNSTATED_SPARE : Math.floor(budget.remaining / 2)
  const md5 = restored <= Math.min(spare, BY_DETAILS) ? null : await readIndex(run, restored)
  const proving: Proving = { md5, wanted: wantedStates(run), calls: { left: spare } }
  let together: RestoreResult[] = []
  for await (const result of results.read()) {
    if (result.outcome !== 'restored' || result.restored === null) {
      yield result
      continue
    }
    together.push(result)
    if (together.length < BATCH) continue
    yield* await proveAll(run, together, proving)
    together = []
  }
  yield* await proveAll(run, together, proving)
}

interface Proving {
  /** MD5 by asset_id as the index states them; null: the details of each asset are read instead. */
  readonly md5: ReadonlyMap<string, string> | null
  readonly wanted: (results: readonly RestoreResult[]) => Promise<ReadonlyMap<string, Chosen>>
  /** Details that may be asked for where a listing would do, because only they speak of coordinates and regions. */
  readonly calls: { left: number }
}

/** The search index from its changed end, until everything restored was seen. One call for 500 assets. */
async function readIndex(run: RestoreRun, restored: number): Promise<ReadonlyMap<string, string>> {
  const md5 = new Map<string, string>()
  const began = Date.parse(run.startedAt) - 3_600_000
  let cursor: string | null = null
  do {
    const page = await run.deps.reader.searchPage(cursor, run.signal)
    for (const { facts } of page.rows) if (facts.etag !== null) md5.set(facts.assetId, facts.etag)
    cursor = page.cursor
    const last = page.rows.at(-1)?.facts
    if (last !== undefined && Date.parse(last.updatedAt ?? last.uploadedAt ?? '') < began) break
  } while (cursor !== null && md5.size < restored * 4)
  return md5
}

/** The kept versions again, in step with the results: both come in the order of the plan, nearly. */
function wantedStates(run: RestoreRun): Proving['wanted'] {
  const lines = planned(run)[Symbol.asyncIterator]()
  const ahead = new Map<string, Chosen>()
  return async (results) => {
    const found = new Map<string, Chosen>()
    for (const { assetId, version } of results) {
      const key = `${assetId}@${version}`
      while (!ahead.has(key)) {
        const next = await lines.next()
        if (next.done === true) break
        const { chosen, item } = next.value
        if (isWriting(item)) ahead.set(`${chosen.entry.assetId}@${chosen.entry.version}`, chosen)
      }
      const chosen = ahead.get(key)
      if (chosen !== undefined) found.set(key, chosen)
      ahead.delete(key)
    }
    return found
  }
}

async function proveAll(
  run: RestoreRun,
  results: readonly RestoreResult[],
  proving: Proving,
): Promise<readonly RestoreResult[]> {
  if (results.length === 0) return []
  const chosen = await proving.wanted(results)
  const ids = results.flatMap(({ restored }) => (restored === null ? [] : [restored.assetId]))
  const rows = proving.md5 === null ? [] : await run.deps.reader.byAssetIds(ids, run.signal)
  const listed = new Map(rows.map((row) => [row.facts.assetId, row.facts]))
  const proven = [...results]
  await createCrew(AT_A_TIME).each(results.entries(), async ([i, result]) => {
    const kept = chosen.get(`${result.assetId}@${result.version}`)
    if (kept === undefined) return
    const id = result.restored?.assetId ?? ''
    const facts = listed.get(id)
    const etag = proving.md5?.get(id)
    const isVisible = facts !== undefined && etag !== undefined && !wantsDetails(kept, proving)
    const seen = isVisible ? { facts, md5: etag, size: facts.bytes, detailed: false } : null
    proven[i] = await proveOne(run, result, { kept, seen })
  })
  return proven
}

function wantsDetails({ entry }: Chosen, { calls }: Proving): boolean {
  if (entry.facts.coordinates === null && entry.facts.regions === null) return false
  calls.left -= 1
  return calls.left >= 0
}

async function proveOne(
  run: RestoreRun,
  result: RestoreResult,
  { kept, seen }: { readonly kept: Chosen; readonly seen: State | null },
): Promise<RestoreResult> {
  const first = seen === null ? null : missingIn(run, result, kept, seen)
  if (first !== null && first.length === 0) return result // what the answer to the upload showed stays in it
  let missing = await readMissing(run, result, kept)
  for (const delay of LOOK_AGAIN_MS) {
    if (missing.length === 0) break
    await pause(delay, run.signal)
    await setAgain(run, result, { kept, missing })
    missing = await readMissing(run, result, kept)
  }
  return missing.length === 0 ? result : { ...result, missing }
}

/** The differing fields by the details, the fullest and freshest answer there is. */
async function readMissing(run: RestoreRun, result: RestoreResult, kept: Chosen): Promise<readonly RestorableField[]> {
  const assetId = result.restored?.assetId ?? result.assetId
  const answer = await run.deps.reader.details({ ...result.name, assetId }, run.signal)
  if (!answer.found) return ['bytes']
  const { facts } = answer.row
  return missingIn(run, result, kept, { facts, md5: facts.etag, size: facts.bytes, detailed: true })
}

function missingIn(
  run: RestoreRun,
  result: RestoreResult,
  { entry }: Chosen,
  present: State,
): readonly RestorableField[] {
  const state = stateOf(entry)
  // Under the policy `rename` the new name is the wanted one, and a listing does not speak of everything.
  const kept = {
    ...state,
    facts: {
      ...state.facts,
      publicId: result.name.publicId,
      ...(present.detailed ? {} : { coordinates: null, regions: null, originalFilename: null }),
    },
    detailed: state.detailed && present.detailed,
  }
  const fields = differingFields(kept, present, { folderMode: run.folderMode })
  if (run.options.metadataOnly) return fields.filter((field) => LABEL_FIELDS.includes(field))
  // Bytes that were not sent again keep the file name they were first sent with.
  return result.action === 'create' || result.action === 'overwrite'
    ? fields
    : fields.filter((field) => field !== 'original_filename')
}

async function setAgain(
  run: RestoreRun,
  result: RestoreResult,
  { kept, missing }: { readonly kept: Chosen; readonly missing: readonly RestorableField[] },
): Promise<void> {
  const labels = labelsOf(kept.entry, { folderMode: run.folderMode, fields: missing })
  if (Object.keys(labels).length === 0 || result.restored === null) return
  const name = { ...result.name, publicId: result.restored.publicId, assetId: result.restored.assetId }
  try {
    await run.deps.writer.relabel(name, labels, run.signal)
  } catch (error) {
    // The comparison says what is missing; why it was refused adds nothing that ends the run.
    if (!isItsOwn(error)) throw error
  }
}
