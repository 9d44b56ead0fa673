import { createTurnstile } from '../../../lib/turnstile.ts'
import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import type { Bucket } from '../../bucket.ts'
import { type Connection, type ConnectOptions, connect } from './connection.ts'
import { canLock } from './lock.ts'
import { protectionOf } from './protection.ts'
import { settingsOf } from './settings.ts'
import { lockedStore, plainStore } from './store.ts'
import { giveUp, listUploads } from './uploads.ts'

const MIB = 1024 * 1024

export interface S3Options extends ConnectOptions {
  /** Bodies up to so many bytes go in one request. @default 8 MiB */
  readonly wholeUpTo?: number
  /** Bytes of one part of a larger body; S3 takes none below 5 MiB but the last. @default 16 MiB */
  readonly partSize?: number
  /** Parts in memory at once, of all bodies together. @default as many as fit into 256 MiB */
  readonly buffers?: number
}

const consentKey = (cloud: string): string => `.wellknown/cloudinary/${cloud}`

const hasConsent = ({ sdk, client, bucket, ask }: Connection, cloud: string, signal?: AbortSignal): Promise<boolean> =>
  ask(
    { what: `look for the consent of ${cloud}`, right: 's3:GetObject and s3:ListBucket', signal },
    async (options) => {
      // Not HEAD, whose answer cannot tell a missing key from a missing bucket.
      const input = { Bucket: bucket, Prefix: consentKey(cloud), MaxKeys: 1 }
      const { Contents: found } = await client.send(new sdk.ListObjectsV2Command(input), options)
      return (found ?? []).some(({ Key: key }) => key === consentKey(cloud))
    },
  )

const giveConsent = ({ sdk, client, bucket, ask }: Connection, cloud: string, signal?: AbortSignal): Promise<void> =>
  ask({ what: `write the consent of ${cloud}`, right: 's3:PutObject', signal }, async (options) => {
    // The MD5 of nothing, which buckets with object lock ask for.
    const empty = { Body: new Uint8Array(0), ContentLength: 0, ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==' }
    await client.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: consentKey(cloud), ...empty }), options)
  })

const removeLeftovers = async (connection: Connection, before: Date, signal?: AbortSignal): Promise<number> => {
  let removed = 0
  for await (const { key, id, begunAt } of listUploads(connection, connection.base, signal))
    if (begunAt < before.getTime()) {
      await giveUp(connection, key, id, signal)
      removed += 1
    }
  return removed
}

/** Whether the store has to speak of versions. A wish for locks that cannot be kept ends here, before anything is written. */
const needsVersions = async (connection: Connection, wantsLock: boolean): Promise<boolean> => {
  const answer = await canLock(connection)
  if (!wantsLock || answer === true) return answer === true
  throw answer === null
    ? new AppError(
        'STORE_REFUSED',
        `cannot look whether ${connection.name} can lock bodies: these credentials may not`,
        {
          hint: `allow them s3:GetBucketObjectLockConfiguration in ${connection.name}`,
        },
      )
    : new AppError('STORE_REFUSED', `the bucket of ${connection.name} cannot lock bodies`, {
        hint: 'switch on object lock for the bucket, or leave out the lock',
      })
}

/**
 * Opens a bucket of Amazon S3 or of a service that speaks its language. Makes nothing there. One request looks whether
 * the bucket locks bodies, so a bucket that is missing, or credentials that are not accepted, are refused here.
 * The store repeats each of its requests while it may pass; a body is read once, whatever happens to its requests.
 *
 * Throws STORE_REFUSED when the vendor's package is not installed, no region is known, or the place asks for what the
 * bucket cannot do; STORE_UNAVAILABLE when nobody answers.
 */
export const openS3Bucket = async (place: BucketPlace, options: S3Options = {}): Promise<Bucket> => {
  const connection = await connect(place, options)
  try {
    const settings = settingsOf(connection.sdk, place)
    const partSize = options.partSize ?? 16 * MIB
    const buffers = createTurnstile(options.buffers ?? Math.max(1, Math.floor((256 * MIB) / partSize)))
    const making = {
      ...{ connection, settings, wholeUpTo: options.wholeUpTo ?? 8 * MIB },
      parts: { partSize, buffers, busy: new Set<string>() },
    }
    const isLocked = await needsVersions(connection, settings.lock !== null)
    return {
      store: isLocked ? lockedStore(making) : plainStore(making),
      hasConsent: (cloud, signal) => hasConsent(connection, cloud, signal),
      giveConsent: (cloud, signal) => giveConsent(connection, cloud, signal),
      protection: (keys, signal) => protectionOf(connection, keys, signal),
      removeLeftovers: (before, signal) => removeLeftovers(connection, before, signal),
    }
  } catch (error) {
    connection.client.destroy()
    throw error
  }
}
