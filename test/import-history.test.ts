import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type AssetOptions, backupVersionOf, contentOf, makeAsset, newId } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import type { ImportEvent, ImportOptions } from '../src/backup/import-history/report.ts'
import { importHistory } from '../src/backup/import-history/run.ts'
import { runImportCommand } from '../src/context.ts'
import { AppError } from '../src/model/errors.ts'
import { decodeHistoryLine, type HistoryHead, type HistoryLine } from '../src/model/history.ts'
import { commandLine, type Done } from './command-line.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'

const HOUR = 3_600_000
const START = Math.floor(Date.now() / 1000) * 1000 - 100 * HOUR

const rigs: Rig[] = []
const rig = async (options: RigOptions = {}): Promise<Rig> => {
  const made = await createRig({ ...options, settings: { autoBackup: true, ...options.settings } })
  rigs.push(made)
  return made
}
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.close()
})

const first = (made: Rig, publicId: string, more: Partial<AssetOptions> = {}): Asset =>
  makeAsset(made.cloud, { publicId, bytes: Buffer.from(`${publicId} 1`), createdAt: START, ...more })

/** As an upload over it would: other bytes, another cld_version, one more version in the backup. */
const overwrite = (asset: Asset, bytes: string, at: number): void => {
  asset.content = contentOf(Buffer.from(bytes))
  asset.version = Math.floor(at / 1000)
  asset.versionId = newId()
  asset.uploadedAt = at
  asset.times = { ...asset.times, updated: at }
  if (asset.backup) asset.versions.push(backupVersionOf(asset.content, asset))
}

/** An asset with `count` versions, an hour between them; the last is what the account has. */
const withHistory = (made: Rig, publicId: string, count: number, more: Partial<AssetOptions> = {}): Asset => {
  const asset = first(made, publicId, more)
  for (let n = 2; n <= count; n += 1) overwrite(asset, `${publicId} ${n}`, START + n * HOUR)
  return asset
}

/** Leaves a placeholder that has its versions. */
const destroy = (asset: Asset): Asset => {
  asset.content = null
  return asset
}

const cli = (made: Rig, ...args: string[]): Promise<Done> =>
  commandLine(args, { variables: made.env, cwd: join(made.vault, '..') })
const importIt = async (made: Rig, ...args: string[]): Promise<Done & { summary: Record<string, unknown> }> => {
  const done = await cli(made, 'import-history', '--json', ...args)
  return { ...done, summary: done.records.at(-1) ?? {} }
}
/** version_ids that were downloaded, in order; sorted when it is about which. */
const downloads = (made: Rig): string[] =>
  made.sandbox.requests
    .filter((r) => r.path.includes('/download_backup'))
    .map((r) => new URL(r.path, 'http://x').searchParams.get('version_id') ?? '')
/** assetIds that were asked for, in order. */
const asked = (made: Rig): string[] =>
  made.sandbox.requests.flatMap((r) => /\/resources\/([0-9a-f]{32})\?versions=true$/u.exec(r.path)?.[1] ?? [])

