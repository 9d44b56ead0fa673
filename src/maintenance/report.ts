/** One thing that verify saw. `severity` decides the exit code: only errors make it non-zero. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly code:
    | 'object-missing'
    | 'object-corrupt'
    | 'object-length'
    | 'object-misnamed'
    | 'segment-unreadable'
    | 'segment-count'
    | 'snapshot-unreadable'
    | 'snapshot-parent-missing'
    | 'stray-file'
  /** The object's digest or the snapshot's key. */
  readonly subject: string
  readonly message: string
  /** Assets that need the subject, a few of them by name. */
  readonly affects: readonly { readonly cloud: string; readonly publicId: string; readonly snapshot: string }[]
}

export interface VerifyProgress {
  readonly phase: 'snapshots' | 'objects'
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface VerifyReport {
  readonly snapshots: number
  readonly objects: number
  readonly bytes: number
  /** Objects whose bytes were read back against their digest. */
  readonly read: number
  readonly findings: readonly Finding[]
  readonly durationMs: number
}

export interface VerifyOptions {
  /** `all` reads every byte back against its digest; `none` looks whether everything named is there with its length. */
  readonly read: 'all' | 'none'
  readonly now: () => Date
  readonly onProgress: (progress: VerifyProgress) => void
}
