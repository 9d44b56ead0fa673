import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImportListener, ImportOptions, ImportReport } from './backup/import-history/report.ts'
import { importHistory } from './backup/import-history/run.ts'
import type { BackupEvent, BackupListener, BackupOptions, BackupReport } from './backup/report.ts'
import { runBackup } from './backup/run.ts'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog } from './catalog/sqlite/catalog.ts'
import { openLockFile } from './catalog/sqlite-lock.ts'
import { syncCatalog } from './catalog/sync.ts'
import { type AccountReaderOptions, createAccountReader } from './cloudinary/create-reader.ts'
import { createAccountWriter } from './cloudinary/create-writer.ts'
import type { AccountReader } from './cloudinary/reader.ts'
import type { AccountWriter, WriterEvents } from './cloudinary/writer.ts'
import { parseCloudinaryUrl } from './config/cloudinary-url.ts'
import type { Config } from './config/config.ts'
import { checkCloudName } from './config/credentials.ts'
import type { Secrets } from './config/secrets.ts'
import { parseVaultLocation } from './config/vault-location.ts'
import { preferMemory } from './lib/memory.ts'
import { readVersion } from './lib/version.ts'
import { createLibraryTree } from './library-tree.ts'
import { copyVault } from './maintenance/copy/copy.ts'
import { refuseOverlap } from './maintenance/copy/places.ts'
import type { CopyOptions, CopyReport } from './maintenance/copy/report.ts'
import { compareLive } from './maintenance/verify/live.ts'
import { parseReadWish } from './maintenance/verify/reading.ts'
import type { VerifyEvent, VerifyReport } from './maintenance/verify/report.ts'
import { verify } from './maintenance/verify/verify.ts'
import { AppError, isAppError } from './model/errors.ts'
import { createRepairHands } from './repair-hands.ts'
import { createVault } from './vault/create.ts'
import { type LockName, lockVault, type VaultLock } from './vault/lock.ts'
import { openVault } from './vault/open.ts'
import { openFsStore } from './vault/stores/fs.ts'
import { createMemoryStore } from './vault/stores/memory.ts'
import type { Vault } from './vault/vault.ts'

export type ReaderListener = (event: Extract<BackupEvent, { type: 'retry' | 'waiting' | 'note' }>) => void

/** Everything a face needs, made when first asked for. The one place where real things are made. */
export interface Context {
  readonly config: Config
  readonly secrets: Secrets
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
  /** Another vault beside this one: a folder or URL as `--vault` takes it. Errors as for `vault`. */
  otherVault(place: string, mode?: 'open' | 'create'): Promise<Vault>
  /** For bodies on their way, on the vault's own file system. */
  readonly scratch: string
  readonly now: () => Date
  readonly newId: () => string
  /** `cloudkeep <version>` */
  readonly tool: string
  /** VAULT_LOCKED when another run holds it; `prune` is a lock of its own, beside that of the runs. */
  lock(command: string, name?: LockName): Promise<VaultLock>
  close(): Promise<void>
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
  secrets: Secrets,
  note: (message: string) => void = () => undefined,
): Context {
  const root = config.vault.path
  const closers: (() => Promise<void>)[] = []
  let vault: Promise<Vault> | null = null
  let catalog: Promise<Catalog> | null = null

  const open = async (mode: 'open' | 'create', at = root): Promise<Vault> => {
    const store = await openFsStore(at)
    if (mode === 'open') return openVault(store)
    return openVault(store).catch((error: unknown) => {
      if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
      return createVault(store, { now: now(), id: newId(), tool: tool() })
    })
  }
  const openCatalog = async (context: Context): Promise<Catalog> => {
    const opened = await context.vault()
    const made = await openIndex(root, closers)
    closers.push(() => made.close())
    const { damage } = await syncCatalog(made, opened, new AbortController().signal)
    for (const { key, error } of damage) note(`${key} is left out: ${error.message} (cloudkeep verify says more)`)
    return made
  }
  const context: Context = {
    config,
    secrets,
    vault: (mode = 'open') => {
      vault ??= open(mode)
      // A vault that was not there may be made later in the same process.
      vault.catch(() => {
        vault = null
      })
      return vault
    },
    catalog: () => {
      catalog ??= openCatalog(context)
      return catalog
    },
    reader: (listener) => {
      const made = createAccountReader({ ...accountOf(config, secrets), ...waysOf(config, listener) })
      closers.push(() => made.close())
      return made
    },
    hands: (url, listener, events = {}) => {
      const account = url === null ? accountOf(config, secrets) : accountOfUrl(url)
      const options = { ...account, ...waysOf(config, listener) }
      const made = { reader: createAccountReader(options), writer: createAccountWriter({ ...options, ...events }) }
      closers.push(
        () => made.reader.close(),
        () => made.writer.close(),
      )
      return made
    },
    otherVault: (place, mode = 'open') => {
      const at = parseVaultLocation({ value: place, origin: 'flag' }, { cwd: process.cwd(), home: homedir() })
      return open(mode, at.path)
    },
    scratch: join(root, '.cache', 'scratch'),
    now,
    newId,
    tool: tool(),
    lock: (command, name = 'run') => lockVault(root, { command, name, now: now(), openLockFile }),
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close()
    },
  }
  return context
}

