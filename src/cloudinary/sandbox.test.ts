import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCloud } from '../../sandbox/cloud.ts'
import { makeAsset } from '../../sandbox/make-asset.ts'
import { type Sandbox, startSandbox } from '../../sandbox/server.ts'
import type { Asset, Cloud, CloudSettings } from '../../sandbox/state.ts'
import { mergeFacts } from '../model/merge-facts.ts'
import { type AccountReaderOptions, createAccountReader } from './create-reader.ts'
import type { ReaderEvent } from './events.ts'
import type { AccountReader, AccountRow, DownloadSource, Partition } from './reader.ts'

let sandbox: Sandbox
let cloud: Cloud
let reader: AccountReader
let events: ReaderEvent[]
const signal = new AbortController().signal
const IMAGES: Partition = { resourceType: 'image', type: 'upload' }

const start = async (
  settings: Partial<CloudSettings> = {},
  options: Partial<AccountReaderOptions> = {},
): Promise<void> => {
  cloud = createCloud({ name: 'acme', settings: { rateLimit: 100_000, ...settings } })
  sandbox = await startSandbox({ clouds: [cloud] })
  const key = cloud.keys[0] ?? { key: '', secret: '' }
  events = []
  reader = createAccountReader({
    cloud: 'acme',
    apiKey: key.key,
    apiSecret: key.secret,
    uploadPrefix: sandbox.url,
    reserve: 0,
    wait: true,
    retry: { firstMs: 1, maxMs: 5 },
    timeouts: { headersMs: 2000, bodyMs: 2000 },
    onEvent: (event) => events.push(event),
    ...options,
  })
}
beforeEach(() => start())
afterEach(async () => {
  await reader.close()
  await sandbox.close()
})
const restart = async (
  settings: Partial<CloudSettings>,
  options: Partial<AccountReaderOptions> = {},
): Promise<void> => {
  await reader.close()
  await sandbox.close()
  await start(settings, options)
}

