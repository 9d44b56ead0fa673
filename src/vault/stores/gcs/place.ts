import type { Bucket, File } from '@google-cloud/storage'
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
  /** `/upload/storage/v1/b/<bucket>/o`, escaped. */
  readonly uploadPath: string
  /** The object's whole name in the bucket. */
  nameOf(key: string): string
  /** Throws STORE_REFUSED when the bucket is not there: a 404 alone does not say whether the object or the bucket is missing. */
  checkBucket(signal?: AbortSignal): Promise<void>
}

/**
 * One page of "Objects: list" as it comes. The package's `getFiles` makes the same request, but takes the whole process
 * down when something in between answers 200 with nothing in it.
 */
export const readList = async (
  calls: Calls,
  query: Readonly<Record<string, unknown>>,
  { doing, signal }: { readonly doing: string; readonly signal: AbortSignal | undefined },
): Promise<unknown> => {
  const list = (bucket: Bucket): Promise<unknown> =>
    new Promise((resolve, reject) => {
      bucket.request({ uri: '/o', qs: query }, (error, body) => (error === null ? resolve(body) : reject(error)))
    })
  return (await calls.call({ doing, right: 'storage.objects.list', signal }, list)).json
}

/** So long a bucket that was there is believed to be there. */
const BELIEVED_MS = 2000

export const createGcs = (calls: Calls, place: BucketPlace): Gcs => {
  const name = bucketName(place)
  const start = place.prefix === '' ? '' : `${place.prefix}/`
  let seenAt = Number.NEGATIVE_INFINITY
  return {
    calls,
    place,
    name,
    uploadPath: `/upload/storage/v1/b/${encodeURIComponent(place.bucket)}/o`,
    nameOf: (key) => start + key,
    checkBucket: async (signal) => {
      if (performance.now() - seenAt < BELIEVED_MS) return
      // A list needs the one right without which an absent object is answered with 403.
      await readList(calls, { maxResults: 1, fields: 'kind' }, { doing: 'look at the bucket', signal })
      seenAt = performance.now()
    },
  }
}

/** The package's hold on an object, or on one of its generations. */
export const fileOf = (gcs: Gcs, key: string, generation?: string): File =>
  gcs.calls.bucket.file(gcs.nameOf(key), generation === undefined ? {} : { generation })

/** Null when these credentials may not look. Throws STORE_REFUSED when there is no such bucket. */
export const readSettings = async (gcs: Gcs, signal?: AbortSignal): Promise<Settings | null> => {
  const doing = 'read the settings of the bucket'
  const fields = 'versioning,retentionPolicy,objectRetention,softDeletePolicy'
  const answer = await gcs.calls.call(
    { doing, right: 'storage.buckets.get', signal, accept: [403] },
    async (bucket) => (await bucket.getMetadata({ fields }))[0],
  )
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
