import type { ObjectLockMode, ServerSideEncryption, StorageClass } from '@aws-sdk/client-s3'
import { AppError } from '../../../model/errors.ts'
import type { LockWish } from '../../../model/protection.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import type { Sdk } from './sdk.ts'

/** How new bodies are kept. */
export interface Settings {
  /** For objects of assets only: manifests and records are read often. */
  readonly storageClass: StorageClass | undefined
  readonly encryption: ServerSideEncryption | undefined
  readonly encryptionKey: string | undefined
  readonly lock: LockWish | null
}

const oneOf = <T extends string>(values: Readonly<Record<string, T>>, given: string | undefined, what: string) => {
  if (given === undefined) return undefined
  const found = Object.values(values).find((value) => value === given)
  if (found !== undefined) return found
  throw new AppError('STORE_REFUSED', `${JSON.stringify(given)} is not a ${what} of S3`, {
    hint: `one of ${Object.values(values).join(', ')}`,
  })
}

/** What lies there has to be asked for hours before it can be read, so nothing could be checked or restored. */
const ASLEEP = ['GLACIER', 'DEEP_ARCHIVE']

const awake = (storageClass: StorageClass | undefined): StorageClass | undefined => {
  if (storageClass === undefined || !ASLEEP.includes(storageClass)) return storageClass
  throw new AppError('STORE_REFUSED', `what lies in the storage class ${storageClass} cannot be read at once`, {
    hint: 'choose STANDARD_IA or GLACIER_IR',
  })
}

/** Throws STORE_REFUSED for a word that S3 does not know, and for a class that cannot be read at once. */
export const settingsOf = ({ StorageClass, ServerSideEncryption }: Sdk, { options }: BucketPlace): Settings => ({
  storageClass: awake(oneOf(StorageClass, options.storageClass, 'storage class')),
  encryption: oneOf(ServerSideEncryption, options.encryption, 'kind of encryption'),
  encryptionKey: options.encryptionKey,
  lock: options.lock ?? null,
})

const DAY_MS = 86_400_000

export const lockMode = (wish: LockWish): ObjectLockMode => (wish.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE')

/** When the lock of a body that is written `now` ends at the earliest; whole seconds, in milliseconds since the epoch. */
export const lockEnd = (wish: LockWish, now: number): number => Math.ceil((now + wish.days * DAY_MS) / 1000) * 1000

/** Parameters that a new body of that key (relative to the vault) gets, by whatever request. */
export const newBody = (settings: Settings, key: string, now = Date.now()) => ({
  ...(settings.storageClass !== undefined && key.startsWith('objects/') && { StorageClass: settings.storageClass }),
  ...encryptionOf(settings),
  ...(settings.lock !== null && {
    ObjectLockMode: lockMode(settings.lock),
    ObjectLockRetainUntilDate: new Date(lockEnd(settings.lock, now)),
  }),
})

const encryptionOf = ({ encryption, encryptionKey }: Settings) => ({
  ...(encryption !== undefined && { ServerSideEncryption: encryption }),
  ...(encryptionKey !== undefined && { SSEKMSKeyId: encryptionKey }),
})
