import type { RepairHands } from '../repair/hands.ts'
import type { ReadWish } from './reading.ts'

type FindingCode =
  | 'object-missing'
  /** Its bytes are not what its name says, or the disk cannot give them. */
  | 'object-corrupt'
  /** It has another length than the manifests say. */
  | 'object-length'
  /** A prune was about to remove it, and something needs it. */
  | 'object-in-trash'
  /** Purged, and its bytes are there all the same. */
  | 'object-not-purged'
  | 'segment-unreadable'
  /** A segment holds something else than its head or its history record says. */
  | 'segment-count'
  | 'snapshot-unreadable'
  /** An earlier check saw it, and no prune took it away. */
  | 'snapshot-missing'
  | 'snapshot-parent-missing'
  /** A record of history, purges or prunes. */
  | 'record-unreadable'
  | LiveCode

/** How the account differs from the newest snapshot. */
export type LiveCode = 'live-not-kept' | 'live-replaced' | 'live-renamed' | 'live-relabelled' | 'live-gone'

/** One thing that verify saw. Errors that are not repaired make the exit code non-zero; warnings do not. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly code: FindingCode
  /** The object's digest, the key of a snapshot or record, or the name of an asset. */
  readonly subject: string
  readonly message: string
  /** Assets that need the subject, a few of them by name. */
  readonly affects: readonly { readonly cloud: string; readonly publicId: string; readonly snapshot: string }[]
}

export type RepairSource =
  | 'trash'
  | 'library'
  | 'vault'
  /** The account's current original. */
  | 'account'
  /** Cloudinary's own backup. */
  | 'backup'
  /** Nothing needs the object: its bad bytes were moved out of the way. */
  | 'unneeded'

export interface Repaired {
  /** The digest, or the key of a snapshot. */
  readonly subject: string
  /** Where the good bytes came from. */
  readonly source: RepairSource
  /** The same in words: a path, another vault, Cloudinary. */
  readonly from: string
  /** The key under which the bad bytes lie now; null when there were none. */
  readonly quarantined: string | null
}

/** What could not be repaired. */
export interface Lost {
  readonly subject: string
  /** `derived`: only what Cloudinary made of the assets, and can make again from their originals. */
  readonly what: 'asset' | 'derived' | 'segment' | 'history' | 'folders' | 'configuration' | 'failures' | 'snapshot'
  /** Every version of every asset that these bytes were part of; empty for what is not an asset. */
  readonly versions: readonly LostVersion[]
  /** Ids of the snapshots that are not whole because of it. */
  readonly snapshots: readonly string[]
  readonly quarantined: string | null
  /**
   * Why a source could not be asked: another try may still mend it. Null when every source was asked and none has the
   * bytes: they are lost for good.
   */
  readonly mayReturn: string | null
}

export interface LostVersion {
  readonly cloud: string
  readonly assetId: string
  /** The version's id, 16 hex digits. */
  readonly version: string
  readonly publicId: string
  readonly resourceType: string
  readonly type: string
  /** When it was recorded. */
  readonly capturedAt: string
  readonly snapshots: readonly string[]
}

export interface VerifyProgress {
  readonly phase: 'snapshots' | 'objects' | 'repair' | 'live'
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly totalBytes: number
}

export type VerifyEvent =
  | { readonly type: 'progress'; readonly progress: VerifyProgress }
  /** Differences from the account are told one by one and not collected. */
  | { readonly type: 'difference'; readonly finding: Finding }
  | { readonly type: 'note'; readonly message: string }
  /** The hourly limit: asleep until then (ms since the epoch). */
  | { readonly type: 'waiting'; readonly until: number; readonly why: 'limit' | 'reserve' }

/** How the account compares with the newest snapshot of it. */
export interface LiveReport {
  readonly cloud: string
  readonly snapshot: string
  readonly scanned: number
  readonly same: number
  readonly notKept: number
  readonly replaced: number
  readonly renamed: number
  readonly relabelled: number
  readonly gone: number
  /** In the account, and left out of the snapshot by a rule. */
  readonly excluded: number
  /** False when the search index could not be read: then MD5s were not compared. */
  readonly md5Compared: boolean
  readonly apiCalls: number
}

export interface VerifyReport {
  readonly snapshots: number
  readonly objects: number
  readonly bytes: number
  /** Objects whose bytes were read back against their digest, those of manifests included. */
  readonly read: number
  readonly bytesRead: number
  /** Objects that are absent because they were purged. */
  readonly purged: number
  /** True when, together with the checks before it in the same cycle, every byte that something needs was read. */
  readonly everyByte: boolean
  /** Reading by part: when the cycle began, and how much of it is done (0 to 1). Null when not by part. */
  readonly cycle: { readonly startedAt: string; readonly share: number } | null
  readonly findings: readonly Finding[]
  /** Findings of severity error that were not repaired. */
  readonly errors: number
  readonly repaired: readonly Repaired[]
  readonly lost: readonly Lost[]
  readonly live: LiveReport | null
  /** The key of the record that proves this check; null when it could not be written. */
  readonly proof: string | null
  readonly durationMs: number
}

export interface VerifyOptions {
  /** What is read back against its digest. Names and lengths are always checked, and manifests always read. */
  readonly read: ReadWish
  /** Null: change nothing but the record of the proof. */
  readonly repair: RepairHands | null
  readonly now: () => Date
  readonly newId: () => string
  readonly tool: string
  readonly listen: (event: VerifyEvent) => void
}
