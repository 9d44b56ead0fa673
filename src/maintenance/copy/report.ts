/** What a copy could not take along, or not as it should be. All of them make the exit code 3. */
export interface CopyFinding {
  readonly code: /** Named by a snapshot or a history record, and not in the source. */
    | 'object-missing'
    /** Its bytes are not what its name says, so they were not copied. */
    | 'object-corrupt'
    /** The source refuses to give its bytes. */
    | 'object-unreadable'
    /** A list of assets that cannot be read: what it names is not known. */
    | 'list-unreadable'
    | 'snapshot-unreadable'
    /** The target holds another snapshot under the same key; it was left alone. */
    | 'snapshot-differs'
    | 'record-unreadable'
    /** Mirrored as it lies there, a file has another length in the target; it was left alone. */
    | 'file-differs'
  /** The object's digest or the key. */
  readonly subject: string
  readonly message: string
  /** Assets that need the subject, a few of them by name. */
  readonly affects: readonly { readonly cloud: string; readonly publicId: string; readonly snapshot: string }[]
}

/** A snapshot or history record that needs something that could not be copied. */
export interface IncompleteHead {
  readonly key: string
  readonly cloud: string
  readonly id: string
  /** How many objects that it needs are not in the target. */
  readonly lacking: number
  /** True when it was copied all the same, as asked for with `damaged`. */
  readonly written: boolean
}

export interface CopyProgress {
  readonly phase: 'look' | 'objects' | 'heads'
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface CopyReport {
  readonly source: string
  /** The id of the target; null in a dry run where no vault is yet. */
  readonly target: string | null
  /** Snapshots and history records: in the source, written now, there already, and left out. */
  readonly heads: number
  readonly headsWritten: number
  readonly headsThere: number
  readonly headsLeftOut: number
  /** Objects that the heads need; how many of them were copied now, with their bytes, and were there already. */
  readonly objects: number
  readonly copied: number
  readonly copiedBytes: number
  readonly there: number
  /** Records of purges, pins, prunes and restores that were written now. */
  readonly records: number
  /** Versions removed on purpose, in either vault: their absence is meant, and they are not brought back. */
  readonly purgedVersions: number
  /** Objects that were purged in the source and still lie in the target. */
  readonly purgedInTarget: number
  readonly findings: readonly CopyFinding[]
  readonly incomplete: readonly IncompleteHead[]
  readonly dryRun: boolean
  readonly durationMs: number
}

export interface CopyOptions {
  /** Also copy snapshots that lack bytes of some assets, as long as their lists are whole. */
  readonly damaged: boolean
  /** Look and count; write nothing. `copied` and `copiedBytes` then say what would be copied. */
  readonly dryRun: boolean
  /** Objects at a time. */
  readonly concurrency: number
  readonly now: () => Date
  readonly onProgress: (progress: CopyProgress) => void
}
