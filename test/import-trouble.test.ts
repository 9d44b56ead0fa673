import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { ImportEvent } from '../src/backup/import-history/report.ts'
import type { AccountReader } from '../src/cloudinary/reader.ts'
import { AppError } from '../src/model/errors.ts'
import {
  cli,
  closeRigs,
  destroy,
  downloads,
  first,
  HOUR,
  historyLines,
  importIt,
  importWith,
  keptBytes,
  overwrite,
  rig,
  runImport,
  START,
  withHistory,
} from './import-rig.ts'

afterEach(closeRigs)

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
    const writeRecord = () => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk is away'))
    const dying = importWith(made, (deps) => ({ ...deps, vault: { ...deps.vault, writeRecord } }))
    await expect(dying).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
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

describe('an ETag', () => {
  test('that is the MD5 of the bytes proves them, and wrong bytes of the right length are asked for again', async () => {
    const made = await rig()
    withHistory(made, 'shoe', 2)
    await made.backup()
    made.sandbox.faults.add({ pathMatch: /download_backup/u, times: 1, fault: { kind: 'wrong-bytes', bytes: 2 } })
    expect(await runImport(made)).toMatchObject({ imported: 1, failed: 0 })
    const [line] = (await historyLines(made)).lines
    expect([line && (await keptBytes(made, line)), line?.entry.proof]).toEqual(['shoe 1', 'md5'])
  })

  test('that only looks like an MD5 costs a few second downloads, and then no more', async () => {
    const made = await rig()
    for (let n = 0; n < 6; n += 1) withHistory(made, `shoe/${n}`, 2)
    await made.backup()
    const report = await importWith(made, (deps) => {
      const openBackup: AccountReader['openBackup'] = async (...args) => {
        return { ...(await deps.reader.openBackup(...args)), etag: 'f'.repeat(32) }
      }
      return { ...deps, reader: Object.create(deps.reader, { openBackup: { value: openBackup } }) }
    })
    expect(report).toMatchObject({ imported: 6, failed: 0 })
    expect(downloads(made)).toHaveLength(6 + 3)
    expect((await historyLines(made)).lines.map(({ entry }) => entry.proof)).toEqual(Array(6).fill('length'))
  })
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
