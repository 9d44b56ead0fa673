import type { Catalog, SnapshotRow, StepRow } from '../catalog/catalog.ts'
import type { AccountReader } from '../cloudinary/reader.ts'
import type { Bandwidth } from '../lib/throttle.ts'
import type { AccountProfile } from '../model/account.ts'
import type { AssetFacts, FolderMode, RawRecords } from '../model/asset.ts'
import type { Json } from '../model/json.ts'
import { mergeFacts } from '../model/merge-facts.ts'
import type { Failure, PartialReason } from '../model/snapshot.ts'
import type { Vault } from '../vault/vault.ts'
import type { BackupListener, BackupOptions } from './report.ts'
import type { Rules } from './rules.ts'
import type { Scratch } from './scratch.ts'

/** The browsable tree of one account; only vaults on a local disk have one. */
export interface LibraryTree {
  /** Makes the file at `path` show the object; does nothing when it does already. */
  place(path: string, object: string, mtimeMs: number): Promise<'placed' | 'kept'>
  remove(path: string): Promise<void>
  ensureFolder(path: string): Promise<void>
  /** The snapshot the tree was last brought to; null when unknown, and then every file is looked at. */
  readState(): Promise<string | null>
  writeState(snapshotId: string): Promise<void>
}

/** Everything a backup touches. There is no writer of the account in it, so a backup cannot change the account. */
export interface BackupDeps {
  readonly reader: AccountReader
  readonly vault: Vault
  readonly catalog: Catalog
  readonly library: LibraryTree | null
  /** For bodies too large for memory; on the vault's own file system, so that finished ones are moved, not copied. */
  readonly scratch: string
  /** Bytes that bodies on their way may take there, all together. @default SCRATCH_LIMIT, 4 GiB */
  readonly scratchLimit?: number
  /** Bytes a second for all transfers together; null is unlimited. */
  readonly bwlimit: Bandwidth
  readonly now: () => Date
  readonly newId: () => string
  readonly tool: string
  readonly listen: BackupListener
}

/** A run under way. What must survive a kill is in the catalog; this is what one process knows besides. */
export interface Run {
  readonly id: string
  readonly cloud: string
  readonly deps: BackupDeps
  readonly options: BackupOptions
  readonly rules: Rules
  readonly scratch: Scratch
  readonly startedAt: string
  /** The newest snapshot, complete or not: what is known. */
  readonly base: SnapshotRow | null
  /**
   * The newest snapshot whose scan reached its end and which no guard stopped: what changes are measured against.
   * Assets that failed do not matter here, or one that always fails would switch the guard off for good.
   */
  readonly trusted: SnapshotRow | null
  readonly profile: AccountProfile
  readonly folderMode: FolderMode | null
  readonly signal: AbortSignal
  /** Mutable facts of this process. */
  readonly live: {
    scanned: number
    fetched: number
    wanted: number
    fetchedBytes: number
    wantedBytes: number
    failed: number
    transfers: number
    searchDone: boolean
    scanDone: boolean
    /** Details that may be asked for to learn an MD5 that the search index does not have yet. */
    etagCalls: number
    /** When the search index was read to its end in this run. */
    reconciledAt: string | null
    searchTotal: number | null
    /** `resource_type/type` pairs that the search index told of and that are not listed by default. */
    readonly discovered: Set<string>
  }
  readonly partial: Set<PartialReason>
  readonly failures: Failure[]
  readonly excludedBy: Map<string, number>
}

const parse = (text: string | null): Json | undefined => (text === null ? undefined : (JSON.parse(text) as Json))

/** The records of a step as one set of facts, and the records themselves. Null when the step carries none (`keep`). */
export function factsOfStep(
  reader: Pick<AccountReader, 'parseRow'>,
  step: Pick<StepRow, 'listRaw' | 'searchRaw' | 'detailsRaw'>,
): { facts: AssetFacts; raw: RawRecords } | null {
  const list = parse(step.listRaw)
  const search = parse(step.searchRaw)
  const details = parse(step.detailsRaw)
  if (list === undefined) return null
  const facts = mergeFacts(
    reader.parseRow(list, 'list').facts,
    search === undefined ? null : reader.parseRow(search, 'search').facts,
    details === undefined ? null : reader.parseRow(details, 'details').facts,
  )
  const raw = {
    list,
    ...(search === undefined ? {} : { search }),
    ...(details === undefined ? {} : { details }),
  }
  return { facts, raw }
}

export const nameOf = (facts: Pick<AssetFacts, 'resourceType' | 'type' | 'publicId'>): string =>
  `${facts.resourceType}/${facts.type}/${facts.publicId}`
