import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBucketUrl } from './config/bucket-url.ts'
import type { Config } from './config/config.ts'
import type { HiddenSecrets } from './config/secrets.ts'
import { locationName, parseVaultLocation, type VaultLocation } from './config/vault-location.ts'
import { followTimetable } from './lib/timetable.ts'
import { type LockMemory, openLockMemory } from './maintenance/protection/lock-memory.ts'
import { rememberCreated } from './maintenance/protection/remember-created.ts'
import { AppError, isAppError } from './model/errors.ts'
import type { Protection } from './model/protection.ts'
import type { BucketPlace } from './model/vault-place.ts'
import type { Bucket } from './vault/bucket.ts'
import { type Birth, createVault } from './vault/create.ts'
import { openVault, vaultOver } from './vault/open.ts'
import type { Store } from './vault/store.ts'
import { openFsStore } from './vault/stores/fs.ts'
import { type Protected, protectFolder, type Unprotected, unprotectFolder } from './vault/stores/fs-protect.ts'
import { fsProtection } from './vault/stores/fs-protection.ts'
import { throttledStore } from './vault/throttled.ts'
import type { Vault } from './vault/vault.ts'

/** A vault that was opened, and what belongs to it on this machine. */
export interface Place {
  readonly location: VaultLocation
  /** For messages: a path or a URL without parameters. */
  readonly name: string
  /** Remembers lists and records on this machine where the vault itself is far away. */
  readonly vault: Vault
  /** The same vault without that memory: for whoever has to see what is really there. */
  readonly bare: Vault
  /** What lies in the place as it lies there: encrypted, if the vault is. */
  readonly raw: Store
  /** Null on a local disk. */
  readonly bucket: Bucket | null
  /** The folder of a vault on a local disk that this machine can read: there is a library, and files can be linked. */
  readonly root: string | null
  /** Index, scratch and what else may be deleted at any time. */
  readonly work: string
  /** Where the locks of this machine's runs lie. */
  readonly lockRoot: string
  /**
   * What keeps these keys (as the vault's store takes them) from being removed, looked up where they lie. Absent keys are
   * left out. Throws the errors of a store; what these credentials may not look at is null in it.
   */
  protection(keys: readonly string[], signal?: AbortSignal): Promise<Protection>
  /** The immutable flag of everything that is written once; null where the place is no disk. */
  readonly flags: DiskFlags | null
  /**
   * Until when what an account needs is locked, as far as this machine knows; `afresh` forgets it, so that everything is
   * locked again. What `vault` creates is noted in it.
   */
  lockMemory(cloud: string, how?: 'afresh'): Promise<LockMemory>
}

/** See `protectFolder` and `unprotectFolder`. */
interface DiskFlags {
  /** `full`: look at every file, whatever is remembered. */
  set(options: { readonly signal: AbortSignal; readonly full?: boolean }): Promise<Protected>
  clear(signal?: AbortSignal): Promise<Unprotected>
}

/**
 * `open` throws VAULT_NOT_FOUND where there is no vault; `create` makes one where the place is empty, for these accounts,
 * to all of which a bucket must consent.
 */
export type OpenMode = 'open' | { readonly create: readonly string[] }

export interface Places {
  open(location: VaultLocation, mode: OpenMode): Promise<Place>
  /** The store of a place and nothing more, whether a vault is there or not. */
  look(
    location: VaultLocation,
    options?: { readonly create?: boolean },
  ): Promise<{ readonly store: Store; readonly bucket: Bucket | null }>
  close(): Promise<void>
}

/** What a person wrote after a flag: the name of a copy of the vault in the config file, a path or a URL. */
export const locationOf = (
  place: string,
  { copies, cwd, home }: Pick<Config, 'copies' | 'cwd' | 'home'>,
): VaultLocation =>
  copies.find(({ name }) => name === place)?.location ??
  parseVaultLocation({ value: place, origin: 'flag' }, { cwd, home })

