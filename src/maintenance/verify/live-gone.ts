import type { Known } from '../../catalog/catalog.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { differ, type Live, toResourceType } from './live-state.ts'

/** Kept assets that the listing does not name are asked for by id, so many at a time and in all; see `confirmAbsence`. */
const BATCH = 100
const MAX_CONFIRMED = 2000
const PAGE = 500

/** An asset is gone when a listing that reached its end does not name it and the account, asked by id, does not know it. */
export async function findGone(live: Live, incomplete: ReadonlySet<string>): Promise<void> {
  let [confirmed, forgotten] = [0, 0]
  let batch: string[] = []
  const flush = async (): Promise<void> => {
    const missing = batch
    batch = []
    const candidates = await live.catalog.read((tx) => tx.known(live.cloud, missing))
    const gone = [...candidates.values()].filter((known) => !incomplete.has(`${known.resourceType}/${known.type}`))
    const isAsked = confirmed < MAX_CONFIRMED
    // Where the listing forgot some of those that were asked for, it may have forgotten some that were not.
    if (!isAsked && forgotten > 0) return
    const present = isAsked ? await presentOf(live, gone) : new Set<string>()
    confirmed += gone.length
    forgotten += present.size
    for (const known of gone) {
      if (present.has(known.assetId)) continue
      const asset = { ...known, resourceType: toResourceType(known.resourceType) }
      differ(live, asset, { code: 'live-gone', message: 'it is in the newest snapshot and not in the account' })
    }
  }
  for await (const assetId of live.catalog.stream((tx) => tx.currentIds(live.cloud, ''))) {
    live.signal.throwIfAborted()
    if (live.seen.has(sha256Hex(assetId))) continue
    batch.push(assetId)
    if (batch.length >= PAGE) await flush()
  }
  if (batch.length > 0) await flush()
}

async function presentOf({ reader, signal }: Live, gone: readonly Known[]): Promise<ReadonlySet<string>> {
  const present = new Set<string>()
  for (let i = 0; i < gone.length; i += BATCH) {
    const ids = gone.slice(i, i + BATCH).map(({ assetId }) => assetId)
    for (const row of await reader.byAssetIds(ids, signal)) if (!row.placeholder) present.add(row.facts.assetId)
  }
  return present
}
