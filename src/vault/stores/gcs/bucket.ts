import type { RetryTiming } from '../../../lib/retry.ts'
import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import { bucketName } from '../../../model/vault-place.ts'
import type { Bucket } from '../../bucket.ts'
import { type Persistence, repeat, steady } from '../../steady.ts'
import { createCalls, idleOf, type Timeouts } from './calls.ts'
import { giveConsent, hasConsent } from './consent.ts'
import { createGcs, type Gcs, readSettings, waysOf } from './place.ts'
import { readProtection } from './protection.ts'
import { loadSdk, openAccess } from './sdk.ts'
import { createGcsStore } from './store.ts'

export interface GcsOptions {
  readonly timeouts?: Timeouts
  /** How what fails and may pass is tried again. */
  readonly persistence?: Persistence
  /** Bodies up to here go in one request. @default 8 MiB */
  readonly simpleLimit?: number
  /** Bytes of one request of a larger upload; a multiple of 256 KiB. @default 16 MiB */
  readonly chunkSize?: number
  /** Names asked for at a time in lists. @default 1000, the most that the service gives */
  readonly pageSize?: number
  /** The time from which protection is counted; milliseconds since the epoch. @default Date.now */
  readonly now?: () => number
}

const MIB = 1024 * 1024
const CHUNK_TIMING: RetryTiming = { tries: 6, firstMs: 250, maxMs: 15_000 }
/** Google's page "Storage classes"; the older names are still taken. All of them can be read at once. */
const CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE', 'MULTI_REGIONAL', 'REGIONAL']

const checkClass = (place: BucketPlace): void => {
  const { storageClass } = place.options
  if (storageClass === undefined || CLASSES.includes(storageClass)) return
  throw new AppError('STORE_REFUSED', `${JSON.stringify(storageClass)} is not a storage class of Cloud Storage`, {
    hint: `it has ${CLASSES.slice(0, 4).join(', ')}`,
  })
}

/**
 * A bucket of Google Cloud Storage, or of whatever speaks its JSON API at `endpoint`. Looks at the bucket once, because
 * what it keeps and protects decides how it is used.
 *
 * Throws STORE_REFUSED when the vendor's package or credentials are missing, when the bucket is not there, or when it
 * cannot protect objects although `lock` wants that.
 */
export const openGcsBucket = async (place: BucketPlace, options: GcsOptions = {}): Promise<Bucket> => {
  checkClass(place)
  const { timeouts } = options
  const access = openAccess(await loadSdk(), place, idleOf(timeouts))
  const calls = createCalls({ access, place: bucketName(place), project: place.options.project, timeouts })
  return bucketOf(createGcs(calls, place), options)
}

const bucketOf = async (gcs: Gcs, options: GcsOptions): Promise<Bucket> => {
  const { persistence = {} } = options
  const again = <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => repeat(work, signal, persistence)
  const settings = await again(() => readSettings(gcs))
  const ways = waysOf(settings, gcs.place)
  const store = createGcsStore(gcs, ways, {
    simpleLimit: options.simpleLimit ?? 8 * MIB,
    chunkSize: options.chunkSize ?? 16 * MIB,
    timing: persistence.timing ?? CHUNK_TIMING,
    now: options.now ?? Date.now,
    pageSize: options.pageSize ?? 1000,
    again,
  })
  return {
    store: steady(store, persistence),
    hasConsent: (cloud, signal) => again(() => hasConsent(gcs, cloud, signal), signal),
    giveConsent: (cloud, signal) => again(() => giveConsent(gcs, cloud, signal), signal),
    protection: (keys, signal) => again(() => readProtection(gcs, ways, keys, signal), signal),
    // An upload that was never finished is nobody's object, costs nothing, and is forgotten by the service after a week.
    removeLeftovers: async () => 0,
  }
}