/** The index lies in the vault; a vault that cannot be written gets one that lives as long as the command. */
async function openIndex(root: string, closers: (() => Promise<void>)[]): Promise<Catalog> {
  try {
    return await openSqliteCatalog(join(root, '.cache', 'catalog.sqlite'))
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

function accountOf(config: Config, secrets: Secrets): AccountOptions {
  const { cloud } = config
  const { apiKey, apiSecret } = secrets
  if (cloud === null || apiKey === null || apiSecret === null) {
    throw new AppError('CREDENTIALS_MISSING', 'there are no credentials of a Cloudinary account', {
      hint: 'set CLOUDINARY_URL=cloudinary://<key>:<secret>@<cloud>, from the API Keys page of the Cloudinary console, or write it into a .env file here',
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

/** Takes the lock, backs up, lets the lock go. A dry run takes none and makes no vault. */
export async function runBackupCommand(
  context: Context,
  options: BackupOptions,
  listen: BackupListener,
  signal: AbortSignal,
): Promise<BackupReport> {
  const reader = context.reader(listen)
  if (options.dryRun) return await dryRun(context, reader, { options, listen, signal })
  const vault = await context.vault('create')
  const lock = await context.lock('backup')
  try {
    const root = context.config.vault.path
    const deps = {
      reader,
      vault,
      catalog: await context.catalog(),
      library: await createLibraryTree(root, reader.account.cloud, context.config.allowCopies),
      scratch: join(root, '.cache', 'scratch'),
    }
    return await runBackup({ ...deps, ...fixed(context, watchSize(listen)) }, options, signal)
  } finally {
    await lock.release()
  }
}

/** Accounts from this size on are long runs, in which memory matters more than the last bit of speed. */
const LARGE_ACCOUNT = 5000

const watchSize =
  (listen: BackupListener): BackupListener =>
  (event) => {
    if (event.type === 'estimate' && (event.estimate.assets ?? LARGE_ACCOUNT) >= LARGE_ACCOUNT) preferMemory()
    listen(event)
  }

export const fixed = (context: Context, listen: BackupListener) => ({
  bwlimit: context.config.bwlimit,
  now,
  newId,
  tool: tool(),
  listen,
})

interface Doing {
  readonly options: BackupOptions
  readonly listen: BackupListener
  readonly signal: AbortSignal
}

/** Works on a throw-away index, so that it neither waits for nor disturbs a real run. */
async function dryRun(
  context: Context,
  reader: AccountReader,
  { options, listen, signal }: Doing,
): Promise<BackupReport> {
  const scratch = await mkdtemp(join(tmpdir(), 'cloudkeep-dry-run-'))
  const catalog = await openSqliteCatalog(join(scratch, 'catalog.sqlite'))
  try {
    const vault = await context.vault().catch((error: unknown) => {
      if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
      return createVault(createMemoryStore(), { now: now(), id: newId(), tool: tool() })
    })
    await syncCatalog(catalog, vault, signal)
    return await runBackup(
      { reader, vault, catalog, library: null, scratch, ...fixed(context, listen) },
      options,
      signal,
    )
  } finally {
    await catalog.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Takes the lock, brings in what Cloudinary's own backup holds, lets the lock go. A dry run takes none. */
export async function runImportCommand(
  context: Context,
  options: ImportOptions,
  listen: ImportListener,
  signal: AbortSignal,
): Promise<ImportReport> {
  const reader = context.reader(listen)
  const vault = await context.vault()
  const lock = options.dryRun ? null : await context.lock('import-history')
  try {
    const { scratch, config, tool } = context
    const journal = join(config.vault.path, '.cache', `import-${reader.account.cloud}`)
    const deps = { reader, vault, catalog: await context.catalog(), scratch, journal, bwlimit: config.bwlimit }
    return await importHistory({ ...deps, now, newId, tool, listen }, options, signal)
  } finally {
    await lock?.release()
  }
}

/** What a person asked `verify` for. */
export interface VerifyWish {
  /** As `parseReadWish` takes it. */
  readonly read: string
  readonly repair?: boolean
  /** Other vaults to repair from. */
  readonly from?: readonly string[]
  /** Compare the account with its newest snapshot too. */
  readonly live?: boolean
}

/** Reads, and needs no lock for it, because objects never change and snapshots appear whole. A repair takes the lock. */
export async function runVerifyCommand(
  context: Context,
  wish: VerifyWish,
  listen: (event: VerifyEvent) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const read = parseReadWish(wish.read)
  const vault = await context.vault()
  const lock = wish.repair === true ? await context.lock('verify --repair') : null
  try {
    const repair = wish.repair === true ? await createRepairHands(context, wish.from ?? [], talkTo(listen)) : null
    const report = await verify(vault, { read, repair, now, newId, tool: tool(), listen }, signal)
    if (wish.live !== true) return report
    const live = { reader: context.reader(talkTo(listen)), catalog: await context.catalog(), listen }
    return { ...report, live: await compareLive(live, signal) }
  } finally {
    await lock?.release()
  }
}

/** What a reader tells, as far as a check passes it on. */
const talkTo =
  (listen: (event: VerifyEvent) => void): ReaderListener =>
  (event) => {
    if (event.type === 'note' || event.type === 'waiting') listen(event)
  }

/**
 * Copies the vault at `from` (null: the configured one) into the vault at `to`, which is made where the place is empty.
 * Takes the target's locks. A dry run takes none and makes no vault.
 */
export async function runCopyCommand(
  context: Context,
  places: { readonly from: string | null; readonly to: string },
  options: Omit<CopyOptions, 'now'>,
  signal: AbortSignal,
): Promise<CopyReport> {
  const [from, to] = [places.from ?? context.config.vault.path, pathOf(places.to)]
  await refuseOverlap(pathOf(from), to)
  const source = await (places.from === null ? context.vault() : context.otherVault(from))
  if (options.dryRun) {
    const target = await context.otherVault(places.to).catch((error: unknown) => {
      if (!isAppError(error, 'VAULT_NOT_FOUND')) throw error
      return createVault(createMemoryStore(), { now: now(), id: newId(), tool: tool() })
    })
    return await copyVault(source, target, { ...options, now }, signal)
  }
  const target = await context.otherVault(places.to, 'create')
  const holding = { command: 'copy', now: now(), openLockFile }
  const lock = await lockVault(to, holding)
  try {
    // What the copy found in its place must still be there when the head that names it is written.
    const prune = await lockVault(to, { ...holding, name: 'prune' })
    try {
      return await copyVault(source, target, { ...options, now }, signal)
    } finally {
      await prune.release()
    }
  } finally {
    await lock.release()
  }
}

const pathOf = (place: string): string =>
  parseVaultLocation({ value: place, origin: 'flag' }, { cwd: process.cwd(), home: homedir() }).path
