import type { Entry } from '../../model/entry.ts'
import { isAppError } from '../../model/errors.ts'
import { type Candidate, candidateOf, compareCandidates, isBackedUp, mayHoldMore } from './decide.ts'
import type { ImportRun } from './import-state.ts'

/** Assets chosen in one reading of the snapshot: hours of calls, and a few megabytes. */
const PAGE = 5000

export interface Survey {
  /** In the order in which they are to be asked for. */
  readonly page: readonly Candidate[]
  /** All that come after `after`, those on the page included. */
  readonly assets: number
  readonly olderBytes: number
}

/**
 * Reads the newest snapshot and chooses the assets to ask for first, of those that come after `after`. An account may
 * have millions: so only a page of them is held, and the snapshot, which is here, is read again for the next.
 */
export const survey = (run: ImportRun, after: Candidate | null): Promise<Survey> => choose(candidates(run), after, PAGE)

/** The first `most` candidates after `after`, whatever the order in which they come. */
export async function choose(
  candidates: AsyncIterable<Candidate>,
  after: Candidate | null,
  most: number,
): Promise<Survey> {
  let page: Candidate[] = []
  let [assets, olderBytes] = [0, 0]
  const order = (): void => {
    page = page.toSorted(compareCandidates).slice(0, most)
  }
  for await (const candidate of candidates) {
    if (after !== null && compareCandidates(candidate, after) <= 0) continue
    assets += 1
    olderBytes += candidate.olderBytes ?? 0
    page.push(candidate)
    if (page.length >= 2 * most) order()
  }
  order()
  return { page, assets, olderBytes }
}

/** The assets of the account that may have more versions than the vault, best first. */
export async function* currentAssets(run: ImportRun, first: Survey): AsyncIterable<Candidate> {
  let { page } = first
  while (page.length > 0) {
    yield* page
    if (page.length < PAGE) return
    page = (await survey(run, page.at(-1) ?? null)).page
  }
}

async function* candidates(run: ImportRun): AsyncIterable<Candidate> {
  const { deps, newest, options, journal } = run
  for await (const entry of entries(run)) {
    const signs = deps.reader.backupSigns(entry.raw)
    if (!isBackedUp(entry, signs)) continue
    if (!options.all) {
      if (journal.wasAsked(entry.assetId, entry.cldVersion)) continue
      // Only where details were read is there anything to compare, so that most assets cost no look into the catalog.
      const isListed = signs.versions !== null && signs.versions.length > 0
      const known = isListed ? await deps.catalog.read((tx) => tx.versionsOf(newest.snapshot.cloud, entry.assetId)) : []
      if (!mayHoldMore(entry, signs, known)) continue
    }
    yield candidateOf(entry, signs)
  }
}

/** A damaged segment hides its assets from this run; `verify` says what is to be done about it. */
async function* entries({ deps, newest, signal }: ImportRun): AsyncIterable<Entry> {
  for (const { object } of newest.snapshot.segments) {
    try {
      yield* deps.vault.readSegment(object, signal)
    } catch (error) {
      const isLost = ['OBJECT_CORRUPT', 'OBJECT_NOT_FOUND', 'VAULT_INVALID'].some(
        (code) => isAppError(error) && error.code === code,
      )
      if (!isLost || !isAppError(error)) throw error
      deps.listen({ type: 'note', message: `some assets are left out: ${error.message} (cloudkeep verify says more)` })
    }
  }
}
