import { createHash } from 'node:crypto'
import type { AssetFacts, RawRecords } from './asset.ts'
import type { Entry, Proof } from './entry.ts'

/**
 * Names a version: 16 hex digits over what makes it one. The same state recorded twice has the same name, and reading
 * more about a state (its details) does not make another version of it.
 */
export function versionId(
  parts: Pick<Entry, 'assetId' | 'cldVersion' | 'object' | 'listHash'> & { updatedAt: string | null },
): string {
  const text = JSON.stringify([parts.assetId, parts.cldVersion, parts.object, parts.listHash, parts.updatedAt])
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** What a run learned of an asset; see `nextEntry`. */
export interface Learned {
  readonly assetId: string
  /** Null when nothing was learned but details. */
  readonly records: { readonly facts: AssetFacts; readonly raw: RawRecords } | null
  readonly details: { readonly facts: AssetFacts; readonly raw: RawRecords['details'] } | null
  readonly listHash: string
  /** Null when the bytes are those of the version before. */
  readonly bytes: { readonly object: string; readonly size: number; readonly md5: string; readonly proof: Proof } | null
  readonly path: string | null
  readonly capturedAt: string
}

/**
 * The entry that follows `before`. What this run did not read again (the search record, the details) is carried over
 * while it still speaks of the same bytes. Returns null when there is nothing to make an entry from.
 */
export function nextEntry(before: Entry | null, learned: Learned): Entry | null {
  const { records, details, bytes } = learned
  if (records === null) {
    if (before === null || details === null) return before
    return {
      ...before,
      facts: {
        ...before.facts,
        coordinates: details.facts.coordinates,
        originalFilename: details.facts.originalFilename,
      },
      raw: { ...before.raw, ...(details.raw === undefined ? {} : { details: details.raw }) },
    }
  }
  const kept =
    bytes ??
    (before === null ? null : { object: before.object, size: before.size, md5: before.md5, proof: before.proof })
  const sameBytes = bytes === null && before !== null
  const facts = sameBytes ? carryFacts(before.facts, records.facts) : records.facts
  const raw: RawRecords = sameBytes ? { ...before.raw, ...records.raw } : records.raw
  const identity = {
    assetId: learned.assetId,
    cldVersion: facts.cldVersion,
    object: kept?.object ?? null,
    listHash: learned.listHash,
    updatedAt: facts.updatedAt,
  }
  return {
    assetId: learned.assetId,
    version: versionId(identity),
    publicId: facts.publicId,
    resourceType: facts.resourceType,
    type: facts.type,
    cldVersion: facts.cldVersion,
    object: identity.object,
    size: kept?.size ?? null,
    md5: kept?.md5 ?? null,
    proof: kept?.proof ?? null,
    path: learned.path,
    capturedAt: learned.capturedAt,
    listHash: learned.listHash,
    facts,
    raw,
  }
}

/** Facts that only search or details tell, kept while the bytes are the same. */
const carryFacts = (before: AssetFacts, now: AssetFacts): AssetFacts => ({
  ...now,
  etag: now.etag ?? before.etag,
  uploadedAt: now.uploadedAt ?? before.uploadedAt,
  updatedAt: now.updatedAt ?? before.updatedAt,
  coordinates: now.coordinates ?? before.coordinates,
  regions: now.regions ?? before.regions,
  originalFilename: now.originalFilename ?? before.originalFilename,
  duration: now.duration ?? before.duration,
  pages: now.pages ?? before.pages,
  status: now.status ?? before.status,
})
