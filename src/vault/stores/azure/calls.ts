import type { BlobClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import { AppError } from '../../../model/errors.ts'
import type { LockWish } from '../../../model/protection.ts'
import { checkSignal, interrupted } from '../../interrupt.ts'
import { checkKey } from '../../key.ts'
import type { Persistence } from '../../steady.ts'
import type { Right } from './errors.ts'
import { azureError } from './errors.ts'

/** What every part of the store needs to know. */
export interface Room {
  readonly container: ContainerClient
  /** As messages call it, without secrets. */
  readonly place: string
  /** Empty, or ends with a slash. */
  readonly prefix: string
  readonly tier: Tier | null
  /** An encryption scope of the account. */
  readonly scope: string | null
  readonly lock: LockWish | null
  /** Milliseconds without a byte after which a call is given up. */
  readonly idleMs: number
  /** Bytes above which a body is staged in blocks, and the least size of a block. */
  readonly sizes: Sizes
  /** How pages of lists and the halves of a move are repeated. */
  readonly persistence: Persistence
  readonly now: () => number
}

export type Tier = 'Hot' | 'Cool' | 'Cold'

export interface Sizes {
  readonly single: number
  readonly block: number
}

export const blobOf = (room: Room, key: string): BlockBlobClient =>
  room.container.getBlockBlobClient(`${room.prefix}${checkKey(key)}`)

/** The blob as it was in one version; a version without an id is the blob itself. */
export const versionOf = (room: Room, key: string, version: string | null): BlobClient =>
  version === null ? blobOf(room, key) : blobOf(room, key).withVersion(version)

/** Ends an exchange in which nothing moves. */
export interface Watch {
  readonly signal: AbortSignal
  /** Something moved; the time begins anew. */
  alive(): void
  /** Nothing is expected to move until the next `alive`: whoever reads may be slow. */
  rest(): void
  isExpired(): boolean
  end(): void
}

export const startWatch = (idleMs: number, signal: AbortSignal | undefined): Watch => {
  const abort = new AbortController()
  let isExpired = false
  let timer: NodeJS.Timeout | undefined
  const rest = (): void => clearTimeout(timer)
  const alive = (): void => {
    rest()
    timer = setTimeout(() => {
      isExpired = true
      abort.abort()
    }, idleMs)
  }
  const pass = (): void => abort.abort(signal?.reason)
  signal?.addEventListener('abort', pass, { once: true })
  alive()
  return {
    signal: abort.signal,
    alive,
    rest,
    isExpired: () => isExpired,
    end: () => {
      rest()
      signal?.removeEventListener('abort', pass)
    },
  }
}

export interface Call {
  /** Begins sentences: `writing objects/ab/…`. */
  readonly doing: string
  readonly right: Right
  readonly signal: AbortSignal | undefined
}

/** What ended a watched call early, or null when nothing did. */
export const endOf = (room: Room, watch: Watch, { doing, signal }: Pick<Call, 'doing' | 'signal'>): AppError | null => {
  if (signal?.aborted === true) return interrupted(signal, doing)
  if (!watch.isExpired()) return null
  return new AppError('STORE_UNAVAILABLE', `${doing} in ${room.place} failed: nothing moved for ${room.idleMs} ms`, {
    permanent: false,
  })
}

/** One exchange with the service; its failure gets a meaning, unless `expected` knows one. */
export const ask = async <T>(
  room: Room,
  call: Call,
  work: (watch: Watch) => Promise<T>,
  expected?: (error: unknown) => T | undefined,
): Promise<T> => {
  checkSignal(call.signal, call.doing)
  const watch = startWatch(room.idleMs, call.signal)
  try {
    return await work(watch)
  } catch (error) {
    const early = endOf(room, watch, call)
    if (early !== null) throw early
    const known = expected?.(error)
    if (known !== undefined) return known
    throw azureError(error, call.doing, { place: room.place, right: call.right })
  } finally {
    watch.end()
  }
}

/**
 * `Last-Modified` has whole seconds, and what came later in that second must not look older than it is ("may be later,
 * never earlier").
 */
export const changedAt = (lastModified: Date | undefined): { changedAt?: number } =>
  lastModified === undefined ? {} : { changedAt: lastModified.getTime() + 999 }
