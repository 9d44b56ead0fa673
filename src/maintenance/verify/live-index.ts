import { isSameTime } from '../../backup/decide.ts'
import type { AccountRow } from '../../cloudinary/reader.ts'
import { sha256Hex } from '../../lib/hash.ts'
import { isAppError } from '../../model/errors.ts'
import { differ, isPartOnly, knownOf, type Live } from './live-state.ts'

/**
 * The index adds MD5 and time of change to what was listed. It lags, so it is believed only where it speaks of the
 * cld_version that is kept. False when it could not be read.
 */
export async function readIndex(live: Live): Promise<boolean> {
  try {
    for (let cursor: string | null = null; ; ) {
      const page = await live.reader.searchPage(cursor, live.signal, 'created')
      await compareIndexed(live, page.rows)
      cursor = page.cursor
      if (cursor === null) return true
    }
  } catch (error) {
    if (!isPartOnly(error) && !isAppError(error, 'CREDENTIALS_REFUSED')) throw error
    const message = `the search index could not be read, so MD5s were not compared: ${error.message}`
    live.listen({ type: 'note', message })
    return false
  }
}

async function compareIndexed(live: Live, rows: readonly AccountRow[]): Promise<void> {
  const known = await knownOf(live, rows)
  for (const { facts, placeholder } of rows) {
    const kept = known.get(facts.assetId)
    const id = sha256Hex(facts.assetId)
    // Told of already, not listed, or of another state than the one kept.
    if (placeholder || kept === undefined || !live.seen.has(id) || kept.cldVersion !== facts.cldVersion) continue
    if (live.seen.isMarked(id)) continue
    const md5 = kept.md5 ?? kept.etag
    if (facts.etag !== null && md5 !== null && facts.etag !== md5) {
      const message = `the account says MD5 ${facts.etag}, and the newest snapshot has ${md5}`
      differ(live, facts, { code: 'live-replaced', message })
    } else if (isYounger(facts.updatedAt, kept.updatedAt)) {
      const message = `it was changed ${facts.updatedAt}, and the newest snapshot has its state of ${kept.updatedAt}`
      differ(live, facts, { code: 'live-relabelled', message })
    }
  }
}

const isYounger = (live: string | null, kept: string | null): boolean =>
  live !== null && kept !== null && !isSameTime(live, kept) && Date.parse(live) > Date.parse(kept)
