import type { AssetFacts, RawRecords } from './asset.ts'

/** How the bytes of an object were proven against the account's facts when they were accepted. */
export type Proof = 'md5' | 'length'

/**
 * One line of a manifest segment: one version of one asset. Lines are JSON, one asset a line, sorted by `assetId`,
 * which is always the first key (so a reader can find an asset without parsing the rest).
 * A version is never edited; a line is replaced when the asset has a new version.
 */
export interface Entry {
  readonly assetId: string
  /** 16 hex digits that name this version; see `versionId`. */
  readonly version: string
  readonly publicId: string
  readonly resourceType: AssetFacts['resourceType']
  readonly type: string
  readonly cldVersion: number
  /** SHA-256 of the bytes; null for what is recorded without bytes (remote and generated delivery types). */
  readonly object: string | null
  /** Length of the object in bytes; null when there is none. */
  readonly size: number | null
  readonly md5: string | null
  readonly proof: Proof | null
  /** Path in the library, relative, `/`-separated, already safe on every system. Given once, kept while the name lasts. */
  readonly path: string | null
  /** ISO-8601, when this version was recorded. */
  readonly capturedAt: string
  /** Digest of the list record; equal digests mean nothing in the listing changed. */
  readonly listHash: string
  readonly facts: AssetFacts
  readonly raw: RawRecords
}

export const encodeEntry = (entry: Entry): string => JSON.stringify(entry)

/** One difference between two snapshots, for one asset. `before` is null for a new asset, `after` null for a gone one. */
export interface EntryChange {
  readonly assetId: string
  readonly after: Entry | null
}
