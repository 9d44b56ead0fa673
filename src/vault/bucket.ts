import type { Protection } from '../model/protection.ts'
import type { Store } from './store.ts'

/**
 * A bucket as a place for vaults: the store of one vault under its prefix, and what concerns the bucket as a whole.
 * Errors are those of `Store`; a vendor's package that is not installed is STORE_REFUSED with the command to install it.
 */
export interface Bucket {
  /** Holds nothing outside the prefix. */
  readonly store: Store
  /**
   * True when the owner put an empty object `.wellknown/cloudinary/<cloud>` at the root of the bucket, as Cloudinary's
   * own backup wants it. Throws STORE_REFUSED when these credentials may not look.
   */
  hasConsent(cloud: string, signal?: AbortSignal): Promise<boolean>
  /** Puts that object there. Repeating it changes nothing. STORE_REFUSED when these credentials may not. */
  giveConsent(cloud: string, signal?: AbortSignal): Promise<void>
  /** Looks at up to `sample` of the given keys, at settings, and tries to remove a key that does not exist. */
  protection(keys: readonly string[], signal?: AbortSignal): Promise<Protection>
  /** Removes parts of uploads that were begun before the given time and never finished. Returns how many uploads. */
  removeLeftovers(before: Date, signal?: AbortSignal): Promise<number>
}
