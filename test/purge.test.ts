import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import { openLockFile } from '../src/catalog/sqlite-lock.ts'
import { lockVault } from '../src/vault/lock.ts'
import { commandLine } from './command-line.ts'
import { cli, closeRigs, first, HOUR, importIt, overwrite, rig, START, withHistory } from './import-rig.ts'
import type { Rig } from './rig.ts'

afterEach(closeRigs)

const objectsOf = async (made: Rig): Promise<string[]> =>
  (await readdir(join(made.vault, 'objects'), { recursive: true })).filter((name) => name.length > 60)
const bytesIn = async (made: Rig, folder = 'objects'): Promise<string[]> => {
  const names = await readdir(join(made.vault, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  return await Promise.all(names.filter((n) => n.isFile()).map((n) => readFile(join(n.parentPath, n.name), 'utf8')))
}
const holds = async (made: Rig, bytes: string): Promise<boolean> => (await bytesIn(made)).includes(bytes)
const recordsOf = async (made: Rig): Promise<Record<string, unknown>[]> => {
  const folder = join(made.vault, 'accounts', made.cloud.name, 'purges')
  const names = (await readdir(folder).catch(() => [])).sort()
  return await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'))))
}
/** Three states of one asset, each backed up. */
const threeStates = async (made: Rig): Promise<Asset> => {
  const asset = first(made, 'people/jane')
  await made.backup()
  for (const n of [2, 3]) {
    overwrite(asset, `people/jane ${n}`, START + n * HOUR)
    await made.backup()
  }
  return asset
}
const remove = (made: Rig, asset: Asset): void => made.cloud.shelf.remove(asset.assetId)

test('a purged version is gone, explained everywhere, and stands in the way of nothing', async () => {
  const made = await rig()
  const asset = await threeStates(made)
  const done = await cli(made, 'purge', 'people/jane@1', '--reason', 'asked for by Jane', '--yes', '--json')
  expect(done.exit).toBe(0)
  expect(done.records.at(-1)).toMatchObject({ versions: 1, objects: 1, bytes: 13, files: 0, cloud: 'testcloud' })
  expect([await holds(made, 'people/jane 1'), await holds(made, 'people/jane 2')]).toEqual([false, true])
  const [record] = await recordsOf(made)
  expect(record).toMatchObject({ reason: 'asked for by Jane', alsoAtCloudinary: false })
  expect(record?.['versions']).toMatchObject([{ assetId: asset.assetId, publicId: 'people/jane', objectRemoved: true }])

  const refused = await cli(made, 'get', 'people/jane@1', '-o', '-')
  expect([refused.exit, refused.out]).toEqual([1, ''])
  expect(refused.err).toMatch(/was purged on .*: asked for by Jane/)
  expect((await cli(made, 'versions', 'people/jane')).out).toMatch(/\(purged on .*: asked for by Jane\)/)
  expect((await cli(made, 'show', 'people/jane@1')).out).toMatch(/purged +on|purged .*asked for by Jane/)
  expect((await cli(made, 'log')).out).toContain('purged 1 version of people/jane: asked for by Jane')
  expect((await cli(made, 'log', 'people/jane')).out).toContain('purged 1 version')
  expect((await made.verify()).findings).toEqual([])
  const next = await made.backup({ full: true })
  expect(next).toMatchObject({ complete: true, totals: { fetched: 0, failed: 0 } })
  await rm(join(made.vault, '.cache'), { recursive: true })
  expect((await cli(made, 'get', 'people/jane@1', '-o', '-')).err).toContain('was purged on')
  const again = await cli(made, 'purge', 'people/jane@1', '--yes')
  expect([again.exit, again.out]).toEqual([0, expect.stringContaining('nothing is left to be removed')])
  expect(await recordsOf(made)).toHaveLength(1)
})

test('bytes that another version has stay, and it is named; with that version they go', async () => {
  const made = await rig()
  const asset = first(made, 'a')
  makeAsset(made.cloud, { publicId: 'twin', bytes: Buffer.from('a 1'), createdAt: START })
  await made.backup()
  Object.assign(asset, { tags: ['t'], times: { updated: START + HOUR } })
  await made.backup()
  overwrite(asset, 'a 2', START + 2 * HOUR)
  await made.backup()
  const plan = await cli(made, 'purge', 'a@1', '-n')
  expect(plan.out).toMatch(/stays +its bytes/)
  expect(plan.out).toMatch(/ a@[0-9a-f]{16} in testcloud/)
  expect(plan.out).toMatch(/ twin@[0-9a-f]{16} in testcloud/)
  expect(await recordsOf(made)).toEqual([])
  expect((await cli(made, 'purge', 'a', '--version', '1', '--version', '2', '--yes')).exit).toBe(0)
  expect(await holds(made, 'a 1')).toBe(true)
  expect((await cli(made, 'get', 'a@2', '-o', '-')).exit).toBe(1)
  expect((await cli(made, 'get', 'twin', '-o', '-')).out).toBe('a 1')
  expect((await made.verify()).findings).toEqual([])
  remove(made, [...made.cloud.shelf.scan()].find((one) => one.publicId === 'twin') ?? asset)
  await made.backup({ yesMassChange: true })
  expect((await cli(made, 'purge', 'twin', '--all-versions', '--yes')).exit).toBe(0)
  expect(await holds(made, 'a 1')).toBe(false)
  expect((await made.verify()).findings).toEqual([])
})

test('nothing goes that nobody confirmed', async () => {
  const made = await rig()
  await threeStates(made)
  const before = await objectsOf(made)
  const silent = await cli(made, 'purge', 'people/jane@1')
  expect([silent.exit, silent.err]).toEqual([2, expect.stringContaining('nobody confirmed')])
  expect((await cli(made, 'purge', 'people/jane@1', '--json')).records.at(-1)).toMatchObject({
    ok: false,
    error: { code: 'NOT_CONFIRMED' },
  })
  const answering = (answer: string) =>
    commandLine(['purge', 'people/jane@1'], {
      variables: made.env,
      cwd: join(made.vault, '..'),
      ask: (question) => {
        expect(question).toContain('people/jane')
        return Promise.resolve(answer)
      },
    })
  for (const answer of ['', 'y', 'yes', 'people/jan']) expect((await answering(answer)).exit).toBe(2)
  expect((await objectsOf(made)).sort()).toEqual(before.sort())
  expect(await recordsOf(made)).toEqual([])
  expect((await answering('people/jane\n')).exit).toBe(0)
  expect(await holds(made, 'people/jane 1')).toBe(false)
})

test('which versions are meant must be said', async () => {
  const made = await rig()
  await threeStates(made)
  expect((await cli(made, 'purge', 'people/jane', '--yes')).exit).toBe(2)
  expect((await cli(made, 'purge', 'people/jane', 'x', '--version', '1', '--yes')).exit).toBe(2)
  expect((await cli(made, 'purge', 'people/jane', '--version', '77', '--yes')).exit).toBe(1)
  expect((await cli(made, 'purge', 'nobody@1', '--yes')).exit).toBe(1)
  expect((await cli(made, 'purge')).exit).toBe(2)
})

test('what the account has now goes only by force, and the next backup keeps it again as another version', async () => {
  const made = await rig()
  await threeStates(made)
  const refused = await cli(made, 'purge', 'people/jane@3', '--yes')
  expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining('the next backup would fetch it again')])
  expect(await holds(made, 'people/jane 3')).toBe(true)
  expect((await cli(made, 'purge', 'people/jane@3', '--yes', '--force')).exit).toBe(0)
  expect(await holds(made, 'people/jane 3')).toBe(false)
  const file = join(made.vault, 'library', 'testcloud', 'jane.jpg')
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  const next = await made.backup()
  expect(next).toMatchObject({ complete: true, totals: { fetched: 1, failed: 0 } })
  expect((await cli(made, 'get', 'people/jane', '-o', '-')).out).toBe('people/jane 3')
  expect((await cli(made, 'get', 'people/jane@3', '-o', '-')).err).toContain('was purged')
  expect((await cli(made, 'versions', 'people/jane')).out).toContain('fetched again')
  expect(await readFile(file, 'utf8')).toBe('people/jane 3')
  expect((await made.verify()).findings).toEqual([])
  expect((await made.backup()).totals).toMatchObject({ fetched: 0, unchanged: 1 })
})

