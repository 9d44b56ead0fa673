import type { Snapshot } from '../model/snapshot.ts'
import type { Chosen } from '../restore/selection.ts'
import type { Vault } from '../vault/vault.ts'

export const EXPORT_FORMATS = ['tree', 'zip', 'bagit'] as const
/**
 * `tree`: a folder of ordinary files with their metadata beside them. `zip`: the same in one file. `bagit`: the same as
 * the payload of a bag (RFC 8493), so that archives can check it on their own.
 */
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** What is to be exported. */
export interface ExportSource {
  readonly vault: Vault
  readonly cloud: string
  readonly snapshot: Snapshot
  /** What was asked for, in words: `everything`, `folder summer`. The same words mean the same assets. */
  readonly selection: string
  /** Everything of the snapshot: then folders and configuration of the account belong to it too. */
  readonly isWhole: boolean
  /** True when several versions may want the same path, which within one snapshot they never do. */
  readonly mayCollide: boolean
  /** Yields the same in the same order each time it is called; tells of lists of assets that cannot be read. */
  readonly chosen: (onLost: (sentence: string) => void) => AsyncIterable<Chosen>
  /** What it will come to, for the display. */
  readonly expected: { readonly assets: number; readonly bytes: number }
}

/** A file that ought to be in the export and is not. */
export interface LeftOut {
  /** Where it would be, from the root of the export. */
  readonly file: string
  /** Null for a part of the account that is no asset. */
  readonly assetId: string | null
  readonly publicId: string | null
  readonly version: string | null
  readonly object: string | null
  readonly code: 'object-missing' | 'object-corrupt' | 'object-unreadable' | 'purged'
  readonly reason: string
}

export type ExportPhase = 'files' | 'metadata' | 'finish'

export interface ExportProgress {
  readonly phase: ExportPhase
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface ExportOptions {
  readonly format: ExportFormat
  readonly tool: string
  readonly now: () => Date
  readonly onProgress: (progress: ExportProgress) => void
}

export interface ExportReport {
  readonly cloud: string
  readonly snapshot: string
  readonly assets: number
  /** Originals in the export, and their bytes; of these, `there` were in the folder already with the right bytes. */
  readonly files: number
  readonly bytes: number
  readonly there: number
  /** Kept as a record only; in the metadata, without a file. */
  readonly recordsOnly: number
  /** Purged ones are meant to be absent; the others are damage. */
  readonly leftOut: readonly LeftOut[]
  readonly durationMs: number
}

/** True when something is missing that nobody meant to be missing. */
export const isDamaged = ({ leftOut }: Pick<ExportReport, 'leftOut'>): boolean =>
  leftOut.some(({ code }) => code !== 'purged')
