import { readdirSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { contentOf, makeAsset } from '../sandbox/make-asset.ts'
import type { Asset, LoggedRequest } from '../sandbox/state.ts'
import type { VersionRow } from '../src/catalog/catalog.ts'
import { addCloud, addImage, png, restore } from './restore-rig.ts'
import { createRig, type Rig, readNewest } from './rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await createRig({ settings: { autoBackup: false } })
})
afterEach(() => rig.close())

const find = (publicId: string): Asset | undefined => rig.cloud.shelf.byName('image', 'upload', publicId)
const textOf = (asset: Asset | undefined): string =>
  asset?.content?.read(33, asset.content.size - 1).toString() ?? 'nothing'

function replace(asset: Asset, text: string): void {
  const now = Date.now()
  asset.content = contentOf(png(text))
  asset.version += 1
  asset.uploadedAt = now
  asset.times = { updated: now }
}

const edit = (asset: Asset, change: Partial<Asset>): void => {
  Object.assign(asset, change, { times: { updated: Date.now() } })
}

/** Requests that change the account. */
const writes = (): readonly LoggedRequest[] =>
  rig.sandbox.requests.filter(
    ({ method, path }) => method !== 'GET' && !/\/(resources|folders)\/search/.test(path) && !path.includes('/res/'),
  )

async function versionsOf(publicId: string): Promise<readonly VersionRow[]> {
  const context = rig.context()
  const catalog = await context.catalog()
  const rows = await catalog.read(async (tx) => {
    const [row] = await tx.byPublicId(rig.cloud.name, publicId)
    return row === undefined ? [] : await tx.versionsOf(rig.cloud.name, row.assetId)
  })
  await context.close()
  return rows
}

async function chosen(publicId: string, ordinal: number) {
  const version = (await versionsOf(publicId))[ordinal - 1]
  if (version === undefined) throw new Error('no such version')
  return { kind: 'versions', versions: [version] } as const
}