test('a purged asset that the account brings back with the same bytes is fetched again', async () => {
  const made = await rig()
  const asset = first(made, 'a')
  first(made, 'b')
  await made.backup()
  remove(made, asset)
  await made.backup({ yesMassChange: true })
  expect((await cli(made, 'purge', 'a', '--all-versions', '--yes')).exit).toBe(0)
  made.cloud.shelf.add(asset)
  expect(await made.backup()).toMatchObject({ complete: true, totals: { fetched: 1 } })
  expect((await cli(made, 'get', 'a', '-o', '-')).out).toBe('a 1')
  expect((await made.verify()).findings).toEqual([])
})

test('all versions of a gone asset go with their file in the library, link or copy, and nobody else’s', async () => {
  const made = await rig()
  const inShop = { assetFolder: 'shop' }
  const [a, b] = [first(made, 'shop/a', inShop), first(made, 'shop/b', inShop)]
  first(made, 'shop/c', inShop)
  await made.backup()
  remove(made, a)
  remove(made, b)
  await made.backup({ yesMassChange: true })
  const at = (name: string): string => join(made.vault, 'library', 'testcloud', 'shop', name)
  const copied = await readFile(at('b.jpg'))
  await rm(at('b.jpg'))
  await writeFile(at('b.jpg'), copied, { mode: 0o444 })
  const { out } = await cli(made, 'purge', 'shop/a', 'shop/b', '--all-versions', '--yes')
  expect(out).toContain('library/testcloud/shop/a.jpg')
  expect(out).toContain('2 files of the library are gone')
  expect(await readdir(join(made.vault, 'library', 'testcloud', 'shop'))).toEqual(['c.jpg'])
  expect(await made.backup({ full: true })).toMatchObject({ complete: true })
  expect((await made.verify()).findings).toEqual([])
})

