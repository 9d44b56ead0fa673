import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import { bucketName } from '../../../model/vault-place.ts'
import type { Calls } from './calls.ts'
import { parseSettings, type Settings } from './resource.ts'

/** A bucket and how it is asked: what every part of the store needs. */
export interface Gcs {
  readonly calls: Calls
  readonly place: BucketPlace
  /** `gs://bucket/prefix` */
  readonly name: string
  /** `/storage/v1/b/<bucket>`, escaped. */
  readonly bucketPath: string
  /** `/upload/storage/v1/b/<bucket>/o`, escaped. */
  readonly uploadPath: string
  /** The object's whole name in the bucket. */
  nameOf(key: string): string
  /** Throws STORE_REFUSED when the bucket is not there: a 404 alone does not say whether the object or the bucket is missing. */
  checkBucket(signal?: AbortSignal): Promise<void>
}

/** So long a bucket that was there is believed to be there. */
const BELIEVED_MS = 2000

export const createGcs = (calls: Calls, place: BucketPlace): Gcs => {
  const name = bucketName(place)
  const bucketPath = `/storage/v1/b/${encodeURIComponent(place.bucket)}`
  const start = place.prefix === '' ? '' : `${place.prefix}/`
  let seenAt = Number.NEGATIVE_INFINITY
  return {
    calls,
    place,
    name,
    bucketPath,
    uploadPath: `/upload${bucketPath}/o`,
    nameOf: (key) => start + key,
    checkBucket: async (signal) => {
      if (performance.now() - seenAt < BELIEVED_MS) return
      // A list needs the one right without which an absent object is answered with 403.
      await calls.call({
        method: 'GET',
        target: `${bucketPath}/o`,
        query: { maxResults: '1', fields: 'kind' },
        doing: 'look at the bucket',
        right: 'storage.objects.list',
        signal,
      })
      seenAt = performance.now()
    },
  }
}

export const objectPath = (gcs: Gcs, key: string): string =>
  `${gcs.bucketPath}/o/${encodeURIComponent(gcs.nameOf(key))}`

/** Null when these credentials may not look. Throws STORE_REFUSED when there is no such bucket. */
export const readSettings = async (gcs: Gcs, signal?: AbortSignal): Promise<Settings | null> => {
  const doing = 'read the settings of the bucket'
  const answer = await gcs.calls.call({
    method: 'GET',
    target: gcs.bucketPath,
    query: { fields: 'versioning,retentionPolicy,objectRetention,softDeletePolicy' },
    doing,
    right: 'storage.buckets.get',
    signal,
    accept: [403],
  })
  return answer.status === 403 ? null : parseSettings(answer.json, doing)
}

/** How the bucket treats what is written, as far as the store must know. */
export interface Ways {
  /** Several generations of one key may exist, and nobody can remove them: the oldest one counts. */
  readonly keepsAll: boolean
  /** Single objects can be protected. */
  readonly canSeal: boolean
}

/** Throws STORE_REFUSED when protection was asked for and the bucket cannot protect. */
export const waysOf = (settings: Settings | null, place: BucketPlace): Ways => {
  const isWanted = place.options.lock !== undefined && place.options.lock !== null
  // Unknown: what was asked for is believed, and an upload that asks for the impossible is refused by the service.
  if (settings === null) return { keepsAll: isWanted, canSeal: isWanted }
  const canSeal = settings.objectRetention?.mode === 'Enabled'
  if (isWanted && !canSeal)
    throw new AppError(
      'STORE_REFUSED',
      `${bucketName(place)} cannot protect single objects, and the lock option wants it`,
      {
        hint: `enable object retention (gcloud storage buckets create gs://… --enable-per-object-retention), or leave the lock out`,
      },
    )
  const isKept = canSeal || settings.retentionPolicy !== undefined
  return { keepsAll: isKept && settings.versioning?.enabled === true, canSeal }
}
