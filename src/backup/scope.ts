import type { AccountRow } from '../cloudinary/reader.ts'
import { ingest } from './ingest.ts'
import type { Scope } from './report.ts'
import type { Run } from './run-state.ts'
import type { Surroundings } from './surroundings.ts'

/** What a look at the account brought, besides the steps it saved. */
export interface Looked {
  readonly surroundings: Surroundings
  /** assetIds that are gone. */
  readonly absent: readonly string[]
}

/** Ids and names a call takes. */
const BATCH = 100

/**
 * Looks at some assets instead of all: a call per 100 of them. What of them was known and is not there any more is asked
 * for twice before it counts as gone; nothing is concluded about any other asset.
 */
export async function lookAt(run: Run, scope: Scope): Promise<Looked> {
  run.deps.listen({ type: 'phase', phase: 'scan' })
  run.partial.add('scan-incomplete')
  // Downloads of a first run wait for what the index says of them; here nobody asks it.
  run.live.searchDone = true
  const seen = new Set<string>()
  await lookAtNames(run, scope, seen)
  const missing = await lookAtIds(run, [...scope.assetIds, ...(await lastBearers(run, scope))], seen)
  const known = await run.deps.catalog.read((tx) => tx.known(run.cloud, missing))
  const absent = await lookAtIds(run, [...known.keys()], seen)
  const before = run.base?.snapshot
  const surroundings = {
    folders: before?.folders ?? null,
    configuration: before?.configuration ?? null,
    folderList: null,
  }
  return { surroundings, absent }
}

/** Who was known to bear the names: if they do not any more, that has to be seen as well. */
async function lastBearers(run: Run, { names }: Scope): Promise<readonly string[]> {
  const { base } = run
  if (base === null) return []
  const publicIds = names.map(({ publicId }) => publicId)
  const found = await run.deps.catalog.read((tx) => tx.bearers(run.cloud, base.seq, publicIds))
  return found.map(({ assetId }) => assetId)
}

async function lookAtNames(run: Run, { names }: Scope, seen: Set<string>): Promise<void> {
  for (let i = 0; i < names.length; i += BATCH) {
    await take(run, await run.deps.reader.byNames(names.slice(i, i + BATCH), run.signal), seen)
  }
}

/** Returns the ids that were not found. */
async function lookAtIds(run: Run, ids: readonly string[], seen: Set<string>): Promise<string[]> {
  const wanted = ids.filter((id) => !seen.has(id))
  for (let i = 0; i < wanted.length; i += BATCH) {
    const rows = await run.deps.reader.byAssetIds(wanted.slice(i, i + BATCH), run.signal)
    await take(run, rows, seen)
  }
  return wanted.filter((id) => !seen.has(id))
}

async function take(run: Run, rows: readonly AccountRow[], seen: Set<string>): Promise<void> {
  const live = rows.filter((row) => !row.placeholder && !seen.has(row.facts.assetId))
  if (live.length > 0) await ingest(run, live, null)
  for (const row of live) seen.add(row.facts.assetId)
}
