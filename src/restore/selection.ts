import type { Catalog, SnapshotRow, VersionFilter, VersionRow } from '../catalog/catalog.ts'
import type { Entry } from '../model/entry.ts'
import type { Vault } from '../vault/vault.ts'

/** What a person asked to have back, and as of when. */
export interface Selection {
  /** The account whose kept state is meant. */
  readonly cloud: string
  /** The moment. Versions chosen one by one may be of other moments. */
  readonly snapshot: SnapshotRow
  readonly what:
    | { readonly kind: 'everything' }
    /** Folder, tag, search. */
    | { readonly kind: 'filter'; readonly filter: VersionFilter }
    /** Kept once and not in the snapshot any more: the last state of each. */
    | { readonly kind: 'gone'; readonly filter: VersionFilter }
    | { readonly kind: 'versions'; readonly versions: readonly VersionRow[] }
}

/** One version to be restored, with its whole record. */
export interface Chosen {
  readonly entry: Entry
  /** True when its bytes were purged: there is nothing to restore. */
  readonly purged: boolean
}

export interface Measure {
  readonly assets: number
  readonly bytes: number
}

export interface SelectDeps {
  readonly vault: Vault
  readonly catalog: Catalog
  /**
   * Told, in a sentence, of each list of assets that cannot be read; the others are then restored all the same. Without
   * it such a list ends the selection. May be told the same more than once.
   */
  readonly onLost?: (sentence: string) => void
}
