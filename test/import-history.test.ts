import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  asked,
  cli,
  closeRigs,
  destroy,
  downloads,
  first,
  HOUR,
  historyLines,
  importIt,
  keptBytes,
  overwrite,
  rig,
  START,
  withHistory,
} from './import-rig.ts'

afterEach(closeRigs)

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