describe('an asset that was overwritten', () => {
  beforeEach(async () => {
    addImage(rig.cloud, 'chair', { tags: ['old'] })
    addImage(rig.cloud, 'table')
    await rig.backup()
    const chair = find('chair')
    if (chair) replace(chair, 'vandalised')
    await rig.backup()
  })

  it('is left alone and named when nobody said to overwrite', async () => {
    const report = await restore(rig, { what: await chosen('chair', 1) })
    expect(report.conflicts).toBe(1)
    expect(textOf(find('chair'))).toBe('vandalised')
    expect(writes()).toEqual([])
  })

  it('comes back under its asset_id with --conflict overwrite', async () => {
    const id = find('chair')?.assetId
    const report = await restore(rig, { what: await chosen('chair', 1), options: { conflict: 'overwrite' } })
    expect(report).toMatchObject({ restored: 1, complete: true })
    expect(textOf(find('chair'))).toBe('chair')
    expect(find('chair')).toMatchObject({ assetId: id, tags: ['old'] })
    expect(find('table')?.version).toBe(find('table')?.version)
  })

  it('is restored once however often it is asked for', async () => {
    const what = await chosen('chair', 1)
    await restore(rig, { what, options: { conflict: 'overwrite' } })
    const version = find('chair')?.version
    const again = await restore(rig, { what, options: { conflict: 'overwrite' } })
    expect(again).toMatchObject({ restored: 0, same: 1 })
    expect(find('chair')?.version).toBe(version)
  })

  it('comes back beside the new one with --conflict rename, and only once', async () => {
    const what = await chosen('chair', 1)
    await restore(rig, { what, options: { conflict: 'rename' } })
    await restore(rig, { what, options: { conflict: 'rename' } })
    const all = [...rig.cloud.shelf.scan()].map((asset) => asset.publicId).sort()
    expect(all).toEqual(['chair', expect.stringMatching(/^chair-restored-[0-9a-f]{6}$/), 'table'])
    expect(textOf(find('chair'))).toBe('vandalised')
    expect(textOf(find(all[1] ?? ''))).toBe('chair')
  })

  it('stays as it is with --conflict newer, because the account’s state is newer', async () => {
    const report = await restore(rig, { what: await chosen('chair', 1), options: { conflict: 'newer' } })
    expect(report.conflicts).toBe(1)
    expect(textOf(find('chair'))).toBe('vandalised')
  })

  it('shows in a dry run what would happen and why, and nothing changes', async () => {
    const before = rig.sandbox.requests.length
    const report = await restore(rig, {
      what: await chosen('chair', 1),
      options: { conflict: 'overwrite', dryRun: true },
    })
    const planned = report.events.flatMap((event) => (event.type === 'planned' ? [event.item] : []))
    expect(planned).toMatchObject([{ action: 'overwrite', why: 'differs in bytes', content: 'upload', uploadCalls: 1 }])
    expect(report.totals).toMatchObject({ assets: 1, uploads: 1 })
    expect(writes()).toEqual([])
    expect(rig.sandbox.requests.length - before).toBeLessThan(10)
  })

  it('goes back to what it was before by --undo', async () => {
    await restore(rig, { what: await chosen('chair', 1), options: { conflict: 'overwrite' } })
    const report = await restore(rig, { options: { undo: 'last', conflict: 'overwrite', surroundings: false } })
    expect(report).toMatchObject({ restored: 1, complete: true })
    expect(textOf(find('chair'))).toBe('vandalised')
  })

  it('stays, whatever the policy, when its present bytes cannot be kept first', async () => {
    const chair = find('chair')
    if (chair) replace(chair, 'not to be had')
    rig.sandbox.faults.add({ pathMatch: /chair/u, area: ['delivery', 'download'], fault: { kind: 'wrong-bytes' } })
    const report = await restore(rig, { what: await chosen('chair', 1), options: { conflict: 'overwrite' } })
    expect(report).toMatchObject({ restored: 0, conflicts: 1 })
    expect(textOf(find('chair'))).toBe('not to be had')
  })

  it('stays as well in an account of which nothing was known, when its bytes cannot be kept', async () => {
    const other = addCloud(rig, 'other', { autoBackup: false })
    addImage(other.cloud, 'chair', { tags: ['theirs'] })
    rig.sandbox.faults.add({
      pathMatch: /other\/.*chair/u,
      area: ['delivery', 'download'],
      fault: { kind: 'wrong-bytes' },
    })
    const report = await restore(rig, {
      to: other.url,
      what: await chosen('chair', 2),
      options: { conflict: 'overwrite' },
    })
    expect(report).toMatchObject({ restored: 0, complete: false })
    expect(textOf(other.cloud.shelf.byName('image', 'upload', 'chair'))).toBe('chair')
  })

  it('has its state of this moment kept first, also when no backup has seen it', async () => {
    const chair = find('chair')
    if (chair) replace(chair, 'never backed up')
    await restore(rig, { what: await chosen('chair', 1), options: { conflict: 'overwrite' } })
    expect(textOf(find('chair'))).toBe('chair')
    await restore(rig, { options: { undo: 'last', conflict: 'overwrite', surroundings: false } })
    expect(textOf(find('chair'))).toBe('never backed up')
  })
})

