import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BackupEvent } from './backup/report.ts'
import type { LibraryTree } from './backup/run-state.ts'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog } from './catalog/sqlite/catalog.ts'
import { openLockFile } from './catalog/sqlite-lock.ts'
import { syncCatalog } from './catalog/sync.ts'
import { type AccountReaderOptions, createAccountReader } from './cloudinary/create-reader.ts'
import { createAccountWriter } from './cloudinary/create-writer.ts'
import type { AccountReader } from './cloudinary/reader.ts'
import type { AccountWriter, WriterEvents } from './cloudinary/writer.ts'
import { parseCloudinaryUrl } from './config/cloudinary-url.ts'
import type { Config, Settings } from './config/config.ts'
import { checkCloudName } from './config/credentials.ts'
import type { HiddenSecrets } from './config/secrets.ts'
import { locationName, type VaultLocation } from './config/vault-location.ts'
import { readVersion } from './lib/version.ts'
import { createLibraryTree } from './library-tree.ts'
import { AppError, isAppError } from './model/errors.ts'
import { createPlaces, locationOf, type OpenMode, type Place } from './places.ts'
import type { Bucket } from './vault/bucket.ts'
import { createVault } from './vault/create.ts'
import { takeLease } from './vault/lease.ts'
import { idOfLock, type LockName, lockVault, type VaultLock } from './vault/lock.ts'
import type { Store } from './vault/store.ts'
import { createMemoryStore } from './vault/stores/memory.ts'
import type { Vault } from './vault/vault.ts'

export type ReaderListener = (event: Extract<BackupEvent, { type: 'retry' | 'waiting' | 'note' }>) => void

/** Everything a face needs, made when first asked for. The one place where real things are made. */
export interface Context {
  readonly config: Config
  readonly secrets: HiddenSecrets
  /** VAULT_NOT_FOUND when there is none (`open`, the default); `create` makes one where the place is empty. */
  vault(mode?: 'open' | 'create'): Promise<Vault>
  /** The index, brought up to date with the vault; rebuilt from it when `.cache/` was deleted. */
  catalog(): Promise<Catalog>
  /** CREDENTIALS_MISSING without credentials. */
  reader(listener?: ReaderListener): AccountReader
  /**
   * Both hands of an account: that of the credentials (`null`), or the one that a `cloudinary://` URL names. Made for
   * restore and purge alone. CREDENTIALS_MISSING, CONFIG_INVALID for a URL that is none.
   */
  hands(url: string | null, listener?: ReaderListener, events?: WriterEvents): Hands
  /** Another vault beside this one, as `--vault` takes it or as the config file names it. Errors as for `vault`. */
  otherPlace(place: string | VaultLocation, mode?: OpenMode): Promise<Place>
  /** A vault in memory, for a run that only looks what would be written. */
  emptyVault(): Promise<Vault>
  /** The vault and what belongs to it; errors as for `vault`. */
  place(mode?: 'open' | 'create'): Promise<Place>
  /** How messages call the vault's place. */
  readonly placeName: string
  /** The store of a place, whether a vault is there or not. `create` makes the folder where the place is a disk. */
  look(
    location: VaultLocation,
    options?: { readonly create?: boolean },
  ): Promise<{ readonly store: Store; readonly bucket: Bucket | null }>
  /** For bodies on their way: on the vault's own disk, else in the cache of this machine. */
  scratch(): Promise<string>
  /** The folders that people browse; null where the vault is not on a local disk, or encrypted. */
  library(cloud: string): Promise<LibraryTree | null>
  /** An index and, where there is no vault yet, a vault, for a run that leaves nothing behind. `end` removes them. */
  rehearsal(signal: AbortSignal): Promise<Rehearsal>
  readonly now: () => Date
  readonly newId: () => string
  /** `cloudkeep <version>` */
  readonly tool: string
  /** VAULT_LOCKED when another run holds it; `prune` is a lock of its own, beside that of the runs. */
  lock(command: string, name?: LockName, at?: Pick<Place, 'lockRoot' | 'bucket'>): Promise<VaultLock>
  close(): Promise<void>
}

export interface Rehearsal {
  readonly catalog: Catalog
  readonly vault: Vault
  readonly scratch: string
  end(): Promise<void>
}

export interface Hands {
  readonly reader: AccountReader
  readonly writer: AccountWriter
}

