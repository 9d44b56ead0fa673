import type { AccountRow, ListPage, SearchPage } from '../../cloudinary/reader.ts'
import { MANAGED_TYPES, RESOURCE_TYPES } from '../../model/asset.ts'
import { type AppError, isAppError } from '../../model/errors.ts'
import type { ImportRun } from './import-state.ts'

/** Deleted assets of which Cloudinary's backup still holds something. Each may come more than once. */
export async function* deletedAssets(run: ImportRun, first: SearchPage | null): AsyncIterable<AccountRow> {
  if (first === null) yield* fromListings(run)
  else yield* fromSearch(run, first)
}

/** The first page, with the count of all; null when the search does not know deleted assets. One API call. */
export async function firstDeletedPage({ deps, signal }: ImportRun): Promise<SearchPage | null> {
  try {
    return await deps.reader.deletedPage(null, signal)
  } catch (error) {
    if (!isAppError(error) || !isRefusal(error)) throw error
    const message = `deleted assets are looked for in the listings, because the search refuses: ${error.message}`
    deps.listen({ type: 'note', message })
    return null
  }
}

/** Search is not part of every plan and key. Wrong credentials are refused by the listings too. */
const isRefusal = ({ code }: AppError): boolean =>
  code === 'API_REFUSED' || code === 'CREDENTIALS_REFUSED' || code === 'RESOURCE_NOT_FOUND'

/** Of these in a row the service can mean only that it gives no second page at all. */
const MOST_RESTARTS = 3

async function* fromSearch({ deps, signal }: ImportRun, first: SearchPage): AsyncIterable<AccountRow> {
  let page = first
  let restarts = 0
  for (;;) {
    yield* page.rows
    if (page.cursor === null) return
    try {
      page = await deps.reader.deletedPage(page.cursor, signal)
      restarts = 0
    } catch (error) {
      // A page takes an hour where the limit is low, and cursors live for an unknown time. What comes again is known.
      restarts += 1
      if (!isAppError(error, 'CURSOR_EXPIRED') || restarts > MOST_RESTARTS) throw error
      page = await deps.reader.deletedPage(null, signal)
    }
  }
}

/** Listings carry placeholders between everything else: a call for each 500 assets. */
async function* fromListings({ deps, signal }: ImportRun): AsyncIterable<AccountRow> {
  const partitions = RESOURCE_TYPES.flatMap((resourceType) => MANAGED_TYPES.map((type) => ({ resourceType, type })))
  for (const partition of partitions) {
    let since: string | null = null
    let cursor: string | null = null
    do {
      const at: { since: string | null; cursor: string | null } = { since: cursor === null ? since : null, cursor }
      const page: ListPage = await deps.reader.listPage(partition, at, signal).catch((error: unknown) => {
        if (!isAppError(error, 'CURSOR_EXPIRED')) throw error
        return deps.reader.listPage(partition, { cursor: null, since }, signal)
      })
      yield* page.rows.filter((row) => row.placeholder)
      since = page.rows.at(-1)?.facts.createdAt ?? since
      cursor = page.cursor
    } while (cursor !== null)
  }
}