test('a file that took the place of the purged one stays', async () => {
  const made = await rig()
  const asset = first(made, 'a')
  await made.backup()
  remove(made, asset)
  await made.backup({ yesMassChange: true })
  const file = join(made.vault, 'library', 'testcloud', 'a.jpg')
  await rm(file)
  await writeFile(file, 'mine')
  await cli(made, 'purge', 'a@1', '--yes')
  expect(await readFile(file, 'utf8')).toBe('mine')
})

test('copies in the trash and in quarantine go too', async () => {
  const made = await rig()
  await threeStates(made)
  const shown = await cli(made, 'show', 'people/jane@1', '--json')
  const digest = String(shown.records[0]?.['object'])
  const object = join(made.vault, 'objects', digest.slice(0, 2), digest)
  for (const folder of ['trash', 'quarantine']) await mkdir(join(made.vault, folder))
  await copyFile(object, join(made.vault, 'trash', digest))
  await copyFile(object, join(made.vault, 'quarantine', `${digest}-2026-01-01T00-00-00.000Z`))
  await writeFile(join(made.vault, 'quarantine', `${'0'.repeat(64)}-2026-01-01T00-00-00.000Z`), 'another')
  await rm(object, { force: true })
  expect((await cli(made, 'purge', 'people/jane@1', '--yes')).exit).toBe(0)
  expect([await bytesIn(made, 'trash'), await bytesIn(made, 'quarantine')]).toEqual([[], ['another']])
})

test('a run or a prune under way is waited for by nobody: the purge says so and does nothing', async () => {
  const made = await rig()
  await threeStates(made)
  for (const name of ['run', 'prune'] as const) {
    const lock = await lockVault(made.vault, { command: 'other', name, now: new Date(), openLockFile })
    expect((await cli(made, 'purge', 'people/jane@1', '--yes')).exit).toBe(11)
    await lock.release()
  }
  expect(await recordsOf(made)).toEqual([])
  expect((await cli(made, 'purge', 'people/jane@1', '--yes')).exit).toBe(0)
})

test('on request it goes out of Cloudinary’s own backup, and what cannot be told apart does not', async () => {
  const made = await rig()
  const asset = await threeStates(made)
  const heldThere = (): string[] => asset.versions.map((v) => v.content.read(0, v.content.size - 1).toString())
  const [one, two] = asset.versions
  if (one === undefined || two === undefined) throw new Error('no backup')
  const { version, content } = two
  Object.assign(two, { version: one.version, content: one.content })
  const unclear = await cli(made, 'purge', 'people/jane@1', '--at-cloudinary', '--yes')
  expect([unclear.exit, unclear.err]).toEqual([1, expect.stringContaining('cannot be told which of 2 versions')])
  expect(await holds(made, 'people/jane 1')).toBe(true)
  Object.assign(two, { version, content })
  const done = await cli(made, 'purge', 'people/jane@1', '--at-cloudinary', '--yes', '--json')
  expect(done.records.at(-1)).toMatchObject({ ok: true, atCloudinary: { deleted: 1, failed: [] } })
  expect(heldThere()).toHaveLength(2)
  expect(asset.versions.includes(one)).toBe(false)
  expect(await recordsOf(made)).toMatchObject([{ alsoAtCloudinary: true }])
})

test('an imported version is told apart by its own id, and purged like any other', async () => {
  const made = await rig()
  const asset = withHistory(made, 'poster', 3)
  await made.backup()
  await importIt(made)
  const done = await cli(made, 'purge', 'poster@1', '--at-cloudinary', '--yes', '--json')
  expect(done.records.at(-1)).toMatchObject({ ok: true, atCloudinary: { deleted: 1 } })
  expect(asset.versions).toHaveLength(2)
  expect((await cli(made, 'get', 'poster@1', '-o', '-')).err).toContain('was purged')
  expect((await cli(made, 'get', 'poster@2', '-o', '-')).out).toBe('poster 2')
  expect((await made.verify()).findings).toEqual([])
  expect((await importIt(made)).summary).toMatchObject({ imported: 0 })
  const gone = await cli(made, 'purge', 'poster@2', '--at-cloudinary', '--yes', '--json')
  expect(gone.exit).toBe(0)
  const there = await cli(made, 'purge', 'poster@2', '--at-cloudinary', '-n')
  expect(there.out).toContain("Cloudinary's backup does not hold it")
})