const newId = (): string => randomBytes(8).toString('hex')
const now = (): Date => new Date()

/** `note` is told what a person should know and no command asked for. */
export function createContext(
  config: Config,
  secrets: HiddenSecrets,
  note: (message: string) => void = () => undefined,
  undecided: Settings['undecided'] = { account: null, vault: null },
): Context {
  const closers: (() => Promise<void>)[] = []
  const birth = () => ({ now: now(), id: newId(), tool: tool() })
  const places = createPlaces(config, secrets, { birth, note })
  closers.push(() => places.close())
  let place: Promise<Place> | null = null
  let catalog: Promise<Catalog> | null = null

  const openPlace = async (mode: 'open' | 'create' = 'open'): Promise<Place> => {
    if (undecided.vault !== null) throw undecided.vault
    place ??= places.open(
      config.vault,
      mode === 'open' ? 'open' : { create: config.cloud === null ? [] : [config.cloud] },
    )
    // A vault that was not there may be made later in the same process.
    place.catch(() => {
      place = null
    })
    return await place
  }
  const openCatalog = async (): Promise<Catalog> => {
    const { vault, work } = await openPlace()
    const made = await openIndex(work, closers)
    closers.push(() => made.close())
    const { damage } = await syncCatalog(made, vault, new AbortController().signal)
    for (const { key, error } of damage)
      if (error.code !== 'KEY_MISSING') note(`${key} is left out: ${error.message} (cloudkeep verify says more)`)
    const closed = damage.filter(({ error }) => error.code === 'KEY_MISSING').length
    if (closed > 0)
      note(`${closed} of the vault’s files were written elsewhere and cannot be read without a key: left out`)
    return made
  }
  return {
    config,
    secrets,
    place: openPlace,
    placeName: locationName(config.vault),
    look: (location, options) => places.look(location, options),
    vault: async (mode) => (await openPlace(mode)).vault,
    catalog: () => {
      catalog ??= openCatalog()
      return catalog
    },
    reader: (listener) => {
      if (undecided.account !== null) throw undecided.account
      const made = createAccountReader({ ...accountOf(config, secrets), ...waysOf(config, listener) })
      closers.push(() => made.close())
      return made
    },
    hands: (url, listener, events = {}) => {
      if (url === null && undecided.account !== null) throw undecided.account
      const account = url === null ? accountOf(config, secrets) : accountOfUrl(url)
      const options = { ...account, ...waysOf(config, listener) }
      const made = { reader: createAccountReader(options), writer: createAccountWriter({ ...options, ...events }) }
      closers.push(
        () => made.reader.close(),
        () => made.writer.close(),
      )
      return made
    },
    otherPlace: (at, mode = 'open') => places.open(typeof at === 'string' ? locationOf(at, config) : at, mode),
    scratch: async () => join((await openPlace()).work, 'scratch'),
    library: async (cloud) => {
      const { root } = await openPlace()
      return root === null ? null : await createLibraryTree(root, cloud, libraryOptions(config))
    },
    emptyVault: forget,
    rehearsal: (signal) => rehearse(openPlace, signal),
    now,
    newId,
    tool: tool(),
    lock: async (command, name = 'run', at) => lockPlace(at ?? (await openPlace()), { command, name, note }),
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close()
    },
  }
}

const libraryOptions = ({ allowCopies, immutable }: Config) => ({ allowCopies, mayLink: !immutable })

const forget = (): Promise<Vault> => createVault(createMemoryStore(), { now: now(), id: newId(), tool: tool() })

/** Works on a throw-away index, so that it neither waits for nor disturbs a real run. */
async function rehearse(open: () => Promise<Place>, signal: AbortSignal): Promise<Rehearsal> {
  const scratch = await mkdtemp(join(tmpdir(), 'cloudkeep-dry-run-'))
  const catalog = await openSqliteCatalog(join(scratch, 'catalog.sqlite'))
  const end = async (): Promise<void> => {
    await catalog.close()
    await rm(scratch, { recursive: true, force: true })
  }
  try {
    const vault = await open().then(
      (place) => place.vault,
      (error: unknown) => {
        if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
        return forget()
      },
    )
    await syncCatalog(catalog, vault, signal)
    return { catalog, vault, scratch, end }
  } catch (error) {
    await end()
    throw error
  }
}

interface Locking {
  readonly command: string
  readonly name: LockName
  readonly note: (message: string) => void
}

