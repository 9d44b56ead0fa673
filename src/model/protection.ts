/** How long, and how firmly, what is written must stay. */
export interface LockWish {
  /** `governance`: somebody with a special right can end it earlier; `compliance`: nobody can. */
  readonly mode: 'governance' | 'compliance'
  readonly days: number
}

/**
 * What keeps a vault from being changed or removed, as found by looking. Null means that it could not be found out,
 * mostly because these credentials may not look; `notes` then says why.
 */
export interface Protection {
  /** Whether these credentials can remove anything, tried on a key that does not exist. */
  readonly canRemove: boolean | null
  /** Whether the place keeps what is overwritten. */
  readonly keepsVersions: boolean | null
  /** What protects single objects, looked up on objects of this vault, not believed of a setting. */
  readonly objects: ObjectProtection | null
  /** Sentences for people: what was found, what could not be looked at and why. */
  readonly notes: readonly string[]
}

export interface ObjectProtection {
  readonly kind:
    | 'none'
    | 'read-only' // permission bits of a local disk: keeps mistakes away, not an attacker
    | 'immutable-flag' // of a local disk: even root must take it off first
    | 'object-lock'
    | 'object-retention'
    | 'bucket-retention'
    | 'immutable-blob'
    | 'legal-hold'
  readonly mode: LockWish['mode'] | null
  /** Objects looked at, and how many of them are protected now. */
  readonly looked: number
  readonly protected: number
  /** The earliest and latest moments (ISO 8601) until which those looked at are protected; null without an end or when none is. */
  readonly earliest: string | null
  readonly latest: string | null
}
