import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type AssetOptions, backupVersionOf, contentOf, makeAsset, newId } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import type { ImportDeps } from '../src/backup/import-history/import-state.ts'
import type { ImportEvent, ImportOptions, ImportReport } from '../src/backup/import-history/report.ts'
import { importHistory } from '../src/backup/import-history/run.ts'
import { runImportCommand } from '../src/backup-command.ts'
import { decodeHistoryLine, type HistoryHead, type HistoryLine } from '../src/model/history.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'

export const HOUR = 3_600_000
export const START = Math.floor(Date.now() / 1000) * 1000 - 100 * HOUR

const rigs: Rig[] = []
/** An account that keeps backups, and the program beside it. Closed by `closeRigs`. */
export const rig = async (options: RigOptions = {}): Promise<Rig> => {
  const made = await createRig({ ...options, settings: { autoBackup: true, ...options.settings } })
  rigs.push(made)
  return made
}
export const closeRigs = async (): Promise<void> => {
  for (const made of rigs.splice(0)) await made.close()
}

export const first = (made: Rig, publicId: string, more: Partial<AssetOptions> = {}): Asset =>
  makeAsset(made.cloud, { publicId, bytes: Buffer.from(`${publicId} 1`), createdAt: START, ...more })

/** As an upload over it would: other bytes, another cld_version, one more version in the backup. */
export const overwrite = (asset: Asset, bytes: string, at: number): void => {
  asset.content = contentOf(Buffer.from(bytes))
  asset.version = Math.floor(at / 1000)
  asset.versionId = newId()
  asset.uploadedAt = at
  asset.times = { ...asset.times, updated: at }
  if (asset.backup) asset.versions.push(backupVersionOf(asset.content, asset))
}

/** An asset with `count` versions, an hour between them; the last is what the account has. */
export const withHistory = (made: Rig, publicId: string, count: number, more: Partial<AssetOptions> = {}): Asset => {
  const asset = first(made, publicId, more)
  for (let n = 2; n <= count; n += 1) overwrite(asset, `${publicId} ${n}`, START + n * HOUR)
  return asset
}

/** Leaves a placeholder that has its versions. */
export const destroy = (asset: Asset): Asset => {
  asset.content = null
  return asset
}

export const cli = (made: Rig, ...args: string[]): Promise<Done> =>
  commandLine(args, { variables: made.env, cwd: join(made.vault, '..') })
export const importIt = async (made: Rig, ...args: string[]): Promise<Done & { summary: Record<string, unknown> }> => {
  const done = await cli(made, 'import-history', '--json', ...args)
  return { ...done, summary: done.records.at(-1) ?? {} }
}
/** version_ids that were downloaded, in order; sorted when it is about which. */
export const downloads = (made: Rig): string[] =>
  made.sandbox.requests
    .filter((r) => r.path.includes('/download_backup'))
    .map((r) => new URL(r.path, 'http://x').searchParams.get('version_id') ?? '')
/** assetIds that were asked for, in order. */
export const asked = (made: Rig): string[] =>
  made.sandbox.requests.flatMap((r) => /\/resources\/([0-9a-f]{32})\?versions=true$/u.exec(r.path)?.[1] ?? [])

export const historyLines = async (made: Rig): Promise<{ heads: HistoryHead[]; lines: HistoryLine[] }> => {
  const folder = join(made.vault, 'accounts', made.cloud.name, 'history')
  const names = (await readdir(folder).catch(() => [])).sort()
  const heads = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as HistoryHead),
  )
  const lines: HistoryLine[] = []
  for (const { lines: object } of heads) {
    const text = gunzipSync(await readFile(join(made.vault, 'objects', object.slice(0, 2), object))).toString('utf8')
    lines.push(...text.trimEnd().split('\n').map(decodeHistoryLine))
  }
  return { heads, lines }
}
export const keptBytes = async (made: Rig, { entry }: HistoryLine): Promise<string> =>
  await readFile(join(made.vault, 'objects', (entry.object ?? '').slice(0, 2), entry.object ?? ''), 'utf8')

const OPTIONS: ImportOptions = {
  dryRun: false,
  deletedOnly: false,
  all: false,
  assets: [],
  names: [],
  limitCalls: null,
  concurrency: 1,
}
export const runImport = async (
  made: Rig,
  options: Partial<ImportOptions> = {},
  listen: (event: ImportEvent) => void = () => undefined,
  signal = new AbortController().signal,
) => {
  const context = made.context()
  try {
    return await runImportCommand(context, { ...OPTIONS, ...options }, listen, signal)
  } finally {
    await context.close()
  }
}

/** With something between it and the world that is not as it should be. */
export const importWith = async (made: Rig, change: (deps: ImportDeps) => ImportDeps): Promise<ImportReport> => {
  const context = made.context()
  const { now, newId, tool } = context
  const scratch = await context.scratch()
  const journal = join(made.vault, '.cache', 'import-testcloud')
  const [vault, catalog] = [await context.vault(), await context.catalog()]
  const deps = { reader: context.reader(), vault, catalog, scratch, journal, bwlimit: null, now, newId, tool }
  try {
    return await importHistory(change({ ...deps, listen: () => undefined }), OPTIONS, new AbortController().signal)
  } finally {
    await context.close()
  }
}
