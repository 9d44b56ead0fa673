/** The counts of a run. scanned = fetched + unchanged + relabelled + renamed + recorded + failed + excluded. */
export interface Totals {
  readonly scanned: number
  /** Assets whose bytes were downloaded (new or replaced). */
  readonly fetched: number
  readonly fetchedBytes: number
  readonly unchanged: number
  /** Metadata changed, bytes did not. */
  readonly relabelled: number
  /** public_id, folder or display name changed, bytes did not. */
  readonly renamed: number
  /** Kept as records only: remote and generated delivery types. */
  readonly recorded: number
  readonly gone: number
  readonly failed: number
  readonly excluded: number
}

export const NO_TOTALS: Totals = {
  scanned: 0,
  fetched: 0,
  fetchedBytes: 0,
  unchanged: 0,
  relabelled: 0,
  renamed: 0,
  recorded: 0,
  gone: 0,
  failed: 0,
  excluded: 0,
}

/** A named asset that could not be kept in a run, and why. */
export interface Failure {
  readonly assetId: string
  readonly publicId: string
  readonly resourceType: string
  readonly type: string
  readonly code: string
  readonly reason: string
}

/** Part of a manifest: all entries whose assetId starts with `prefix`. `object` is a gzip file of JSON lines. */
export interface SegmentRef {
  readonly prefix: string
  /** SHA-256 of the compressed bytes; the segment is an object of the vault. */
  readonly object: string
  /** Compressed length in bytes. */
  readonly size: number
  readonly entries: number
  /** Sum of the sizes of the objects that its entries name. */
  readonly contentBytes: number
}

/** Why a snapshot is not complete. */
export type PartialReason = 'failures' | 'guard' | 'scan-incomplete' | 'configuration-incomplete'

/**
 * The head of a snapshot: `accounts/<cloud>/snapshots/<UTC time>-<id>.json`. It is written last, after everything it
 * names is durable, so its existence is the snapshot's existence.
 */
export interface Snapshot {
  readonly format: 1
  readonly id: string
  readonly cloud: string
  /** ISO-8601. The scan began at `startedAt`; the snapshot was committed at `takenAt`. */
  readonly startedAt: string
  readonly takenAt: string
  readonly parent: string | null
  readonly complete: boolean
  readonly partialReasons: readonly PartialReason[]
  readonly tool: string
  readonly folderMode: 'fixed' | 'dynamic' | null
  readonly totals: Totals
  /** What the snapshot holds, all together. */
  readonly assets: number
  readonly bytes: number
  /** Segments split assetIds by their first `prefixLength` characters. */
  readonly prefixLength: number
  readonly segments: readonly SegmentRef[]
  /** gzip JSON objects; null when that part could not be read and no earlier snapshot had it. */
  readonly folders: string | null
  readonly configuration: string | null
  /** gzip JSON lines of `Failure`; null when nothing failed. */
  readonly failures: string | null
  /** Number of assets left out, by the rule that did it. */
  readonly excludedBy: Readonly<Record<string, number>>
  /** When the search index was last read to its end, ISO-8601. */
  readonly reconciledAt: string | null
  /** Why it was taken; absent: for its own sake. One taken before a restore shows the state that was to be mended. */
  readonly purpose?: 'before-restore'
}

/** A head as it lies in the vault, with the key it lies under. */
export interface StoredSnapshot {
  readonly key: string
  readonly snapshot: Snapshot
}

/**
 * True when the scan reached its end and no guard stopped the run: what the next run measures changes against. Assets
 * that failed do not matter here, or one that always fails would switch the guard off for good.
 */
export const isTrusted = ({ partialReasons }: Pick<Snapshot, 'partialReasons'>): boolean =>
  !partialReasons.includes('guard') && !partialReasons.includes('scan-incomplete')
