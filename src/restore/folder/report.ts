import type { Vault } from '../../vault/vault.ts'
import type { ConflictPolicy } from '../report.ts'

/** Files beside the restored one that say what no file can: `name.ext.json` and `name.ext.xmp`. */
export type Sidecar = 'json' | 'xmp'

export interface FolderOptions {
  /** Absolute. Made when it is not there. */
  readonly target: string
  /**
   * Where a file with other bytes is in the place: `skip` leaves it and names the conflict; `overwrite` replaces it;
   * `newer` replaces it only when the kept version is newer than the file; `rename` puts the kept one beside it as
   * `name (restored).ext`. A file with the same bytes is never touched, whatever the policy.
   */
  readonly onConflict: ConflictPolicy
  readonly sidecars: readonly Sidecar[]
  /** Files at a time. */
  readonly concurrency: number
  /** Decide and tell, and write nothing. */
  readonly dryRun: boolean
  /** Folders, as Cloudinary names them, that are made even if nothing is in them. */
  readonly folders?: readonly string[]
}

export interface FolderDeps {
  readonly vault: Vault
  readonly now: () => Date
  readonly listen: FolderListener
}

/**
 * What became of one version. `restored` (also under a new name: `renamed`; in place of another file: `replaced`),
 * `already-there` with the same bytes, `conflict` (policy `skip`: another file is there and stays), `newer-there`
 * (policy `newer`: the file there is as new or newer and stays), `no-bytes` (kept as a record only), `purged`,
 * `failed`. In a dry run the same words say what would become of it, as far as that can be known without reading
 * the vault.
 */
export type FolderOutcome =
  | 'restored'
  | 'renamed'
  | 'replaced'
  | 'already-there'
  | 'conflict'
  | 'newer-there'
  | 'no-bytes'
  | 'purged'
  | 'failed'

/** One version and its file. */
export interface FolderFile {
  readonly assetId: string
  readonly publicId: string
  readonly resourceType: string
  readonly deliveryType: string
  readonly version: string
  /** SHA-256 of the bytes; null without bytes. */
  readonly object: string | null
  readonly size: number | null
  readonly outcome: FolderOutcome
  /** Relative to the target, `/`-separated; null when there is no file. */
  readonly path: string | null
  /** Its sidecars that are there, in the same way. */
  readonly sidecars: readonly string[]
  /** Code of the error, where there is one, and a sentence for whatever was not restored. */
  readonly code: string | null
  readonly reason: string | null
}

export type FolderEvent =
  | { readonly type: 'file'; readonly file: FolderFile }
  | { readonly type: 'note'; readonly message: string }

type FolderListener = (event: FolderEvent) => void

export interface FolderReport {
  readonly target: string
  /** Versions that were asked for; the sum of `counts`. */
  readonly assets: number
  readonly counts: Readonly<Record<FolderOutcome, number>>
  /** Bytes written as files (in a dry run: to be written), sidecars not counted. */
  readonly bytes: number
  readonly sidecars: number
  /** Everything asked for that is not in the folder now: `conflict`, `no-bytes`, `purged` and `failed`, by
   * name. Remote assets, which Cloudinary fetches again by itself, are counted as `no-bytes` and not missed. */
  readonly missing: readonly FolderFile[]
  readonly durationMs: number
}