const historyLines = async (made: Rig): Promise<{ heads: HistoryHead[]; lines: HistoryLine[] }> => {
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
const keptBytes = async (made: Rig, { entry }: HistoryLine): Promise<string> =>
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
const runImport = async (
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

describe('an asset that was replaced before the first backup', () => {
  test('gets its earlier versions, with their bytes, times and ids', async () => {
    const made = await rig()
    const asset = withHistory(made, 'shoe', 4, { tags: ['now'] })
    await made.backup()
    const { exit, summary } = await importIt(made)
    expect(exit).toBe(0)
    expect(summary).toMatchObject({
      cloud: 'testcloud',
      assetsAsked: 1,
      versionsFound: 4,
      imported: 3,
      importedBytes: 18,
      alreadyKept: 1,
      notRestorable: 0,
      failed: 0,
      finished: true,
    })
    const { heads, lines } = await historyLines(made)
    expect(heads).toMatchObject([{ origin: 'import', cloud: 'testcloud', entries: 3, contentBytes: 18 }])
    expect(await Promise.all(lines.map((line) => keptBytes(made, line)))).toEqual(['shoe 1', 'shoe 2', 'shoe 3'])
    const iso = (at: number): string => new Date(at).toISOString()
    const times = [0, 2, 3, 4].map((n) => iso(START + n * HOUR))
    expect(lines.map(({ since, until }) => [since, until])).toEqual([
      [times[0], times[1]],
      [times[1], times[2]],
      [times[2], times[3]],
    ])
    const [kept] = lines
    const md5 = createHash('md5').update('shoe 1').digest('hex')
    expect(kept).toMatchObject({
      versionId: asset.versions[0]?.versionId,
      keepUntil: null,
      reason: "Cloudinary's backup",
    })
    expect(kept?.entry).toMatchObject({
      assetId: asset.assetId,
      publicId: 'shoe',
      cldVersion: asset.versions[0]?.version,
      size: 6,
      md5,
      proof: 'md5',
      path: null,
      facts: { bytes: 6, format: 'jpg', tags: [], context: null, folder: null, uploadedAt: times[0] },
      raw: { details: { version_id: asset.versions[0]?.versionId } },
    })
    expect(new Set(lines.map(({ entry }) => entry.version)).size).toBe(3)
    expect((await made.verify()).findings).toEqual([])
  })

  test('shows them in `versions`, gives them out by `get`, and keeps them when the catalog is lost', async () => {
    const made = await rig()
    withHistory(made, 'shoe', 3)
    await made.backup()
    await importIt(made)
    await rm(join(made.vault, '.cache'), { recursive: true })
    const listed = await cli(made, 'versions', 'shoe', '--json')
    expect(listed.records.filter(({ type }) => type === 'version')).toMatchObject([
      { origin: 'import' },
      { origin: 'import' },
      { origin: 'snapshot' },
    ])
    const got = await cli(made, 'get', 'shoe@2')
    expect([got.exit, got.out]).toEqual([0, 'shoe 2'])
  })

  test('costs nothing the second time, also when a catalog that was lost has to be made again', async () => {
    const made = await rig()
    for (const name of ['a', 'b', 'c']) withHistory(made, name, 3)
    await made.backup()
    await importIt(made)
    const [before, calls] = [downloads(made), asked(made)]
    expect(before).toHaveLength(6)
    const second = await importIt(made)
    expect(second.summary).toMatchObject({ assetsAsked: 0, versionsFound: 0, imported: 0, apiCalls: 1 })
    expect(asked(made)).toEqual(calls)
    await rm(join(made.vault, '.cache'), { recursive: true })
    const third = await importIt(made)
    expect(third.summary).toMatchObject({ assetsAsked: 3, versionsFound: 9, imported: 0, alreadyKept: 9 })
    expect(downloads(made)).toEqual(before)
    expect((await historyLines(made)).heads).toHaveLength(1)
  })

  test('is asked for again when it was replaced twice between two backups', async () => {
    const made = await rig()
    const asset = withHistory(made, 'shoe', 2)
    await made.backup()
    await importIt(made)
    overwrite(asset, 'shoe 3', START + 20 * HOUR)
    overwrite(asset, 'shoe 4', START + 21 * HOUR)
    await made.backup()
    const { summary } = await importIt(made)
    expect(summary).toMatchObject({ assetsAsked: 1, versionsFound: 4, imported: 1, alreadyKept: 3 })
    const { lines } = await historyLines(made)
    expect(await Promise.all(lines.map((line) => keptBytes(made, line)))).toEqual(['shoe 1', 'shoe 3'])
  })

  test('leaves the state that no backup has seen yet to the next one', async () => {
    const made = await rig()
    const asset = withHistory(made, 'shoe', 2)
    await made.backup()
    overwrite(asset, 'shoe 3', START + 20 * HOUR)
    const { summary } = await importIt(made)
    expect(summary).toMatchObject({ versionsFound: 3, imported: 1, alreadyKept: 1, leftToBackup: 1 })
    await made.backup()
    const after = await importIt(made)
    expect(after.summary).toMatchObject({ imported: 0, alreadyKept: 3, leftToBackup: 0 })
  })

  test('may have an earlier version with the very bytes that it has now', async () => {
    const made = await rig()
    const asset = first(made, 'shoe')
    overwrite(asset, 'other', START + HOUR)
    overwrite(asset, 'shoe 1', START + 2 * HOUR)
    await made.backup()
    const { summary } = await importIt(made)
    expect(summary).toMatchObject({ imported: 2, alreadyKept: 1 })
    const listed = await cli(made, 'versions', 'shoe', '--json')
    expect(listed.records.filter(({ type }) => type === 'version')).toHaveLength(3)
  })
})

describe('a deleted asset', () => {
  test('that no backup ever saw is brought in whole, before everything else', async () => {
    const made = await rig()
    const shoe = withHistory(made, 'shoe', 2)
    const gone = destroy(withHistory(made, 'gone', 3))
    await made.backup()
    const { exit, summary } = await importIt(made, '--concurrency', '1')
    expect(exit).toBe(0)
    expect(summary).toMatchObject({ assetsAsked: 2, versionsFound: 5, imported: 4, alreadyKept: 1 })
    expect(asked(made)).toEqual([gone.assetId, shoe.assetId])
    const { lines } = await historyLines(made)
    const last = lines.filter(({ entry }) => entry.publicId === 'gone').at(-1)
    expect(last).toMatchObject({ until: null, entry: { facts: { format: 'jpg' } } })
    const got = await cli(made, 'get', 'gone')
    expect([got.exit, got.out]).toEqual([0, 'gone 3'])
  })

  test('can be all that is asked for', async () => {
    const made = await rig()
    withHistory(made, 'shoe', 2)
    const gone = destroy(first(made, 'gone'))
    await made.backup()
    const { summary } = await importIt(made, '--deleted-only')
    expect(summary).toMatchObject({ assetsAsked: 1, imported: 1 })
    expect(asked(made)).toEqual([gone.assetId])
  })

  test('that the vault knows from earlier is not downloaded again', async () => {
    const made = await rig()
    const asset = first(made, 'shoe')
    first(made, 'other')
    await made.backup()
    destroy(asset)
    await made.backup({ yesMassChange: true })
    const { summary } = await importIt(made)
    expect(summary).toMatchObject({ assetsAsked: 1, versionsFound: 1, imported: 0, alreadyKept: 1 })
    expect(downloads(made)).toEqual([])
  })

  test('is found by its name, and a name that nobody has is a failure', async () => {
    const made = await rig()
    first(made, 'shoe')
    const gone = destroy(first(made, 'was/here'))
    destroy(first(made, 'another'))
    await made.backup()
    const { exit, summary, records } = await importIt(made, 'image/upload/was/here', 'never/was')
    expect(exit).toBe(3)
    expect(asked(made)).toEqual([gone.assetId])
    expect(summary).toMatchObject({ imported: 1, failed: 1 })
    expect(records.filter(({ type }) => type === 'failure')).toMatchObject([
      { failure: { code: 'ASSET_NOT_FOUND', publicId: 'never/was' } },
    ])
  })

  test('is found in the listings when the search refuses', async () => {
    const made = await rig()
    destroy(first(made, 'gone'))
    first(made, 'shoe')
    await made.backup()
    made.sandbox.faults.add({
      pathMatch: /resources\/search/u,
      fault: { kind: 'status', status: 400, message: 'no such status' },
    })
    const { exit, summary, records } = await importIt(made)
    expect([exit, summary['imported']]).toEqual([0, 1])
    expect(records.find(({ type }) => type === 'note')).toMatchObject({ message: expect.stringContaining('listings') })
  })

  test('is counted once, however often its page comes', async () => {
    const made = await rig()
    for (let n = 0; n < 520; n += 1) destroy(first(made, `gone/${n}`, { createdAt: START + n * 1000 }))
    first(made, 'shoe')
    await made.backup()
    made.sandbox.faults.add({ pathMatch: /resources\/search/u, times: 1, fault: { kind: 'expired-cursor' } })
    const { exit, summary } = await importIt(made, '-n')
    expect(exit).toBe(0)
    expect(summary).toMatchObject({ apiCalls: 4, estimate: { deleted: 520, current: 0, apiCalls: 521 } })
  })
})

describe('calls are spared', () => {
  test('for an account without any backup: one search, nothing else', async () => {
    const made = await rig({ settings: { autoBackup: false } })
    for (let n = 0; n < 30; n += 1) overwrite(first(made, `shoe/${n}`), 'new', START + HOUR)
    await made.backup()
    const { exit, summary } = await importIt(made)
    expect(exit).toBe(0)
    expect(summary).toMatchObject({ assetsAsked: 0, versionsFound: 0, apiCalls: 1, finished: true })
    expect(asked(made)).toEqual([])
  })

  test('for assets that were never replaced, unless somebody asks for all', async () => {
    const made = await rig()
    for (let n = 0; n < 20; n += 1) first(made, `once/${n}`)
    const shoe = withHistory(made, 'shoe', 2)
    await made.backup()
    expect((await importIt(made)).summary).toMatchObject({ assetsAsked: 1, imported: 1 })
    expect(asked(made)).toEqual([shoe.assetId])
    const all = await importIt(made, '--all')
    expect(all.summary).toMatchObject({ assetsAsked: 21, versionsFound: 22, imported: 0, alreadyKept: 22 })
  })

  test('when details that a backup read name no version that is not kept', async () => {
    const made = await rig()
    const asset = first(made, 'shoe')
    await made.backup()
    overwrite(asset, 'shoe 2', START + HOUR)
    const other = withHistory(made, 'other', 2)
    await made.backup({ details: 'all', yesMassChange: true })
    const { summary } = await importIt(made)
    expect(summary).toMatchObject({ assetsAsked: 1, imported: 1 })
    expect(asked(made)).toEqual([other.assetId])
  })

  test('but the newest changes come first when there are few', async () => {
    const made = await rig()
    const assets = [1, 2, 3, 4, 5].map((n) => {
      const asset = first(made, `shoe/${n}`)
      overwrite(asset, `shoe/${n} later`, START + ((n * 7) % 5) * HOUR + HOUR)
      return asset
    })
    await made.backup()
    const { exit, summary } = await importIt(made, '--limit-calls', '3', '--concurrency', '1')
    const newest = assets.toSorted((a, b) => b.uploadedAt - a.uploadedAt).map(({ assetId }) => assetId)
    expect(exit).toBe(0)
    expect(summary).toMatchObject({ apiCalls: 3, finished: false, imported: 2 })
    expect(asked(made)).toEqual(newest.slice(0, 2))
    expect((await importIt(made)).summary).toMatchObject({ finished: true, imported: 3 })
    expect(asked(made).toSorted()).toEqual(newest.toSorted())
  })

  test('by a dry run, which asks for no asset, writes nothing and tells what to expect', async () => {
    const made = await rig()
    destroy(withHistory(made, 'gone', 2))
    withHistory(made, 'shoe', 3)
    first(made, 'once')
    await made.backup()
    const before = await readdir(made.vault, { recursive: true })
    const { exit, summary } = await importIt(made, '-n')
    expect(exit).toBe(0)
    // Of "gone" both versions, of "shoe" all but the last.
    expect(summary['estimate']).toEqual({ deleted: 1, current: 1, apiCalls: 2, bytes: 12 + 12, hours: 0 })
    expect(summary).toMatchObject({ apiCalls: 1, assetsAsked: 0 })
    expect(asked(made)).toEqual([])
    expect((await readdir(made.vault, { recursive: true })).filter((name) => !before.includes(name))).toEqual([])
  })
})

describe('what cannot be had', () => {
  test('because Cloudinary says so is counted, is no failure, and is asked for again', async () => {
    const made = await rig()
    const asset = withHistory(made, 'shoe', 3)
    const [old] = asset.versions
    if (old === undefined) throw new Error('no version')
    old.restorable = false
    await made.backup()
    const { exit, summary } = await importIt(made)
    expect([exit, summary]).toMatchObject([0, { versionsFound: 3, imported: 1, notRestorable: 1, alreadyKept: 1 }])
    old.restorable = true
    const later = await importIt(made)
    expect(later.summary).toMatchObject({ imported: 1, alreadyKept: 2, notRestorable: 0 })
    expect(downloads(made)).toHaveLength(2)
  })

  test('is named, the others go on, and the next run tries only it again', async () => {
    const made = await rig()
    const shoe = withHistory(made, 'shoe', 3)
    withHistory(made, 'hat', 3)
    await made.backup()
    const bad = shoe.versions[0]?.versionId ?? ''
    made.sandbox.faults.add({ pathMatch: new RegExp(bad, 'u'), fault: { kind: 'status', status: 404, message: 'no' } })
    const { exit, summary, records } = await importIt(made)
    expect(exit).toBe(3)
    expect(summary).toMatchObject({ versionsFound: 6, imported: 3, alreadyKept: 2, failed: 1 })
    expect(records.filter(({ type }) => type === 'failure')).toMatchObject([
      { failure: { publicId: 'shoe', versionId: bad, code: 'DOWNLOAD_REFUSED' } },
    ])
    made.sandbox.faults.clear()
    const before = downloads(made).length
    const again = await importIt(made)
    expect([again.exit, again.summary]).toMatchObject([0, { assetsAsked: 1, imported: 1, alreadyKept: 2, failed: 0 }])
    expect(downloads(made).slice(before)).toEqual([bad])
  })

  test.each(['short', 'truncate'] as const)('with its whole length is never kept (%s)', async (kind) => {
    const made = await rig()
    const shoe = withHistory(made, 'shoe', 2)
    await made.backup()
    const bad = new RegExp(shoe.versions[0]?.versionId ?? '', 'u')
    made.sandbox.faults.add({ pathMatch: bad, fault: { kind, at: 0.5 } })
    const { exit, summary, records } = await importIt(made)
    expect([exit, summary['imported'], summary['failed']]).toEqual([3, 0, 1])
    const codes = records
      .filter(({ type }) => type === 'failure')
      .map(({ failure }) => (failure as { code: string }).code)
    expect(codes).toEqual([kind === 'short' ? 'DOWNLOAD_MISMATCH' : 'DOWNLOAD_UNAVAILABLE'])
    expect((await historyLines(made)).lines).toEqual([])
  })

  test('at the first try is asked for once more, and a broken connection is continued', async () => {
    const made = await rig()
    const body = 'x'.repeat(3_000_000)
    const asset = first(made, 'film', { bytes: Buffer.from(body) })
    overwrite(asset, 'short', START + HOUR)
    await made.backup()
    made.sandbox.faults.add({ pathMatch: /download_backup/u, times: 1, fault: { kind: 'reset-body', at: 0.6 } })
    const { exit, summary } = await importIt(made)
    expect([exit, summary['imported']]).toEqual([0, 1])
    const requests = made.sandbox.requests.filter(({ path }) => path.includes('download_backup'))
    expect(requests.map(({ range }) => range === null)).toEqual([true, false])
    const { lines } = await historyLines(made)
    expect(lines[0] && (await keptBytes(made, lines[0])) === body).toBe(true)
  })

  test('because the asset cannot be asked for is named too', async () => {
    const made = await rig()
    const shoe = withHistory(made, 'shoe', 2)
    withHistory(made, 'hat', 2)
    await made.backup()
    made.sandbox.faults.add({
      pathMatch: new RegExp(`resources/${shoe.assetId}`, 'u'),
      fault: { kind: 'status', status: 409, message: 'busy' },
    })
    const { exit, summary } = await importIt(made)
    expect([exit, summary]).toMatchObject([3, { assetsAsked: 2, imported: 1, failed: 1 }])
  })

  test('in a row ends the run with what is finished kept', async () => {
    const made = await rig()
    for (let n = 0; n < 30; n += 1) withHistory(made, `shoe/${n}`, 2)
    await made.backup()
    made.sandbox.faults.add({ pathMatch: /download_backup/u, after: 4, fault: { kind: 'status', status: 503 } })
    const { exit, summary } = await importIt(made, '--concurrency', '8')
    expect([exit, summary]).toMatchObject([1, { error: { code: 'DOWNLOAD_UNAVAILABLE' } }])
    expect((await historyLines(made)).lines).toHaveLength(4)
  }, 30_000)

  test('because there is no snapshot or no vault is said plainly', async () => {
    const made = await rig()
    first(made, 'shoe')
    expect(await importIt(made)).toMatchObject({ exit: 10 })
    await made.backup()
    for (const name of await readdir(join(made.vault, 'accounts', 'testcloud', 'snapshots')))
      await rm(join(made.vault, 'accounts', 'testcloud', 'snapshots', name))
    expect((await importIt(made)).summary).toMatchObject({ error: { code: 'SNAPSHOT_NOT_FOUND' } })
  })
})

describe('a run that ends early', () => {
  test('at the hourly limit has recorded what came in, and the next hour goes on', async () => {
    const made = await rig()
    for (let n = 0; n < 12; n += 1) withHistory(made, `shoe/${n}`, 3)
    await made.backup()
    const { quota, settings } = made.cloud
    settings.rateLimit = quota.used + 6
    const refused = await importIt(made, '--no-wait', '--api-reserve', '0')
    expect(refused).toMatchObject({ exit: 13, summary: { ok: false, error: { code: 'API_LIMIT' } } })
    const kept = (await historyLines(made)).lines.length
    expect(kept).toBeGreaterThanOrEqual(8)
    expect(kept).toBe(downloads(made).length)
    made.sandbox.clock.advance(HOUR)
    settings.rateLimit = 1000
    const { exit, summary } = await importIt(made, '--no-wait')
    expect([exit, summary['imported']]).toEqual([0, 24 - kept])
    expect(new Set(downloads(made)).size).toBe(24)
    expect(downloads(made)).toHaveLength(24)
  })

  test('because somebody stops it downloads nothing twice', async () => {
    const made = await rig()
    for (let n = 0; n < 6; n += 1) withHistory(made, `shoe/${n}`, 4)
    await made.backup()
    const controller = new AbortController()
    let imported = 0
    const stop = (event: ImportEvent): void => {
      if (event.type === 'imported') imported += 1
      if (imported === 8) controller.abort()
    }
    await expect(runImport(made, {}, stop, controller.signal)).rejects.toThrow()
    expect((await historyLines(made)).lines).toHaveLength(8)
    const report = await runImport(made)
    expect(report).toMatchObject({ imported: 10, failed: 0 })
    expect(downloads(made).toSorted()).toEqual([...new Set(downloads(made))].toSorted())
    expect((await historyLines(made)).lines).toHaveLength(18)
    const versions = await cli(made, 'versions', 'shoe/3', '--json')
    expect(versions.records.filter(({ type }) => type === 'version')).toHaveLength(4)
  })

  test('before its record is written downloads nothing twice either', async () => {
    const made = await rig()
    for (let n = 0; n < 3; n += 1) withHistory(made, `shoe/${n}`, 3)
    await made.backup()
    const context = made.context()
    const vault = await context.vault()
    const dying = { ...vault, writeRecord: () => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk is away')) }
    const deps = {
      reader: context.reader(),
      vault: dying,
      catalog: await context.catalog(),
      scratch: context.scratch,
      journal: join(made.vault, '.cache', 'import-testcloud'),
      bwlimit: null,
      now: context.now,
      newId: context.newId,
      tool: context.tool,
      listen: () => undefined,
    }
    const { signal } = new AbortController()
    await expect(importHistory(deps, OPTIONS, signal)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await context.close()
    const before = downloads(made)
    expect(before).toHaveLength(6)
    // A kill cuts the last line short, or leaves rubbish.
    const file = join(made.vault, '.cache', 'import-testcloud-received.jsonl')
    await writeFile(file, '\n{"assetId":"x","vers', { flag: 'a' })
    expect(await runImport(made)).toMatchObject({ imported: 6, failed: 0 })
    expect(downloads(made)).toEqual(before)
    expect((await historyLines(made)).lines).toHaveLength(6)
  })
})

test('versions that were purged are not brought back', async () => {
  const made = await rig()
  const asset = withHistory(made, 'shoe', 3)
  await made.backup()
  await importIt(made)
  const [line] = (await historyLines(made)).lines
  if (line === undefined) throw new Error('nothing was imported')
  const context = made.context()
  const vault = await context.vault()
  const at = new Date().toISOString()
  const version = {
    assetId: asset.assetId,
    version: line.entry.version,
    publicId: 'shoe',
    object: line.entry.object,
    objectRemoved: true,
  }
  const value = {
    format: 1,
    id: 'p1',
    cloud: 'testcloud',
    at,
    reason: 'asked',
    tool: 't',
    alsoAtCloudinary: false,
    versions: [version],
  }
  await vault.writeRecord({ kind: 'purges', cloud: 'testcloud' }, { id: 'p1', at, value })
  await context.close()
  const before = downloads(made).length
  const { summary } = await importIt(made, '--all')
  expect(summary).toMatchObject({ imported: 0, purged: 1, alreadyKept: 2 })
  expect(downloads(made)).toHaveLength(before)
})

test('every version of an account under all kinds of trouble arrives in the end', async () => {
  const made = await rig()
  for (let n = 0; n < 20; n += 1) {
    const asset = withHistory(
      made,
      `it's ${n}/ünï\u202e%2F"`,
      2 + (n % 3),
      n % 4 === 0 ? { resourceType: 'raw', format: null } : {},
    )
    if (n % 5 === 0) destroy(asset)
  }
  await made.backup()
  made.sandbox.faults.seed(11)
  made.sandbox.faults.mixed(0.15)
  let report = await runImport(made, { concurrency: 8 }).catch(() => null)
  made.sandbox.faults.clear()
  report = await runImport(made, { concurrency: 8 })
  expect(report).toMatchObject({ failed: 0, finished: true })
  const { lines } = await historyLines(made)
  const truth = [...made.cloud.shelf.scan()].flatMap((asset) =>
    asset.versions
      .filter(({ version }) => asset.content === null || version !== asset.version)
      .map(({ versionId, content }) => `${versionId} ${content.md5}`),
  )
  expect(lines.map(({ versionId, entry }) => `${versionId} ${entry.md5}`).toSorted()).toEqual(truth.toSorted())
}, 60_000)
