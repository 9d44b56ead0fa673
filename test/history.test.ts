import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import type { Asset } from '../sandbox/state.ts'
import { cli, closeRigs, destroy, first, HOUR, importIt, overwrite, rig, START, withHistory } from './import-rig.ts'
import { createRig, type Rig } from './rig.ts'

const plain: Rig[] = []
/** An account without backups of its own. */
const plainRig = async (): Promise<Rig> => {
  const made = await createRig()
  plain.push(made)
  return made
}
afterEach(async () => {
  await closeRigs()
  for (const made of plain.splice(0)) await made.close()
})

const touched = (asset: Asset, changes: Partial<Asset>): void => {
  Object.assign(asset, changes, { times: { ...asset.times, updated: asset.times.updated + 60_000 } })
}
const renamed = (made: Rig, asset: Asset, publicId: string): void => {
  const { resourceType, type } = asset
  const before = { resourceType, type, publicId: asset.publicId }
  touched(asset, { publicId })
  made.cloud.shelf.renamed(asset, before)
}
const versionsOf = async (made: Rig, ...argv: string[]): Promise<Record<string, unknown>[]> =>
  (await cli(made, 'versions', '--json', ...argv)).records.slice(0, -1)
const kinds = (records: readonly Record<string, unknown>[]): unknown[] =>
  records.map((one) => (one['type'] === 'version' ? one['ordinal'] : one['type']))
const fieldsOf = (record: Record<string, unknown> | undefined): unknown[] =>
  ((record?.['fields'] ?? []) as { field: string }[]).map((one) => one.field)
const got = async (made: Rig, what: string): Promise<string> => {
  const file = join(made.vault, '..', `got-${Math.random().toString(36).slice(2)}`)
  const done = await cli(made, 'get', '-o', file, '--', what)
  return done.exit === 0 ? await readFile(file, 'utf8') : `${done.exit} ${done.err}`
}

test('each version says what changed in it, down to the keys of context and metadata', async () => {
  const made = await plainRig()
  const asset = makeAsset(made.cloud, {
    publicId: 'shop/chair',
    bytes: Buffer.from('one'),
    createdAt: START,
    tags: ['red', 'old'],
    context: { alt: 'A chair', caption: 'x' },
  })
  await made.backup()
  overwrite(asset, 'the second', START + HOUR)
  Object.assign(asset, { width: 800, height: 600 })
  await made.backup()
  touched(asset, { tags: ['red', 'new'], context: { alt: 'A red chair', title: 't' } })
  await made.backup()
  renamed(made, asset, 'shop/red-chair')
  touched(asset, { assetFolder: 'shop/red' })
  await made.backup()
  const records = await versionsOf(made, 'shop/red-chair')
  expect(kinds(records)).toEqual([1, 2, 3, 4])
  expect(records.map(fieldsOf)).toEqual([[], ['bytes', 'dimensions'], ['tags', 'context'], ['public_id', 'folder']])
  const { out } = await cli(made, 'versions', 'shop/red-chair')
  expect(out).toContain('replaced: 3 B → 10 B, 640×480 → 800×600')
  expect(out).toContain('relabelled: tags +new -old, context ~alt -caption +title')
  expect(out).toContain('renamed: public_id shop/chair → shop/red-chair, folder / → shop/red')
  expect(await got(made, 'shop/red-chair@1')).toBe('one')
  expect(await got(made, 'shop/red-chair@2')).toBe('the second')
})

test('assets that bore a name one after the other are one history, with numbers that work', async () => {
  const made = await plainRig()
  const one = first(made, 'logo')
  await made.backup()
  overwrite(one, 'logo 2', START + HOUR)
  await made.backup()
  made.cloud.shelf.remove(one.assetId)
  await made.backup()
  const two = makeAsset(made.cloud, { publicId: 'logo', bytes: Buffer.from('other 1'), createdAt: START + 3 * HOUR })
  await made.backup()
  const records = await versionsOf(made, 'logo')
  expect(kinds(records)).toEqual([1, 2, 'gone', 'again', 3])
  expect(records.map((record) => record['assetId'])).toEqual([
    one.assetId,
    one.assetId,
    one.assetId,
    two.assetId,
    two.assetId,
  ])
  for (const [what, bytes] of Object.entries({
    'logo@1': 'logo 1',
    'logo@2': 'logo 2',
    'logo@3': 'other 1',
    logo: 'other 1',
  }))
    expect(await got(made, what)).toBe(bytes)
  expect(kinds(await versionsOf(made, 'logo', '--this-asset-only'))).toEqual([1])
  expect(kinds(await versionsOf(made, one.assetId))).toEqual([1, 2, 'gone'])
  const { out } = await cli(made, 'versions', 'logo')
  expect(out).toContain('gone from the account')
  expect(out).toContain(`created again as ${two.assetId}`)
  const log = await cli(made, 'log', 'logo')
  expect(log.out.split('\n').filter((line) => line !== '')).toHaveLength(5)
  const shown = await cli(made, 'show', 'logo@2', '--json')
  expect(shown.records[0]).toMatchObject({ ordinal: 2, assetId: one.assetId })
})

test('a name that two gone assets bore means the later one, and an asset that moved away says so', async () => {
  const made = await plainRig()
  const one = first(made, 'banner')
  await made.backup()
  renamed(made, one, 'banner-old')
  const two = makeAsset(made.cloud, { publicId: 'banner', bytes: Buffer.from('second'), createdAt: START + HOUR })
  await made.backup()
  expect(kinds(await versionsOf(made, 'banner'))).toEqual([1, 'moved', 'again', 2])
  expect(kinds(await versionsOf(made, 'banner-old'))).toEqual([1, 2])
  made.cloud.shelf.remove(one.assetId)
  made.cloud.shelf.remove(two.assetId)
  await made.backup({ yesMassChange: true })
  expect(await got(made, 'banner')).toBe('second')
  expect(await got(made, 'banner@1')).toBe('banner 1')
})

