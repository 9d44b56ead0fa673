import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makeAsset } from '../sandbox/make-asset.ts'
import { isAppError } from '../src/model/errors.ts'
import { createRig, differences, type Rig, type RigOptions, readNewest } from './rig.ts'

const rigs: Rig[] = []
const rig = async (options?: RigOptions): Promise<Rig> => {
  const made = await createRig(options)
  rigs.push(made)
  return made
}
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.close()
})

const HOUR = 3_600_000
const fill = (made: Rig, count: number, prefix = 'photo'): void => {
  for (let n = 0; n < count; n += 1) {
    makeAsset(made.cloud, {
      publicId: `${prefix}/${n}`,
      bytes: Buffer.from(`${prefix} ${n} `.repeat(20 + (n % 50))),
      createdAt: Date.now() - 48 * HOUR + n * 1000,
      tags: n % 3 === 0 ? ['third'] : [],
      context: { alt: `picture ${n}` },
    })
  }
}
const deliveries = (made: Rig): number => made.sandbox.requests.filter((r) => r.area === 'delivery').length
const sum = (r: {
  fetched: number
  unchanged: number
  relabelled: number
  renamed: number
  recorded: number
  failed: number
  excluded: number
}): number => r.fetched + r.unchanged + r.relabelled + r.renamed + r.recorded + r.failed + r.excluded

test('a first backup keeps every asset, and a second one downloads nothing', async () => {
  const made = await rig()
  fill(made, 1203)
  const first = await made.backup()
  expect(first.complete).toBe(true)
  expect(first.totals).toMatchObject({ scanned: 1203, fetched: 1203, unchanged: 0, failed: 0 })
  expect(await differences(made)).toEqual([])
  const calls = first.apiCalls
  expect(calls).toBeLessThan(40)
  const before = deliveries(made)
  const second = await made.backup()
  expect(second.totals).toMatchObject({ scanned: 1203, fetched: 0, unchanged: 1203, gone: 0 })
  expect(second.complete).toBe(true)
  expect(deliveries(made)).toBe(before)
  const { snapshot } = await readNewest(made.vault, 'testcloud')
  expect(snapshot.parent).toBe(first.snapshot)
  expect(snapshot.assets).toBe(1203)
  expect((await made.verify()).findings).toEqual([])
})

test('every change is found for what it is', async () => {
  const made = await rig()
  fill(made, 40)
  await made.backup()
  const assets = [...made.cloud.shelf.scan()]
  const at = (n: number) => {
    const asset = assets[n]
    if (asset === undefined) throw new Error('no such asset')
    return asset
  }
  const bytes = Buffer.from('quite other bytes')
  const now = Date.now()
  // Replaced bytes.
  const other = makeAsset(made.cloud, { publicId: 'tmp', bytes })
  made.cloud.shelf.remove(other.assetId)
  Object.assign(at(0), {
    content: other.content,
    version: Math.floor(now / 1000),
    uploadedAt: now,
    times: { updated: now },
  })
  // Relabelled: tags, context.
  Object.assign(at(1), { tags: ['new'], times: { updated: now, tags: now } })
  Object.assign(at(2), { context: { alt: 'other' }, times: { updated: now, context: now } })
  // Renamed, and moved to another folder.
  const renamed = at(3)
  const before = { resourceType: renamed.resourceType, type: renamed.type, publicId: renamed.publicId }
  renamed.publicId = 'other/name'
  renamed.times = { updated: now, publicId: now }
  made.cloud.shelf.renamed(renamed, before)
  Object.assign(at(4), { assetFolder: 'archive', times: { updated: now } })
  // Gone.
  made.cloud.shelf.remove(at(5).assetId)
  // New.
  makeAsset(made.cloud, { publicId: 'brand/new' })
  const requests = deliveries(made)
  const report = await made.backup()
  expect(report.totals).toMatchObject({ scanned: 40, fetched: 2, relabelled: 2, renamed: 2, gone: 1, unchanged: 34 })
  expect(deliveries(made) - requests).toBe(2)
  expect(sum(report.totals)).toBe(report.totals.scanned)
  expect(await differences(made)).toEqual([])
})