/** On this machine a lock of the system, which dies with its process; in a bucket, for other machines, a lease besides. */
async function lockPlace(
  { lockRoot, bucket }: Pick<Place, 'lockRoot' | 'bucket'>,
  { command, name, note }: Locking,
): Promise<VaultLock> {
  const lock = await lockVault(lockRoot, { command, name, now: now(), openLockFile })
  if (bucket === null) return lock
  const holder = { name, command, id: newId(), host: hostname(), pid: process.pid, now: Date.now, note }
  try {
    const under = await idOfLock(lockRoot, name)
    const lease = await takeLease(bucket.store, { ...holder, under })
    return {
      release: async () => {
        await lease.release()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Where the index cannot be written, as in a vault on a read-only disk, it lives as long as the command. */
async function openIndex(work: string, closers: (() => Promise<void>)[]): Promise<Catalog> {
  try {
    return await openSqliteCatalog(join(work, 'catalog.sqlite'))
  } catch (error) {
    if (!isAppError(error, 'STORE_REFUSED') && !isReadOnly(error)) throw error
    const scratch = await mkdtemp(join(tmpdir(), 'cloudkeep-index-'))
    closers.push(() => rm(scratch, { recursive: true, force: true }))
    return await openSqliteCatalog(join(scratch, 'catalog.sqlite'))
  }
}

const isReadOnly = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EROFS', 'EACCES', 'EPERM'].includes(String(error.code))

const tool = (): string => `cloudkeep ${readVersion()}`

type AccountOptions = Pick<
  AccountReaderOptions,
  'cloud' | 'apiKey' | 'apiSecret' | 'uploadPrefix' | 'secureDistribution' | 'cname' | 'privateCdn'
>

function accountOf(config: Config, secrets: HiddenSecrets): AccountOptions {
  const { cloud } = config
  const { apiKey, apiSecret } = secrets
  if (cloud === null || apiKey === null || apiSecret === null) {
    const { accountName } = config
    const whose = accountName === null ? 'of a Cloudinary account' : `of the account ${accountName}`
    throw new AppError('CREDENTIALS_MISSING', `there are no credentials ${whose}`, {
      hint:
        accountName === null
          ? 'set CLOUDINARY_URL=cloudinary://<key>:<secret>@<cloud>, from the API Keys page of the Cloudinary console, or write it into a .env file here'
          : `set ${secrets.missing.join(', ')}`,
    })
  }
  return {
    cloud,
    apiKey,
    apiSecret,
    uploadPrefix: config.uploadPrefix,
    ...(config.secureDistribution === null ? {} : { secureDistribution: config.secureDistribution }),
    ...(config.cname === null ? {} : { cname: config.cname }),
    privateCdn: config.privateCdn,
  }
}

function accountOfUrl(text: string): AccountOptions {
  const url = parseCloudinaryUrl(text, 'the target')
  if (url.apiKey === null || url.apiSecret === null) {
    throw new AppError('CREDENTIALS_MISSING', 'the cloudinary:// URL of the target holds no key and secret', {
      hint: 'it looks like cloudinary://<key>:<secret>@<cloud>',
    })
  }
  return {
    cloud: checkCloudName(url.cloud, 'the target'),
    apiKey: url.apiKey,
    apiSecret: url.apiSecret,
    privateCdn: url.privateCdn,
    ...(url.uploadPrefix === null ? {} : { uploadPrefix: url.uploadPrefix }),
    ...(url.secureDistribution === null ? {} : { secureDistribution: url.secureDistribution }),
    ...(url.cname === null ? {} : { cname: url.cname }),
  }
}

/** How an account is reached, whichever it is. */
function waysOf(
  config: Config,
  listener: ReaderListener | undefined,
): Omit<AccountReaderOptions, keyof AccountOptions> {
  return {
    deliveryHosts: config.deliveryHosts,
    reserve: config.apiReserve,
    wait: config.wait,
    timeouts: {
      connectMs: config.timeouts.connectMs,
      headersMs: config.timeouts.headersMs,
      bodyMs: config.timeouts.idleMs,
    },
    ...(config.proxy === null
      ? {}
      : { proxy: { http: config.proxy, https: config.proxy, noProxy: config.noProxy ?? '' } }),
    ...(listener === undefined
      ? {}
      : { onEvent: listener, onNote: (message: string) => listener({ type: 'note', message }) }),
  }
}
