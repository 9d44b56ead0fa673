import { AppError } from '../../../model/errors.ts'
import type { BucketPlace } from '../../../model/vault-place.ts'
import { bucketName } from '../../../model/vault-place.ts'
import type { Bucket } from '../../bucket.ts'
import { checkKey } from '../../key.ts'
import type { Persistence } from '../../steady.ts'
import { repeat, steady } from '../../steady.ts'
import type { Variables } from './account.ts'
import { findAccess } from './account.ts'
import type { Room, Sizes } from './calls.ts'
import { giveConsent, hasConsent } from './consent.ts'
import type { ContainerFacts } from './protection.ts'
import { findProtection, readContainer } from './protection.ts'
import { connect } from './sdk.ts'
import { createPlainStore, createVersionedStore, findPlain, tierFrom } from './store.ts'
import { oldestOf } from './versions.ts'

export interface AzureOptions {
  /**
   * The environment, for AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY and
   * AZURE_STORAGE_SAS_TOKEN. @default nothing, which leaves a sign-in with Microsoft Entra ID
   */
  readonly variables?: Variables
  /** Milliseconds without a byte after which a request is given up. @default 60,000 */
  readonly idleMs?: number
  /** Bytes up to which a body goes in one request, and the size of blocks above. @default 8 MiB, 16 MiB */
  readonly sizes?: Sizes
  /** How often what may pass is tried again. */
  readonly persistence?: Persistence
  /** The clock that protection is counted from, in milliseconds. @default Date.now */
  readonly now?: () => number
}

const MIB = 1024 * 1024
const SIZES: Sizes = { single: 8 * MIB, block: 16 * MIB }

/** Options that mean something at other vendors only. */
const FOREIGN = ['region', 'pathStyle', 'encryption', 'profile', 'project'] as const

const checkOptions = (place: BucketPlace): void => {
  const foreign = FOREIGN.find((name) => place.options[name] !== undefined)
  if (foreign === undefined) return
  throw new AppError('STORE_REFUSED', `${bucketName(place)} has the option ${foreign}, which Azure does not know`)
}

const roomOf = async (place: BucketPlace, options: AzureOptions): Promise<Room> => {
  checkOptions(place)
  const tier = tierFrom(place.options.storageClass)
  const access = findAccess(place, options.variables ?? {})
  return {
    container: await connect(access, place.bucket),
    place: bucketName(place),
    prefix: place.prefix === '' ? '' : `${checkKey(place.prefix)}/`,
    tier,
    scope: place.options.encryptionKey ?? null,
    lock: place.options.lock ?? null,
    idleMs: options.idleMs ?? 60_000,
    sizes: options.sizes ?? SIZES,
    persistence: options.persistence ?? {},
    now: options.now ?? Date.now,
  }
}

/** Who may not look is believed: without a wish nothing is protected, and with one the first write is refused. */
const countsVersions = (room: Room, facts: ContainerFacts | null): boolean => {
  if (facts === null) return room.lock !== null
  if (facts.isVersioned || room.lock === null) return facts.isVersioned
  throw new AppError('STORE_REFUSED', `${room.place} cannot protect single blobs: the container is not made for it`, {
    hint:
      'make a container with version-level immutability (`az storage container-rm create --enable-vlw`), ' +
      'or migrate this one (`az storage container-rm migrate-vlw`)',
  })
}

/**
 * Opens a container of Azure Blob Storage. Throws STORE_REFUSED when there are no credentials, no such container, a package
 * is missing, or the place has wishes that cannot be met (the tier Archive; a lock in a container that knows none).
 */
export const openAzureBucket = async (place: BucketPlace, options: AzureOptions = {}): Promise<Bucket> => {
  const room = await roomOf(place, options)
  const again = <T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> =>
    repeat(work, signal, room.persistence)
  const isVersioned = countsVersions(room, await again(undefined, () => readContainer(room)))
  const find = isVersioned ? (key: string, signal?: AbortSignal) => oldestOf(room, key, signal) : findPlain(room)
  return {
    store: steady(isVersioned ? createVersionedStore(room) : createPlainStore(room), room.persistence),
    hasConsent: (cloud, signal) => again(signal, async () => hasConsent(room, cloud, signal)),
    giveConsent: (cloud, signal) => again(signal, async () => giveConsent(room, cloud, signal)),
    protection: (keys, signal) => findProtection(room, (key, at) => find(key, at), keys, signal),
    /** Blocks that were staged and never committed vanish by themselves within a week ("Put Block", learn.microsoft.com). */
    removeLeftovers: async () => 0,
  }
}