describe('assets that are gone', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) addImage(rig.cloud, name, { tags: [name], context: { alt: name } })
    await rig.backup()
    for (const name of ['a', 'b']) rig.cloud.shelf.remove(find(name)?.assetId ?? '')
    await rig.backup({ yesMassChange: true })
  })

  it('come back all at once with --gone', async () => {
    const report = await restore(rig, { what: { kind: 'gone', filter: {} } })
    expect(report).toMatchObject({ restored: 2, complete: true })
    expect(find('a')).toMatchObject({ tags: ['a'], context: { alt: 'a' } })
    expect(textOf(find('b'))).toBe('b')
  })

  it('have one file each in the library, before and after they came back', async () => {
    const files = () => readdirSync(join(rig.vault, 'library', rig.cloud.name)).sort()
    expect(files()).toEqual(['a.png', 'b.png', 'c.png'])
    await restore(rig, { what: { kind: 'gone', filter: {} } })
    await rig.backup()
    expect(files()).toEqual(['a.png', 'b.png', 'c.png'])
  })

  it('leave again by --undo, but not what somebody has replaced since', async () => {
    await restore(rig, { what: { kind: 'gone', filter: {} } })
    const b = find('b')
    if (b) replace(b, 'mine')
    const report = await restore(rig, { options: { undo: 'last', conflict: 'overwrite', surroundings: false } })
    expect(find('a')).toBeUndefined()
    expect(textOf(find('b'))).toBe('mine')
    expect(report.conflicts).toBe(1)
    expect(find('c')).toBeDefined()
  })

  it('do not replace another asset that took their name', async () => {
    addImage(rig.cloud, 'a', { bytes: png('somebody else') } as Partial<Asset>)
    const other = find('a')
    if (other) replace(other, 'somebody else')
    const report = await restore(rig, { what: { kind: 'gone', filter: {} } })
    expect(report).toMatchObject({ restored: 1, conflicts: 1 })
    expect(textOf(find('a'))).toBe('somebody else')
  })
})

describe('metadata alone', () => {
  it('are put back after a bulk edit, without a byte being sent', async () => {
    for (let i = 0; i < 5; i += 1)
      addImage(rig.cloud, `p${i}`, { tags: ['keep', `n${i}`], context: { alt: `text ${i}` } })
    await rig.backup()
    for (const asset of rig.cloud.shelf.scan()) edit(asset, { tags: ['sale'], context: { other: 'x' } })
    const versions = [...rig.cloud.shelf.scan()].map((asset) => asset.version)
    const report = await restore(rig, { options: { metadataOnly: true, conflict: 'overwrite', surroundings: false } })
    expect(report).toMatchObject({ restored: 5, complete: true, uploadedBytes: 0 })
    for (let i = 0; i < 5; i += 1)
      expect(find(`p${i}`)).toMatchObject({ tags: ['keep', `n${i}`], context: { alt: `text ${i}` } })
    expect([...rig.cloud.shelf.scan()].map((asset) => asset.version)).toEqual(versions)
    expect(writes().some(({ path }) => path.endsWith('/upload'))).toBe(false)
  })

  it('of an asset that is not there are an error by name', async () => {
    addImage(rig.cloud, 'only')
    await rig.backup()
    rig.cloud.shelf.remove(find('only')?.assetId ?? '')
    const report = await restore(rig, { options: { metadataOnly: true, conflict: 'overwrite', surroundings: false } })
    expect(report.failures).toMatchObject([{ publicId: 'only', reason: expect.stringContaining('not in the account') }])
    expect(report.complete).toBe(false)
  })
})

describe('relations', () => {
  it('come back between those that were there, under the names they had, and nothing is made of the others', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => addImage(rig.cloud, name))
    if (!a || !b || !c) throw new Error('three were made')
    for (const [x, y] of [
      [a, b],
      [b, a],
      [a, c],
      [c, a],
    ] as const)
      x.related.add(y.assetId)
    await rig.backup({ details: 'all' })
    rig.cloud.shelf.remove(c.assetId)
    const before = { resourceType: b.resourceType, type: b.type, publicId: b.publicId }
    edit(b, { publicId: 'bee' })
    rig.cloud.shelf.renamed(b, before)
    await rig.backup({ details: 'none' })
    const other = addCloud(rig, 'other')
    expect(await restore(rig, { to: other.url })).toMatchObject({ restored: 2, complete: true })
    const [left, right] = ['a', 'bee'].map((name) => other.cloud.shelf.byName('image', 'upload', name))
    expect([...(left?.related ?? [])]).toEqual([right?.assetId])
  })
})