test('bytes replaced within the same second, under the same cld_version and length, are found by their MD5', async () => {
  const made = await rig()
  const asset = makeAsset(made.cloud, { publicId: 'same', bytes: Buffer.from('one'), createdAt: Date.now() - HOUR })
  fill(made, 5)
  await made.backup()
  const twin = makeAsset(made.cloud, { publicId: 'twin', bytes: Buffer.from('two') })
  made.cloud.shelf.remove(twin.assetId)
  asset.content = twin.content
  asset.uploadedAt = Date.now()
  asset.times = { updated: Date.now() }
  const report = await made.backup()
  expect(report.totals.fetched).toBe(1)
  expect(await differences(made)).toEqual([])
})

test('the same bytes under many names are one object', async () => {
  const made = await rig()
  for (let n = 0; n < 10; n += 1) makeAsset(made.cloud, { publicId: `copy${n}`, bytes: Buffer.from('the same') })
  await made.backup()
  const { entries } = await readNewest(made.vault, 'testcloud')
  expect(new Set(entries.map((entry) => entry.object)).size).toBe(1)
  expect(entries).toHaveLength(10)
})

test('every resource type, delivery type, access and moderation status is kept; fetched ones are recorded', async () => {
  const made = await rig({ settings: { allowPdfZip: false } })
  for (const resourceType of ['image', 'video', 'raw'] as const) {
    for (const type of ['upload', 'private', 'authenticated'])
      makeAsset(made.cloud, { publicId: 'same/id', resourceType, type })
  }
  makeAsset(made.cloud, { publicId: 'token', accessControl: [{ access_type: 'token' }] })
  makeAsset(made.cloud, { publicId: 'paper', format: 'pdf', bytes: Buffer.from('%PDF-1.4 paper') })
  makeAsset(made.cloud, { publicId: 'pending', moderation: [{ kind: 'manual', status: 'pending', updatedAt: 1 }] })
  makeAsset(made.cloud, { publicId: 'rejected', moderation: [{ kind: 'manual', status: 'rejected', updatedAt: 1 }] })
  makeAsset(made.cloud, { publicId: 'empty.txt', resourceType: 'raw', bytes: Buffer.alloc(0) })
  makeAsset(made.cloud, { publicId: 'https://elsewhere.test/a.jpg', type: 'fetch' })
  const report = await made.backup()
  expect(report.failures).toEqual([])
  expect(report.totals).toMatchObject({ scanned: 15, fetched: 14, recorded: 1 })
  expect(await differences(made)).toEqual([])
})

test('coordinates are kept when details fit into the calls to spare', async () => {
  const made = await rig()
  makeAsset(made.cloud, { publicId: 'face', coordinates: { faces: [[1, 2, 3, 4]], custom: [[5, 6, 7, 8]] } })
  await made.backup({ details: 'spare' })
  const { entries } = await readNewest(made.vault, 'testcloud')
  expect(entries[0]?.facts.coordinates).toMatchObject({ custom: [[5, 6, 7, 8]] })
  expect(entries[0]?.raw.details).toBeDefined()
  const again = await made.backup({ details: 'spare' })
  expect(again.totals).toMatchObject({ unchanged: 1, relabelled: 0 })
})

test('derived assets are recorded, and their bytes are kept when asked for', async () => {
  const made = await rig()
  const asset = makeAsset(made.cloud, { publicId: 'big' })
  await fetch(`${made.sandbox.url}/testcloud/image/upload/c_fill,w_100/v${asset.version}/big.jpg`)
  const report = await made.backup({ derived: true })
  expect(report.complete).toBe(true)
  const { entries } = await readNewest(made.vault, 'testcloud')
  const details = entries[0]?.raw.details as unknown as { derived: { transformation: string; object: string }[] }
  const { derived } = details
  expect(derived).toMatchObject([{ transformation: 'c_fill,w_100', object: expect.stringMatching(/^[0-9a-f]{64}$/u) }])
  expect((await made.verify()).findings).toEqual([])
  await rm(join(made.vault, 'objects', derived[0]?.object.slice(0, 2) ?? '', derived[0]?.object ?? ''))
  expect((await made.verify()).findings).toMatchObject([{ code: 'object-missing', affects: [{ publicId: 'big' }] }])
})