const listAll = async (partition: Partition): Promise<AccountRow[]> => {
  const rows: AccountRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await reader.listPage(partition, { cursor, since: null }, signal)
    rows.push(...page.rows)
    cursor = page.cursor
    if (cursor === null) return rows
  }
}
const searchAll = async (): Promise<AccountRow[]> => {
  const rows: AccountRow[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await reader.searchPage(cursor, signal)
    rows.push(...page.rows)
    cursor = page.cursor
    if (cursor === null) return rows
  }
}
const bytesOf = (asset: Asset): Buffer => asset.content?.read(0, asset.content.size - 1) ?? Buffer.alloc(0)
const download = async (facts: AccountRow['facts'], kind: DownloadSource['kind']): Promise<Buffer> => {
  const opened = await reader.openSource(facts, { kind }, { offset: 0, etag: null }, signal)
  const chunks: Uint8Array[] = []
  for await (const chunk of opened.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const rowOf = async (asset: Asset): Promise<AccountRow> => {
  const partition: Partition = { resourceType: asset.resourceType, type: asset.type }
  const found = (await listAll(partition)).find(({ facts }) => facts.assetId === asset.assetId)
  if (found === undefined) throw new Error(`${asset.publicId} is not listed`)
  return found
}

describe('an account', () => {
  it('is listed to its end, and looks the same by list, ids, search and details', async () => {
    const createdAt = Date.UTC(2025, 0, 1)
    for (let n = 0; n < 1003; n++) {
      makeAsset(cloud, {
        publicId: `p/${n}`,
        createdAt: createdAt + n * 1000,
        assetFolder: 'a/b',
        tags: ['x', `t${n % 3}`],
        context: { alt: `no ${n}` },
      })
    }
    const listed = await listAll(IMAGES)
    expect(listed.map(({ facts }) => facts.publicId)).toEqual(Array.from({ length: 1003 }, (_, n) => `p/${n}`))
    expect(reader.calls).toBe(3)
    const found = await searchAll()
    expect(found).toHaveLength(1003)
    const [first] = listed
    if (first === undefined) throw new Error('nothing listed')
    const [byId] = await reader.byAssetIds([first.facts.assetId], signal)
    expect(byId?.hash).toBe(first.hash)
    const searched = found.find(({ facts }) => facts.assetId === first.facts.assetId)
    const details = await reader.details(first.facts, signal)
    if (searched === undefined || !details.found) throw new Error('not found again')
    expect(searched.facts.etag).toMatch(/^[0-9a-f]{32}$/)
    expect(details.row.facts.etag).toBe(searched.facts.etag)
    for (const other of [searched.facts, details.row.facts]) {
      const { tags, context, folder, displayName, cldVersion, bytes } = first.facts
      expect(other).toMatchObject({ context, folder, displayName, cldVersion, bytes })
      expect([...other.tags].sort()).toEqual([...tags].sort())
    }
    expect(mergeFacts(first.facts, searched.facts, details.row.facts)).toMatchObject({ etag: searched.facts.etag })
  })

  it('has its odd names listed and downloaded as they are', async () => {
    const names = ["it's 100 + 1", 'größe/日本語', 'a:b/(c)', 'dots...', '~tilde*', 'e\u0301', 'v1a/x']
    const assets = names.map((publicId) => makeAsset(cloud, { publicId, bytes: Buffer.from(publicId) }))
    for (const asset of assets) {
      const { facts } = await rowOf(asset)
      expect(facts.publicId).toBe(asset.publicId)
      for (const { kind } of reader.sources(facts)) expect(await download(facts, kind)).toEqual(bytesOf(asset))
      const rebuilt = { ...facts, assetId: createHash('md5').update(`image/upload/${facts.publicId}`).digest('hex') }
      expect(await reader.details(rebuilt, signal)).toBeDefined()
    }
  })

  it.each([
    ['image', 'private'],
    ['image', 'authenticated'],
    ['video', 'authenticated'],
    ['raw', 'private'],
    ['raw', 'upload'],
  ] as const)('gives out its %s/%s originals from every source', async (resourceType, type) => {
    const asset = makeAsset(cloud, { publicId: 'dir/file.bin', resourceType, type, bytes: Buffer.from('the bytes') })
    const { facts } = await rowOf(asset)
    for (const { kind } of reader.sources(facts))
      expect([kind, await download(facts, kind)]).toEqual([kind, bytesOf(asset)])
  })

  it('that optimises by default gives out originals by fl_original, signed ones too', async () => {
    await restart({ optimizeByDefault: true })
    for (const type of ['upload', 'private', 'authenticated']) {
      const asset = makeAsset(cloud, { publicId: `o/${type}`, type, bytes: Buffer.from(`the original ${type}`) })
      const { facts } = await rowOf(asset)
      expect(await download(facts, 'fl_original')).toEqual(bytesOf(asset))
      expect(await download(facts, 'download_api')).toEqual(bytesOf(asset))
    }
  })

  it('that blocks PDF delivery gives PDFs out by the API', async () => {
    await restart({ allowPdfZip: false })
    const asset = makeAsset(cloud, { publicId: 'doc', format: 'pdf', bytes: Buffer.from('%PDF-1.7') })
    const { facts } = await rowOf(asset)
    await expect(download(facts, 'secure_url')).rejects.toMatchObject({ code: 'DOWNLOAD_REFUSED' })
    expect(await download(facts, 'download_api')).toEqual(bytesOf(asset))
  })

  it('names its placeholders in the list, and nowhere as present', async () => {
    const asset = makeAsset(cloud, { publicId: 'was-here', backup: true })
    asset.content = null
    const row = await rowOf(asset)
    expect(row.placeholder).toBe(true)
    expect(await reader.byAssetIds([asset.assetId], signal)).toEqual([])
    expect(await reader.details(row.facts, signal)).toEqual({ found: false, placeholder: true })
    expect((await searchAll()).filter(({ placeholder }) => !placeholder)).toEqual([])
  })

  it.each(['fixed', 'dynamic'] as const)('in %s folder mode tells its mode and folders', async (folderMode) => {
    await restart({ folderMode })
    const asset = makeAsset(cloud, { publicId: 'x/y/z', assetFolder: 'x/y' })
    expect((await reader.profile(signal)).folderMode).toBe(folderMode)
    expect((await rowOf(asset)).facts.folder).toBe('x/y')
    expect((await reader.folders(signal)).map(({ path }) => path)).toEqual(['x', 'x/y'])
  })

  it('tells every part of its configuration', async () => {
    cloud.transformations.set('small', {
      name: 'small',
      definition: 'c_fill,w_100',
      allowedForStrict: true,
      createdAt: 0,
    })
    const { parts, unavailable } = await reader.configuration(signal)
    expect(unavailable).toEqual({})
    expect(parts.transformations).toMatchObject([{ info: expect.anything() }])
    expect(parts.streaming_profiles).toEqual(
      expect.arrayContaining([expect.objectContaining({ representations: expect.anything() })]),
    )
  })

  it('that lost an asset says so', async () => {
    const asset = makeAsset(cloud, { publicId: 'gone', backup: false })
    const { facts } = await rowOf(asset)
    cloud.shelf.remove(asset.assetId)
    expect(await reader.details(facts, signal)).toEqual({ found: false, placeholder: false })
    expect(await reader.byAssetIds([asset.assetId], signal)).toEqual([])
  })
})

describe('through faults', () => {
  it('reads the same account as without', async () => {
    for (let n = 0; n < 30; n++) makeAsset(cloud, { publicId: `p${n}` })
    sandbox.faults.add({ area: 'admin', probability: 0.3, fault: { kind: 'reset' } })
    sandbox.faults.add({ area: 'admin', probability: 0.2, fault: { kind: 'truncate', at: 0.5 } })
    sandbox.faults.add({ area: 'admin', probability: 0.2, fault: { kind: 'html' } })
    for (let round = 0; round < 10; round++) expect(await listAll(IMAGES)).toHaveLength(30)
    expect(events.length).toBeGreaterThan(3)
  })

  it('waits out the hourly limit', async () => {
    makeAsset(cloud, { publicId: 'a' })
    sandbox.faults.add({ area: 'admin', times: 1, fault: { kind: 'rate-limit', resetMs: 500, headers: false } })
    expect(await listAll(IMAGES)).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'waiting', why: 'limit' }])
  })

  it('keeps to a quota that many callers share', async () => {
    await restart({ rateLimit: 40 }, { wait: false, reserve: 10 })
    const results = await Promise.allSettled(Array.from({ length: 60 }, () => listAll(IMAGES)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(30)
    expect(cloud.quota.used).toBe(30)
    expect(reader.budget).toMatchObject({ limit: 40, remaining: 10 })
  })

  it('says when a cursor is dead', async () => {
    for (let n = 0; n < 501; n++) makeAsset(cloud, { publicId: `p${n}` })
    sandbox.faults.add({ area: 'admin', fault: { kind: 'expired-cursor' } })
    await expect(listAll(IMAGES)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(searchAll()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  })
})

it('the limits of media are those of the account, and come with its profile', async () => {
  Object.assign(cloud.settings.mediaLimits, { image: 1, video: 2, raw: 4_294_967_295 })
  expect((await reader.profile(signal)).mediaLimits).toEqual({ image: 1, video: 2, raw: null })
  expect(reader.calls).toBe(2)
})