/** The one place where stores are opened. */
export function createPlaces(
  config: Config,
  secrets: HiddenSecrets,
  { birth, note }: { readonly birth: () => Birth; readonly note: (message: string) => void },
): Places {
  const opened: Store[] = []
  const look: Places['look'] = async (location, options = {}) => {
    if (location.kind === 'local') {
      const store = await openFsStore(location.path, options)
      opened.push(store)
      return { store, bucket: null }
    }
    const bucket = await openBucket(location.place, config, secrets)
    opened.push(bucket.store)
    return {
      store: throttledStore(
        bucket.store,
        followTimetable(config.bandwidth, () => new Date()),
      ),
      bucket,
    }
  }
  return {
    look,
    open: async (location, mode) => {
      const { store, bucket } = await look(location)
      const bare = await openVault(store).catch(async (error: unknown) => {
        if (mode === 'open' || !isAppError(error, 'VAULT_NOT_FOUND')) throw error
        await assureConsent({ bucket, location }, mode.create)
        return await createVault(store, birth())
      })
      const { encryption, id } = bare.identity
      const found = { location, raw: store, bucket, config }
      if (encryption === null) return await furnish({ ...found, store, bare, innerKey: (key) => key })
      const { openEncrypted } = await import('./vault-keys.ts')
      const opened = await openEncrypted(store, { id, encryption }, { config, secrets, note })
      return await furnish({ ...found, ...opened, bare: vaultOver(bare.identity, opened.store) })
    },
    close: async () => {
      for (const store of opened.splice(0)) await store.close?.()
    },
  }
}

interface Found {
  readonly location: VaultLocation
  readonly raw: Store
  readonly store: Store
  readonly bucket: Bucket | null
  readonly bare: Vault
  readonly config: Config
  /** How a key of the store is called in the place itself, which differs where the vault is encrypted. */
  innerKey(key: string): string
}

async function furnish(found: Found): Promise<Place> {
  const { location, raw, store, bucket, bare, config } = found
  const written = await openLockMemory(null)
  const place = { location, name: locationName(location), bare, raw, bucket, ...protecting(found) }
  const root = store.traits.localRoot
  if (root !== null) {
    const work = join(root, '.cache')
    return { ...place, vault: bare, root, work, lockRoot: root, lockMemory: lockMemoryIn(work, written) }
  }
  const work = join(config.cacheFolder, bare.identity.id)
  const near = await openFsStore(join(work, 'near'), { create: true })
  const scratch = join(work, 'tmp')
  const vault = vaultOver(bare.identity, rememberCreated(store, written, Date.now), { near, scratch })
  const lockRoot = location.kind === 'local' ? location.path : work
  return { ...place, vault, root, work, lockRoot, lockMemory: lockMemoryIn(work, written) }
}

function protecting({ location, bucket, innerKey }: Found): Pick<Place, 'protection' | 'flags'> {
  const folder = location.kind === 'local' ? location.path : null
  return {
    protection: async (keys, signal) => {
      const inner = keys.map(innerKey)
      if (bucket !== null) return await bucket.protection(inner, signal)
      return await fsProtection(folder ?? '', inner, signal)
    },
    flags:
      folder === null
        ? null
        : {
            set: (options) => protectFolder(folder, options),
            clear: (signal) => unprotectFolder(folder, signal),
          },
  }
}

/** One file an account, and in front of it what this process created. */
const lockMemoryIn =
  (work: string, { created, createdUntil }: LockMemory): Place['lockMemory'] =>
  async (cloud, how) => {
    const file = join(work, `sealed-${cloud}.jsonl`)
    if (how === 'afresh') await rm(file, { force: true })
    const memory = await openLockMemory(file)
    return { ...memory, created, createdUntil: how === 'afresh' ? () => null : createdUntil }
  }

/** Each vendor's package is loaded when the first vault of its kind is opened. */
async function openBucket(place: BucketPlace, config: Config, secrets: HiddenSecrets): Promise<Bucket> {
  const { connectMs, idleMs } = config.timeouts
  if (place.vendor === 's3')
    return (await import('./vault/stores/s3/bucket.ts')).openS3Bucket(place, { timeouts: { connectMs, idleMs } })
  if (place.vendor === 'gs')
    return (await import('./vault/stores/gcs/bucket.ts')).openGcsBucket(place, { timeouts: { idleMs } })
  const { openAzureBucket } = await import('./vault/stores/azure/bucket.ts')
  return openAzureBucket(place, { variables: secrets.storeVariables, idleMs })
}

/**
 * Throws CONSENT_MISSING unless the owner of the bucket allowed this account to use it, as Cloudinary's own backup to a
 * bucket wants it. A local disk needs no consent.
 */
export async function assureConsent(
  { bucket, location }: Pick<Place, 'bucket' | 'location'>,
  clouds: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (bucket === null || location.kind === 'local') return
  for (const cloud of clouds) if (!(await bucket.hasConsent(cloud, signal))) throw noConsent(location.place, cloud)
}

const noConsent = (place: BucketPlace, cloud: string): AppError =>
  new AppError(
    'CONSENT_MISSING',
    `${place.vendor}://${place.bucket} does not say that the account ${cloud} may use it`,
    {
      hint:
        `cloudkeep init '${formatBucketUrl(place)}' --cloud ${cloud} says so, with credentials that may; or put an empty object ` +
        `named .wellknown/cloudinary/${cloud} at the root of the bucket`,
    },
  )