test('an account that optimises by default is kept in its original bytes', async () => {
  const made = await rig({ settings: { optimizeByDefault: true } })
  fill(made, 60)
  const report = await made.backup({ concurrency: 2 })
  expect(report.totals).toMatchObject({ fetched: 60, failed: 0 })
  expect(await differences(made)).toEqual([])
  expect(deliveries(made)).toBeLessThan(90)
})

test('rules leave assets out and the report says which rule did', async () => {
  const made = await rig()
  fill(made, 10)
  makeAsset(made.cloud, { publicId: 'secret', type: 'private' })
  const report = await made.backup({ exclude: ['type:private', 'photo/1'] })
  expect(report.totals).toMatchObject({ scanned: 11, fetched: 9, excluded: 2 })
  expect(report.excludedBy).toEqual({ 'type:private': 1, 'photo/1': 1 })
})

test('a dry run says what would be done and makes no vault', async () => {
  const made = await rig()
  fill(made, 10)
  const report = await made.backup({ dryRun: true })
  expect(report.snapshot).toBeNull()
  expect(report.totals.fetched).toBe(10)
  expect(report.events.filter((event) => event.type === 'planned')).toHaveLength(10)
  expect(deliveries(made)).toBe(0)
  await expect(readNewest(made.vault, 'testcloud')).rejects.toThrow()
})

describe('the guard', () => {
  test('stops a mass deletion, keeps what is new, and lets a person decide', async () => {
    const made = await rig()
    fill(made, 200)
    await made.backup()
    for (const asset of [...made.cloud.shelf.scan()].slice(0, 80)) made.cloud.shelf.remove(asset.assetId)
    makeAsset(made.cloud, { publicId: 'late' })
    const stopped = await made.backup()
    expect(stopped.guard).toEqual({ vanished: 80, replaced: 0, base: 200 })
    expect(stopped.complete).toBe(false)
    const { snapshot, entries } = await readNewest(made.vault, 'testcloud')
    expect(snapshot.partialReasons).toEqual(['guard'])
    expect(entries).toHaveLength(201)
    expect((await made.backup()).guard).not.toBeNull()
    const agreed = await made.backup({ yesMassChange: true })
    expect(agreed.totals.gone).toBe(80)
    expect(agreed.complete).toBe(true)
    expect(await differences(made)).toEqual([])
  })

  test('is not switched off by an asset that always fails', async () => {
    const made = await rig()
    fill(made, 200)
    makeAsset(made.cloud, { publicId: 'bad' })
    made.sandbox.faults.add({ pathMatch: /bad/u, area: ['delivery', 'download'], fault: { kind: 'wrong-bytes' } })
    expect((await made.backup()).partialReasons).toEqual(['failures'])
    for (const asset of [...made.cloud.shelf.scan()].slice(0, 80)) made.cloud.shelf.remove(asset.assetId)
    expect((await made.backup()).guard).toMatchObject({ vanished: 80, base: 200 })
    expect((await made.backup()).guard).toMatchObject({ vanished: 80, base: 200 })
  }, 60_000)

  test('keeps stopping after a mass replacement until a person agrees', async () => {
    const made = await rig()
    fill(made, 200)
    await made.backup()
    for (const [n, asset] of [...made.cloud.shelf.scan()].slice(0, 90).entries()) {
      const twin = makeAsset(made.cloud, { publicId: `twin${n}`, bytes: Buffer.from(`ransom ${n}`) })
      made.cloud.shelf.remove(twin.assetId)
      Object.assign(asset, {
        content: twin.content,
        version: asset.version + 1,
        uploadedAt: Date.now(),
        times: { updated: Date.now() },
      })
    }
    expect((await made.backup()).guard).toMatchObject({ replaced: 90 })
    expect((await made.backup()).guard).toMatchObject({ replaced: 90 })
    expect((await made.backup({ yesMassChange: true })).complete).toBe(true)
    expect((await made.backup()).guard).toBeNull()
  })
})

