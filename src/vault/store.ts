import type { LockWish } from '../model/protection.ts'

export type Bytes = AsyncIterable<Uint8Array>

/** A body that can be read more than once, because a write may have to be tried more than once. */
export interface Body {
  readonly size: number
  open(): Bytes
  /** The whole body, when it is small enough to be in memory. A store may write it in one call. */
  readonly memory?: Uint8Array
  /**
   * A file that holds the body and that the store may take as its own (move instead of copy) when it lies on the same
   * file system. After a successful `put` the file may be gone.
   */
  readonly file?: string
}

/** What a store says of a key without reading it. */
export interface Stat {
  readonly size: number
  /**
   * When the key last got bytes, was touched or was moved, in milliseconds since the epoch; it may also be later, never
   * earlier. Stores that cannot tell leave it out, and nothing is ever old there.
   */
  readonly changedAt?: number
  /** How many names the bytes have on this disk, where a disk can tell: more than one, and removing one frees nothing. */
  readonly links?: number
}

/**
 * Bytes by key: the one thing a backend must be able to do. Keys are relative, `/`-separated, made of
 * `A-Za-z0-9._-` only; no key is ever made from an account's names except the validated cloud name.
 *
 * Every error is an `AppError` whose `permanent` the store has decided: STORE_REFUSED, STORE_FULL and
 * OBJECT_NOT_FOUND are permanent, STORE_UNAVAILABLE is not.
 */
export interface Store {
  readonly traits: StoreTraits
  /**
   * All or nothing, and durable when it resolves. May be repeated: the same key is replaced by the new bytes in one
   * step, or, with mode `create`, left as it is. Opens the body once per attempt; throws OBJECT_CORRUPT when the body
   * does not give exactly `size` bytes.
   *
   * @returns false, and nothing was written, when the mode is `create` and the key was there; of many who create one key
   *   at once, one is told true
   */
  put(key: string, body: Body, signal?: AbortSignal, mode?: PutMode): Promise<boolean>
  /** Throws OBJECT_NOT_FOUND, before the first byte, when the key is absent. `range` is inclusive at both ends. */
  get(key: string, signal?: AbortSignal, range?: { start: number; end: number }): Promise<Bytes>
  /** Null only when the backend positively says "absent"; a refusal, a time-out or an i/o error throws. */
  stat(key: string, signal?: AbortSignal): Promise<Stat | null>
  /** In any order; may miss puts begun after it. A prefix that matches nothing yields nothing. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<Stat & { key: string }>
  /** Durable when it resolves. Deleting what is absent succeeds. */
  delete(key: string, signal?: AbortSignal): Promise<void>
  /**
   * Makes `changedAt` now. False when the key is absent, or when this process may not; then only a `put` does it.
   * Stores without it are always put to.
   */
  touch?(key: string, signal?: AbortSignal): Promise<boolean>
  /**
   * Gives the bytes another key in one step and makes their `changedAt` now; what had that key is replaced. Durable when
   * it resolves. Throws OBJECT_NOT_FOUND when `from` is absent. Stores without it copy and delete; see `moveKey`.
   */
  move?(from: string, to: string, signal?: AbortSignal): Promise<void>
  /**
   * Only stores that keep what was overwritten or deleted have it: every body that the key ever got and that still
   * exists, oldest first; empty when there is none. There `get`, `stat` and `list` speak of the oldest, because what is
   * written once is true the first time, and whoever overwrites or hides it later is not to be believed.
   */
  variants?(key: string, signal?: AbortSignal): Promise<readonly Variant[]>
  /**
   * Makes sure that nobody can remove what the key has before `until` (milliseconds since the epoch). Never shortens.
   * Throws OBJECT_NOT_FOUND when the key is absent. Stores that cannot protect a single key leave it out.
   */
  seal?(key: string, until: number, signal?: AbortSignal): Promise<void>
  /** Lets connections go. May be called twice. */
  close?(): Promise<void>
}

export type PutMode = 'replace' | 'create'

/** One of the bodies that a key got. */
export interface Variant extends Stat {
  open(signal?: AbortSignal, range?: { start: number; end: number }): Promise<Bytes>
}

export interface StoreTraits {
  readonly maxConcurrency: number
  /** How messages call it: a path, or a URL without secrets. @default the local root */
  readonly place?: string
  /** The root folder, for stores that are a local disk: the library and the cache can live there. */
  readonly localRoot: string | null
  /** Nothing may be removed, whoever asks. @default false */
  readonly sealed?: boolean
  /** What is written is protected from its first moment on for so many days; `seal` prolongs it. @default null */
  readonly lock?: LockWish | null
  /**
   * True where a round trip costs more than sending a small body for nothing: then small objects are created without
   * being looked for before. @default false
   */
  readonly isFar?: boolean
  /**
   * True where `list` gives keys in their own order, as buckets do: then one list of everything costs less than one of
   * each folder. @default false
   */
  readonly listsInOrder?: boolean
  /** The two hex digits of the folder in which an object lies. @default the first two of its digest */
  readonly shelfOf?: (digest: string) => string
}
