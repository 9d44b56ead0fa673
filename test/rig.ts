import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCloud } from '../sandbox/cloud.ts'
import { type Sandbox, startSandbox } from '../sandbox/server.ts'
import type { Asset, AssetShelf, Cloud, CloudSettings } from '../sandbox/state.ts'
import type { BackupEvent, BackupOptions, BackupReport } from '../src/backup/report.ts'
import { runBackupCommand } from '../src/backup-command.ts'
import { loadSettings } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/env.ts'
import { type Context, createContext } from '../src/context.ts'
import type { VerifyReport } from '../src/maintenance/verify/report.ts'
import type { Entry } from '../src/model/entry.ts'
import type { Snapshot } from '../src/model/snapshot.ts'
import { runVerifyCommand } from '../src/verify-command.ts'

/** An account in a sandbox, a vault on disk, and the program between them. */
export interface Rig {
  readonly sandbox: Sandbox
  readonly cloud: Cloud
  readonly vault: string
  /** Variables with which the program, in this process or another, finds account and vault. */
  readonly env: Record<string, string>
  backup(
    options?: Partial<BackupOptions>,
    signal?: AbortSignal,
  ): Promise<BackupReport & { readonly events: readonly BackupEvent[] }>
  verify(): Promise<VerifyReport>
  /** Opens what the program would open; closed with the rig. */
  context(): Context
  close(): Promise<void>
}

export interface RigOptions {
  readonly settings?: Partial<CloudSettings>
  readonly shelf?: AssetShelf
  readonly env?: Record<string, string>
  /** @default a new folder, removed with the rig */
  readonly vault?: string
}

const DEFAULTS: BackupOptions = {
  dryRun: false,
  full: false,
  yesMassChange: false,
  delete: false,
  include: [],
  exclude: [],
  concurrency: 16,
  details: 'none',
  remote: false,
  derived: false,
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  const cloud = createCloud({
    name: 'testcloud',
    settings: { rateLimit: 100_000, ...options.settings },
    ...(options.shelf === undefined ? {} : { shelf: options.shelf }),
  })
  const sandbox = await startSandbox({ clouds: [cloud] })
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-test-'))
  const vault = options.vault ?? join(folder, 'vault')
  const env = {
    CLOUDINARY_URL: sandbox.cloudinaryUrl(cloud.name),
    CLOUDKEEP_VAULT: vault,
    ...options.env,
  }
  const contexts: Context[] = []
  const context = (): Context => {
    const { config, secrets } = loadSettings(readEnvironment({ variables: env, cwd: folder }))
    const made = createContext(config, secrets)
    contexts.push(made)
    return made
  }
  return {
    sandbox,
    cloud,
    vault,
    env,
    context,
    async backup(given = {}, signal = new AbortController().signal) {
      const events: BackupEvent[] = []
      const made = context()
      try {
        const report = await runBackupCommand(made, { ...DEFAULTS, ...given }, (event) => events.push(event), signal)
        return { ...report, events }
      } finally {
        await made.close()
      }
    },
    async verify() {
      const made = context()
      try {
        return await runVerifyCommand(made, { read: 'all' }, () => undefined, new AbortController().signal)
      } finally {
        await made.close()
      }
    },
    async close() {
      for (const made of contexts) await made.close()
      await sandbox.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The newest snapshot and its entries, read by nothing but the file format. */
export async function readNewest(vault: string, cloud: string): Promise<{ snapshot: Snapshot; entries: Entry[] }> {
  const { gunzipSync } = await import('node:zlib')
  const folder = join(vault, 'accounts', cloud, 'snapshots')
  const newest = (await readdir(folder)).sort().at(-1)
  if (newest === undefined) throw new Error('there is no snapshot')
  const snapshot = JSON.parse(await readFile(join(folder, newest), 'utf8')) as Snapshot
  const entries: Entry[] = []
  for (const { object } of snapshot.segments) {
    const lines = gunzipSync(await readFile(join(vault, 'objects', object.slice(0, 2), object))).toString('utf8')
    entries.push(
      ...lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Entry),
    )
  }
  return { snapshot, entries }
}

/** Assets that the account really holds: no placeholders, nothing that lives elsewhere. */
export const realAssets = (cloud: Cloud): Asset[] =>
  [...cloud.shelf.scan()].filter((a) => a.content !== null && ['upload', 'private', 'authenticated'].includes(a.type))

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/**
 * Compares account and newest snapshot to the byte: every asset is there with its bytes and its facts, and nothing
 * else is. Returns sentences about what differs; empty means that truth and vault agree.
 */
export async function differences(rig: Pick<Rig, 'cloud' | 'vault'>): Promise<string[]> {
  const { entries } = await readNewest(rig.vault, rig.cloud.name)
  const kept = new Map(entries.map((entry) => [entry.assetId, entry]))
  const wrong: string[] = []
  for (const asset of realAssets(rig.cloud)) {
    const entry = kept.get(asset.assetId)
    kept.delete(asset.assetId)
    const name = `${asset.resourceType}/${asset.type}/${asset.publicId}`
    if (entry === undefined) wrong.push(`${name} is not in the snapshot`)
    else wrong.push(...(await entryDifferences(rig.vault, asset, entry)).map((text) => `${name}: ${text}`))
  }
  for (const entry of kept.values()) if (entry.object !== null) wrong.push(`${entry.publicId} is in the snapshot only`)
  return wrong
}

async function entryDifferences(vault: string, asset: Asset, entry: Entry): Promise<string[]> {
  const wrong: string[] = []
  const expect = (what: string, is: unknown, should: unknown): void => {
    if (JSON.stringify(is) !== JSON.stringify(should))
      wrong.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(should)}`)
  }
  const content = asset.content
  if (content === null || entry.object === null) return ['has no bytes']
  const bytes = await readFile(join(vault, 'objects', entry.object.slice(0, 2), entry.object))
  const truth = content.size === 0 ? Buffer.alloc(0) : content.read(0, content.size - 1)
  expect('the object', sha256(bytes), sha256(truth))
  expect('the name of the object', entry.object, sha256(bytes))
  expect('public_id', entry.publicId, asset.publicId)
  expect('type', `${entry.resourceType}/${entry.type}`, `${asset.resourceType}/${asset.type}`)
  expect('cld_version', entry.cldVersion, asset.version)
  expect('tags', [...entry.facts.tags].sort(), [...asset.tags].sort())
  expect('folder', entry.facts.folder, asset.assetFolder)
  const context = (entry.facts.context as { custom?: Record<string, string> } | null)?.custom ?? {}
  expect('context', Object.entries(context).sort(), Object.entries(asset.context).sort())
  expect('metadata', Object.entries(entry.facts.metadata ?? {}).sort(), Object.entries(asset.metadata).sort())
  return wrong
}