test('a listing that ends too early makes nothing gone', async () => {
  const made = await rig()
  fill(made, 1200)
  await made.backup()
  made.sandbox.faults.add({ pathMatch: /\/resources\/image\/upload/u, times: 1, fault: { kind: 'list-end' } })
  const report = await made.backup()
  expect(report.totals.gone).toBe(0)
  expect(await differences(made)).toEqual([])
})

test('an expired cursor costs a page, not the scan', async () => {
  const made = await rig()
  fill(made, 2600)
  made.sandbox.faults.add({
    pathMatch: /\/resources\/image\/upload.*next_cursor/u,
    after: 2,
    times: 1,
    fault: { kind: 'expired-cursor' },
  })
  const report = await made.backup()
  expect(report.totals).toMatchObject({ scanned: 2600, fetched: 2600 })
  expect(report.complete).toBe(true)
  const pages = made.sandbox.requests.filter((r) => /\/resources\/image\/upload/u.test(r.path)).length
  expect(pages).toBeLessThanOrEqual(9)
})

test('at the hourly limit the run sleeps until the stated time and goes on with its cursor', async () => {
  const made = await rig({ settings: { rateLimit: 12, rateWindowMs: 4000 } })
  fill(made, 2600)
  const report = await made.backup()
  expect(report.complete).toBe(true)
  expect(report.totals.fetched).toBe(2600)
  expect(report.events.some((event) => event.type === 'waiting')).toBe(true)
  const pages = made.sandbox.requests.filter((r) => /\/resources\/image\/upload/u.test(r.path) && r.status === 200)
  expect(pages).toHaveLength(6)
}, 90_000)

test('told not to wait, the run ends at the limit and the next one goes on with what it has', async () => {
  const made = await rig({ settings: { rateLimit: 30 }, env: { CLOUDKEEP_WAIT: 'false' } })
  fill(made, 2600)
  await expect(made.backup()).rejects.toSatisfy((error) => isAppError(error, 'API_LIMIT'))
  const read = (): number => made.sandbox.requests.filter((r) => /\/resources\/image\/upload/u.test(r.path)).length
  made.sandbox.clock.advance(HOUR)
  const report = await made.backup()
  expect(report.totals.scanned).toBe(2600)
  expect(await differences(made)).toEqual([])
  expect(read()).toBeLessThanOrEqual(7)
}, 60_000)

test('an asset that fails is named, the others are kept, and the next run tries it again', async () => {
  const made = await rig()
  fill(made, 20)
  const bad = makeAsset(made.cloud, { publicId: 'bad' })
  made.sandbox.faults.add({ pathMatch: /bad/u, area: ['delivery', 'download'], fault: { kind: 'wrong-bytes' } })
  const report = await made.backup()
  expect(report.complete).toBe(false)
  expect(report.partialReasons).toEqual(['failures'])
  expect(report.failures).toMatchObject([{ publicId: 'bad', code: 'DOWNLOAD_MISMATCH' }])
  expect(report.totals).toMatchObject({ scanned: 21, fetched: 20, failed: 1 })
  expect((await readNewest(made.vault, 'testcloud')).entries.some((e) => e.assetId === bad.assetId)).toBe(false)
  made.sandbox.faults.clear()
  const next = await made.backup()
  expect(next.totals).toMatchObject({ fetched: 1, unchanged: 20, failed: 0 })
  expect(await differences(made)).toEqual([])
})

test('a large body goes on where the connection broke', async () => {
  const made = await rig({ settings: { mediaLimits: { image: 1e9, video: 1e9, raw: 1e9 } } })
  const bytes = Buffer.alloc(6_000_000, 'film')
  makeAsset(made.cloud, { publicId: 'film', resourceType: 'video', bytes })
  made.sandbox.faults.add({ area: 'delivery', times: 2, fault: { kind: 'truncate', at: 0.4 } })
  const report = await made.backup()
  expect(report.totals.fetched).toBe(1)
  expect(await differences(made)).toEqual([])
  const ranges = made.sandbox.requests.filter((r) => r.area === 'delivery' && r.range !== null)
  expect(ranges.length).toBeGreaterThan(0)
  const sent = made.sandbox.requests.filter((r) => r.area === 'delivery').reduce((n, r) => n + r.sent, 0)
  expect(sent).toBeLessThan(1.6 * bytes.length)
})