describe('names', () => {
  it('that were changed are changed back without an upload', async () => {
    addImage(rig.cloud, 'shop/chair')
    await rig.backup()
    const chair = find('shop/chair')
    const id = chair?.assetId
    if (chair) {
      const before = { resourceType: chair.resourceType, type: chair.type, publicId: chair.publicId }
      edit(chair, { publicId: 'oops' })
      rig.cloud.shelf.renamed(chair, before)
    }
    const report = await restore(rig, { options: { conflict: 'overwrite', surroundings: false } })
    expect(report).toMatchObject({ restored: 1, complete: true, uploadedBytes: 0 })
    expect(find('shop/chair')?.assetId).toBe(id)
    expect(find('oops')).toBeUndefined()
  })

  it('that Cloudinary would change are reported, not taken for success', async () => {
    addImage(rig.cloud, 'a?b')
    await rig.backup()
    const other = addCloud(rig, 'other')
    const report = await restore(rig, { to: other.url })
    expect(report.complete).toBe(false)
    expect([...report.incomplete.flatMap(({ fields }) => fields), ...report.failures]).toContain('public_id')
    const again = await restore(rig, { to: other.url })
    expect(again).toMatchObject({ restored: 0, same: 1, failures: [], complete: false })
    expect([...other.cloud.shelf.scan()].map(({ versions }) => versions.length)).toEqual([1])
  })

  it('of tags may stand there twice, which no upload can say', async () => {
    addImage(rig.cloud, 'twice', { tags: ['night', 'sea', 'night'] })
    await rig.backup()
    const other = addCloud(rig, 'other')
    expect(await restore(rig, { to: other.url })).toMatchObject({ restored: 1, complete: true })
  })
})

describe('what an account does not take', () => {
  it('is refused by name before anything is sent', async () => {
    makeAsset(rig.cloud, { publicId: 'empty.txt', resourceType: 'raw', bytes: Buffer.alloc(0) })
    makeAsset(rig.cloud, { publicId: 'large.bin', resourceType: 'raw', bytes: Buffer.alloc(20_000, 1) })
    addImage(rig.cloud, 'fine')
    await rig.backup()
    const other = addCloud(rig, 'small', { mediaLimits: { image: 1e7, video: 1e7, raw: 10_000 } })
    const report = await restore(rig, { to: other.url })
    expect(report.failures.map(({ publicId, reason }) => [publicId, reason]).sort()).toEqual([
      ['empty.txt', expect.stringContaining('no empty files')],
      ['large.bin', expect.stringContaining('more than the account takes')],
    ])
    expect(report.restored).toBe(1)
    expect(report.complete).toBe(false)
  })

  it('is found there also when its name holds a plus', async () => {
    addImage(rig.cloud, 'a+b', { tags: ['kept'] })
    await rig.backup()
    const other = addCloud(rig, 'other')
    addImage(other.cloud, 'a+b', { tags: ['theirs'] })
    const left = await restore(rig, { to: other.url, what: await chosen('a+b', 1) })
    console.log(
      JSON.stringify({ ...left, events: left.events.filter((e) => e.type === 'note'), totals: left.totals.byAction }),
    )
    expect(left).toMatchObject({ conflicts: 1, restored: 0 })
    await restore(rig, { to: other.url, what: await chosen('a+b', 1), options: { conflict: 'overwrite' } })
    expect(other.cloud.shelf.byName('image', 'upload', 'a+b')?.tags).toEqual(['kept'])
    await restore(rig, { to: other.url, options: { undo: 'last', conflict: 'overwrite' } })
    expect(other.cloud.shelf.byName('image', 'upload', 'a+b')?.tags).toEqual(['theirs'])
  })

  it('is a list of assets that is damaged in the vault, and the others come all the same', async () => {
    for (let n = 0; n < 1100; n += 1) addImage(rig.cloud, `p${n}`)
    await rig.backup()
    const { snapshot } = await readNewest(rig.vault, rig.cloud.name)
    const [first, ...rest] = snapshot.segments
    expect(rest.length).toBeGreaterThan(3)
    const path = `${rig.vault}/objects/${first?.object.slice(0, 2)}/${first?.object}`
    await chmod(path, 0o600)
    await writeFile(path, 'no list')
    const other = addCloud(rig, 'other')
    const report = await restore(rig, { to: other.url })
    expect(report).toMatchObject({ restored: 1100 - (first?.entries ?? 0), failures: [], complete: false })
    const notes = report.events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
    expect(notes.join()).toContain(`a list of ${first?.entries} assets`)
  })

  it('is a damaged object, and the others come all the same', async () => {
    addImage(rig.cloud, 'good')
    addImage(rig.cloud, 'bad')
    await rig.backup()
    const { entries } = await readNewest(rig.vault, rig.cloud.name)
    const object = entries.find(({ publicId }) => publicId === 'bad')?.object ?? ''
    const path = `${rig.vault}/objects/${object.slice(0, 2)}/${object}`
    await chmod(path, 0o600)
    await writeFile(path, png('BAD'))
    const other = addCloud(rig, 'other')
    const report = await restore(rig, { to: other.url })
    expect(report).toMatchObject({ restored: 1, complete: false })
    expect(report.failures).toMatchObject([{ publicId: 'bad', code: 'OBJECT_CORRUPT' }])
    expect(other.cloud.shelf.byName('image', 'upload', 'bad')).toBeUndefined()
  })
})