test('an asset that came back was gone in between', async () => {
  const made = await plainRig()
  const asset = first(made, 'phoenix')
  await made.backup()
  made.cloud.shelf.remove(asset.assetId)
  await made.backup()
  made.cloud.shelf.add(asset)
  await made.backup()
  expect(kinds(await versionsOf(made, 'phoenix'))).toEqual([1, 'gone', 'again', 2])
})

test('imported versions come first, are marked, and are had like any other', async () => {
  const made = await rig()
  const asset = withHistory(made, 'poster', 3)
  const lost = destroy(withHistory(made, 'lost', 2))
  await made.backup()
  await importIt(made)
  const records = await versionsOf(made, 'poster')
  expect(records.map((record) => [record['origin'], record['assetId']])).toEqual([
    ['import', asset.assetId],
    ['import', asset.assetId],
    ['snapshot', asset.assetId],
  ])
  expect((await cli(made, 'versions', 'poster')).out).toContain("from Cloudinary's backup")
  for (const n of [1, 2, 3]) expect(await got(made, `poster@${n}`)).toBe(`poster ${n}`)
  expect(await got(made, lost.assetId)).toBe('lost 2')
  expect(await got(made, 'lost@1')).toBe('lost 1')
  // Nobody knows what tags an imported version had, so none were added after it.
  touched(asset, { tags: ['t'] })
  await made.backup()
  expect((await versionsOf(made, 'poster')).map(fieldsOf)).toEqual(
    [[], ['bytes'], ['bytes'], ['tags']].map((all) => expect.arrayContaining(all)),
  )
  const third = (await versionsOf(made, 'poster'))[2]
  expect(fieldsOf(third)).not.toContain('tags')
  const when = new Date(START + 2.5 * HOUR).toISOString()
  expect(await got(made, `poster@${when}`)).toBe('poster 2')
  const shown = await cli(made, 'show', 'poster@1')
  expect(shown.out).toContain("imported from Cloudinary's backup")
  const log = await cli(made, 'log')
  expect(log.out).toContain("imported 4 versions from Cloudinary's backup")
  const into = await cli(made, 'get', 'poster@1', '-o', `${join(made.vault, '..')}/`)
  expect(into.err).toContain('poster.jpg')
})

test('two moments are compared field by field, for the account and for one asset', async () => {
  const made = await plainRig()
  const [a, b] = [first(made, 'a'), first(made, 'b')]
  const one = await made.backup()
  touched(a, { context: { alt: 'new' }, tags: ['x'] })
  overwrite(b, 'b is longer now', START + HOUR)
  const two = await made.backup()
  const all = await cli(made, 'diff', one.snapshot ?? '', two.snapshot ?? '', '--json')
  expect(all.records.slice(0, -1).map((record) => [record['kind'], fieldsOf(record)])).toEqual(
    expect.arrayContaining([
      ['relabelled', ['tags', 'context']],
      ['replaced', ['bytes']],
    ]),
  )
  expect(all.records.at(-1)).toMatchObject({ replaced: 1, relabelled: 1, from: one.snapshot, to: two.snapshot })
  const only = await cli(made, 'diff', 'first', 'latest', 'a')
  expect(only.out).toBe('= relabelled  a.jpg\n    tags +x\n    context +alt\n')
  const back = await cli(made, 'diff', 'latest', 'first', 'a', '--json')
  expect(back.records[0]).toMatchObject({ fields: [{ field: 'tags', before: ['x'], after: [] }, { field: 'context' }] })
  expect((await cli(made, 'diff', 'first', 'first')).err).toContain('no difference')
  expect((await cli(made, 'diff', 'nonsense', 'latest', 'a')).exit).toBe(1)
  // Before the first snapshot there was nothing that anybody knows of.
  const early = await cli(made, 'diff', '2001-01-01', 'latest', 'a', '--json')
  expect(early.records[0]).toMatchObject({ kind: 'added', before: null })
})

test('names that drive terminals do not, wherever they are told', async () => {
  const made = await plainRig()
  const asset = first(made, 'evil\u001b[2J', { tags: ['\u001b]0;x\u0007'] })
  await made.backup()
  touched(asset, { tags: [], context: { 'k\u001b[31m': 'v' } })
  renamed(made, asset, 'worse\u001b[2J')
  await made.backup()
  for (const argv of [
    ['versions', asset.assetId],
    ['log', asset.assetId],
    ['show', asset.assetId],
    ['diff', 'first'],
  ]) {
    const { out, err } = await cli(made, ...argv)
    expect(`${out}${err}`.includes('\u001b')).toBe(false)
  }
})

test('a record that cannot be read is told by the log, and by nothing else', async () => {
  const made = await plainRig()
  first(made, 'a')
  await made.backup()
  const context = made.context()
  const vault = await context.vault()
  const at = '2026-06-01T10:00:00.000Z'
  await vault.writeRecord({ kind: 'prunes', cloud: 'testcloud' }, { id: 'x', at, value: { format: 9 } })
  await vault.writeRecord({ kind: 'drills', cloud: 'testcloud' }, { id: 'y', at, value: [] })
  const log = await cli(made, 'log')
  expect(log.exit).toBe(0)
  expect(log.out.match(/cannot be read/g)).toHaveLength(2)
  expect((await cli(made, 'versions', 'a')).exit).toBe(0)
})