test('with a fifth of all requests failing in mixed ways the backup still ends complete', async () => {
  const made = await rig({ env: { CLOUDKEEP_IDLE_TIMEOUT: '500ms', CLOUDKEEP_HEADERS_TIMEOUT: '1s' } })
  fill(made, 300)
  made.sandbox.faults.seed(7)
  made.sandbox.faults.mixed(0.2)
  const report = await made.backup()
  made.sandbox.faults.clear()
  expect(report.failures).toEqual([])
  expect(report.complete).toBe(true)
  expect(await differences(made)).toEqual([])
}, 120_000)

test('an asset deleted between listing and download is not a failure', async () => {
  const made = await rig()
  fill(made, 30)
  const victim = makeAsset(made.cloud, { publicId: 'victim', createdAt: Date.now() - 72 * HOUR })
  made.sandbox.faults.add({ area: 'delivery', fault: { kind: 'latency', ms: 200 } })
  const running = made.backup({ concurrency: 1 })
  await new Promise((resolve) => setTimeout(resolve, 400))
  made.cloud.shelf.remove(victim.assetId)
  const report = await running
  expect(report.failures).toEqual([])
  expect(report.totals.scanned).toBeGreaterThanOrEqual(30)
})

test('an asset that delivery and details deny, but the account still has, is a failure and never gone', async () => {
  const made = await rig()
  fill(made, 20)
  await made.backup()
  const [asset] = [...made.cloud.shelf.scan()]
  if (asset === undefined) throw new Error('no asset')
  Object.assign(asset, { version: asset.version + 1, uploadedAt: Date.now(), times: { updated: Date.now() } })
  const lie = { kind: 'status', status: 404, body: 'json', message: 'Resource not found' } as const
  made.sandbox.faults.add({ area: ['delivery', 'download'], fault: lie })
  made.sandbox.faults.add({ pathMatch: new RegExp(`resources/${asset.assetId}`, 'u'), fault: lie })
  made.sandbox.faults.add({ pathMatch: /resources\/image\/upload\/photo/u, fault: lie })
  const twin = makeAsset(made.cloud, { publicId: 'twin', bytes: Buffer.from('other bytes') })
  made.cloud.shelf.remove(twin.assetId)
  asset.content = twin.content
  const report = await made.backup()
  expect(report.totals).toMatchObject({ gone: 0, failed: 1, unchanged: 19 })
  expect((await readNewest(made.vault, 'testcloud')).entries).toHaveLength(20)
})

test('a vault whose cache was deleted answers as before', async () => {
  const made = await rig()
  fill(made, 50)
  await made.backup()
  await rm(join(made.vault, '.cache'), { recursive: true })
  const report = await made.backup()
  expect(report.totals).toMatchObject({ unchanged: 50, fetched: 0 })
})

test('folders, the empty ones too, and the configuration are kept', async () => {
  const made = await rig()
  makeAsset(made.cloud, { publicId: 'x', assetFolder: 'a/b' })
  made.cloud.folders.set('empty', { externalId: 'f1', path: 'empty', createdAt: Date.now() })
  made.cloud.presets.set('web', { name: 'web', unsigned: false, settings: { tags: 'a,b' }, externalId: 'p1' })
  made.cloud.transformations.set('small', {
    name: 'small',
    definition: 'c_fill,w_100',
    allowedForStrict: true,
    createdAt: 1,
  })
  const report = await made.backup()
  expect(report.complete).toBe(true)
  const { snapshot } = await readNewest(made.vault, 'testcloud')
  const context = made.context()
  const vault = await context.vault()
  const lines = async (digest: string | null): Promise<string[]> => {
    const found: string[] = []
    if (digest !== null) for await (const line of vault.readLines(digest)) found.push(line)
    return found
  }
  expect((await lines(snapshot.folders)).join('\n')).toContain('"path":"empty"')
  const configuration = (await lines(snapshot.configuration)).join('\n')
  expect(configuration).toContain('"web"')
  expect(configuration).toContain('small')
})