describe('Cloudinary’s own backup', () => {
  it('brings back what is large, without an upload of its bytes', async () => {
    rig.cloud.settings.autoBackup = true
    const big = png('x'.repeat(5 * 1024 * 1024))
    const asset = makeAsset(rig.cloud, {
      publicId: 'big',
      format: 'png',
      width: 40,
      height: 30,
      bytes: big,
      tags: ['t'],
    })
    await rig.backup({ details: 'all' })
    asset.content = null
    const report = await restore(rig)
    expect(report).toMatchObject({ restored: 1, complete: true, uploadedBytes: 0 })
    expect(find('big')?.content?.md5).toBe(contentOf(big).md5)
    expect(find('big')?.tags).toEqual(['t'])
    expect(writes().some(({ path }) => path.endsWith('/restore'))).toBe(true)
  })

  it('that lost the version makes it an upload', async () => {
    rig.cloud.settings.autoBackup = true
    const big = png('x'.repeat(5 * 1024 * 1024))
    const asset = makeAsset(rig.cloud, { publicId: 'big', format: 'png', width: 40, height: 30, bytes: big })
    await rig.backup({ details: 'all' })
    asset.versions.length = 0
    rig.cloud.shelf.remove(asset.assetId)
    const report = await restore(rig)
    expect(report).toMatchObject({ restored: 1, complete: true })
    expect(find('big')?.content?.md5).toBe(contentOf(big).md5)
  })
})

describe('addresses', () => {
  it('old and new are told for a restore to another account, also when it goes on later', async () => {
    addImage(rig.cloud, 'one')
    addImage(rig.cloud, 'two')
    await rig.backup()
    const other = addCloud(rig, 'other')
    for (let i = 0; i < 2; i += 1) {
      const { events } = await restore(rig, { to: other.url })
      const mapped = events.flatMap((event) => (event.type === 'mapped' ? [[event.oldUrl, event.newUrl]] : []))
      expect(mapped.sort()).toEqual([
        [expect.stringContaining('/testcloud/'), expect.stringContaining('/other/')],
        [expect.stringContaining('/testcloud/'), expect.stringContaining('/other/')],
      ])
    }
  })
})
