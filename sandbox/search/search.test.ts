import { describe, expect, it } from 'vitest'
import { type Answer, startTestApi, type TestApi } from '../admin/testing.ts'
import { createCloud } from '../cloud.ts'
import { makeAsset } from '../make-asset.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, AssetShelf } from '../state.ts'
import { createVirtualShelf } from '../virtual/shelf.ts'
import { parseExpression } from './parser.ts'
import { runQuery } from './run.ts'

const ids = (answer: Answer): unknown[] => answer.resources.map((item) => item['public_id'])

const found = async (api: TestApi, expression: string): Promise<unknown[]> => {
  const answer = await api.send('POST', 'resources/search', { expression, sort_by: [{ public_id: 'asc' }] })
  expect([expression, answer.status, answer.error?.message]).toEqual([expression, 200, undefined])
  return ids(answer)
}

const day = (text: string): number => Date.parse(`${text}T12:00:00Z`)

const fill = (api: TestApi): void => {
  const { cloud } = api
  makeAsset(cloud, {
    publicId: 'a/shoe 1',
    tags: ['full-analysis', 'sale'],
    context: { alt: 'A red shoe' },
    metadata: { sku_id: 'S-7', price: 20 },
    assetFolder: 'a',
    displayName: 'Red Shoe',
    createdAt: day('2026-01-10'),
    bytes: Buffer.alloc(2048),
  })
  makeAsset(cloud, {
    publicId: 'a/b/boot',
    assetFolder: 'a/b',
    createdAt: day('2026-01-20'),
    format: 'png',
    bytes: Buffer.alloc(100),
  })
  makeAsset(cloud, { publicId: 'c', resourceType: 'raw', type: 'private', createdAt: day('2026-09-30'), width: null })
  makeAsset(cloud, { publicId: 'gone', bytes: null, createdAt: day('2026-02-01') })
  makeAsset(cloud, {
    publicId: 'wait',
    moderation: [{ kind: 'manual', status: 'pending', updatedAt: 0 }],
    createdAt: day('2026-03-01'),
  })
}

describe('the expression language', () => {
  it('finds what the documentation says it finds', async () => {
    await using api = await startTestApi()
    fill(api)
    const table: [string, string[]][] = [
      ['', ['a/b/boot', 'a/shoe 1', 'c']],
      ['resource_type:image', ['a/b/boot', 'a/shoe 1']],
      ['resource_type:raw AND type:private', ['c']],
      ['tags:analysis', ['a/shoe 1']],
      ['tags=analysis', []],
      ['tags=full-analysis', ['a/shoe 1']],
      ['tags:sal*', ['a/shoe 1']],
      ['tags:(analysis OR nothing)', ['a/shoe 1']],
      ['public_id:"a/shoe 1"', ['a/shoe 1']],
      ['public_id:a/shoe\\ 1', ['a/shoe 1']],
      ['public_id:a/*', ['a/b/boot', 'a/shoe 1']],
      ['public_id:A/*', []],
      ['folder:a', ['a/shoe 1']],
      ['asset_folder="a/b"', ['a/b/boot']],
      ['asset_folder:"a/*"', ['a/b/boot', 'a/shoe 1']],
      ['folder:"*"', ['a/b/boot', 'a/shoe 1', 'c']],
      ['asset_folder=""', ['c']],
      ['display_name:"red shoe"', ['a/shoe 1']],
      ['filename:boot', ['a/b/boot']],
      ['context.alt:red', ['a/shoe 1']],
      ['metadata.sku_id=S-7', ['a/shoe 1']],
      ['metadata.price>=20', ['a/shoe 1']],
      ['metadata.price>20', []],
      ['bytes>1kb', ['a/shoe 1']],
      ['bytes:[100 TO 2048]', ['a/b/boot', 'a/shoe 1']],
      ['bytes:{100 TO 2048}', []],
      ['bytes:[100 TO 2048} AND width>0', ['a/b/boot']],
      ['format:png', ['a/b/boot']],
      ['resource_type:image AND NOT format:png', ['a/shoe 1']],
      ['+resource_type:image -format:png', ['a/shoe 1']],
      ['-resource_type:image', ['c']],
      ['format:png OR tags:sale', ['a/b/boot', 'a/shoe 1']],
      ['(format:png OR tags:sale) AND bytes<200', ['a/b/boot']],
      ['shoe', ['a/shoe 1']],
      ['status:deleted', ['gone']],
      ['status:pending', ['wait']],
      ['status:(active OR pending)', ['a/b/boot', 'a/shoe 1', 'c', 'wait']],
      ['status:deleted OR status:active', ['a/b/boot', 'a/shoe 1', 'c', 'gone']],
      ['moderation_status:pending AND status:pending', ['wait']],
      ['created_at:2026-01-10', ['a/shoe 1']],
      ['created_at>"2026-01-10T12:00:00Z"', ['a/b/boot', 'c']],
      ['created_at>="2026-01-10T12:00:00Z" AND created_at<2026-02-01', ['a/b/boot', 'a/shoe 1']],
      ['created_at:["2026-01-10T12:00:00Z" TO "2026-01-20T12:00:00Z"]', ['a/b/boot', 'a/shoe 1']],
      ['created_at>1w', ['c']],
      ['uploaded_at:[50w TO 30w]', ['a/b/boot', 'a/shoe 1']],
      ['no_such_field:x', []],
      ['no_such_field>3 OR format:png', ['a/b/boot']],
      ['bytes:many', []],
    ]
    for (const [expression, expected] of table)
      expect([expression, await found(api, expression)]).toEqual([expression, expected])
  })

  it('refuses what it cannot read, and says where', async () => {
    await using api = await startTestApi()
    const bad = [
      'NOT tags:x',
      'tags:*',
      '*',
      'tags:*x',
      'tags:a*b',
      'tags:?',
      'tags:',
      'tags:a AND',
      'AND tags:a',
      '(tags:a',
      'tags:a)',
      'tags:"a',
      'bytes:[1 TO',
      'bytes:[1 2]',
      'tags:a&b',
      'public_id:a!',
      'tags:a\\',
      'created_at>',
      '()',
      'a OR OR b',
    ]
    for (const expression of bad) {
      const answer = await api.send('POST', 'resources/search', { expression })
      expect([expression, answer.status, answer.error?.message]).toEqual([
        expression,
        400,
        expect.stringMatching(/^Invalid expression: .* at position \d+$/),
      ])
    }
  })
})

describe('the answer', () => {
  it('shows an item as the service does, with tags, context and metadata only when asked', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, {
      publicId: 'products/shoe_7',
      bytes: Buffer.from('shoe'),
      assetFolder: 'catalog',
      displayName: 'Shoe 7',
      createdAt: Date.UTC(2025, 9, 1, 6, 26, 40),
      uploadedAt: Date.UTC(2025, 9, 2, 10, 13, 20),
      tags: ['shoe'],
      context: { alt: 'A shoe' },
      metadata: { sku_id: 'S-7' },
      width: 1600,
      height: 1200,
      createdBy: '111',
    })
    const url = `${api.sandbox.url}/acme/image/upload/v${asset.version}/products/shoe_7.jpg`
    const plain = {
      asset_id: asset.assetId,
      public_id: 'products/shoe_7',
      asset_folder: 'catalog',
      filename: 'shoe_7',
      display_name: 'Shoe 7',
      format: 'jpg',
      version: asset.version,
      resource_type: 'image',
      type: 'upload',
      created_at: '2025-10-01T06:26:40+00:00',
      uploaded_at: '2025-10-02T10:13:20+00:00',
      last_updated: { updated_at: '2025-10-02T10:13:20+00:00' },
      bytes: 4,
      backup_bytes: 4,
      width: 1600,
      height: 1200,
      aspect_ratio: 1.33333,
      pixels: 1_920_000,
      url,
      secure_url: url,
      status: 'active',
      access_mode: 'public',
      access_control: null,
      etag: asset.content?.md5,
      created_by: { access_key: '111' },
      uploaded_by: { access_key: '111' },
    }
    const answer = await api.send('POST', 'resources/search', {})
    expect(answer).toEqual({ status: 200, total_count: 1, time: expect.any(Number), resources: [plain] })
    const more = await api.send('POST', 'resources/search', { with_field: ['tags', 'context', 'metadata'] })
    const attributes = { tags: ['shoe'], context: { alt: 'A shoe' }, metadata: { sku_id: 'S-7' } }
    expect(more.resources).toEqual([{ ...plain, ...attributes }])
    const some = await api.send('POST', 'resources/search', { fields: 'etag,tags', with_field: 'context' })
    expect(Object.keys(some.resources[0] ?? {}).sort()).toEqual(
      ['public_id', 'asset_id', 'asset_folder', 'created_at', 'status', 'type', 'resource_type', 'etag', 'tags'].sort(),
    )
  })

  it('has nulls for what raw files do not have, and the folder in fixed mode', async () => {
    await using api = await startTestApi({ folderMode: 'fixed' })
    makeAsset(api.cloud, { publicId: 'a/b.csv', resourceType: 'raw' })
    const [item] = (await api.send('POST', 'resources/search')).resources
    expect(item).toMatchObject({
      format: null,
      width: null,
      height: null,
      aspect_ratio: null,
      pixels: null,
      folder: 'a',
    })
    expect(item).not.toHaveProperty('asset_folder')
    expect(item).not.toHaveProperty('display_name')
  })

  it('shows a placeholder as deleted, with the size of its backups and no binary', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'old', bytes: null })
    const [item] = (await api.send('POST', 'resources/search', { expression: 'status:deleted' })).resources
    expect(item).toMatchObject({
      status: 'deleted',
      bytes: 0,
      backup_bytes: asset.versions[0]?.content.size,
      format: null,
    })
    expect(item).not.toHaveProperty('etag')
    expect(item).not.toHaveProperty('placeholder')
  })

  it('counts without a page, and refuses sizes out of range', async () => {
    await using api = await startTestApi()
    fill(api)
    const count = await api.send('POST', 'resources/search', { max_results: 0, aggregate: ['format'] })
    expect(count).toMatchObject({ status: 200, total_count: 3, resources: [] })
    expect(count).not.toHaveProperty('next_cursor')
    expect((await api.send('POST', 'resources/search', { max_results: 501 })).status).toBe(400)
    expect((await api.send('POST', 'resources/search', { sort_by: [{ bytes: 'up' }] })).status).toBe(400)
    expect((await api.send('POST', 'resources/search', { with_field: ['nothing'] })).status).toBe(400)
  })

  it('answers a GET as well, with a query string or a body', async () => {
    await using api = await startTestApi()
    fill(api)
    expect(ids(await api.get('resources/search?expression=format%3Apng&max_results=1'))).toEqual(['a/b/boot'])
  })
})

describe('paging', () => {
  it('sorts by several keys, nulls last, and pages through any order without loss', async () => {
    await using api = await startTestApi()
    for (let i = 0; i < 40; i++) {
      makeAsset(api.cloud, {
        publicId: `p${String(i).padStart(2, '0')}`,
        createdAt: api.now - 1000 * (i % 7),
        width: i % 5 === 0 ? null : i % 3,
      })
    }
    for (const sort of [
      [{ width: 'desc' }, { created_at: 'asc' }],
      [{ updated_at: 'asc' }],
      [{ width: 'asc' }],
      [{ public_id: 'desc' }],
    ]) {
      const all = ids(await api.send('POST', 'resources/search', { sort_by: sort, max_results: 500 }))
      const seen: unknown[] = []
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await api.send('POST', 'resources/search', { sort_by: sort, max_results: 7, next_cursor: cursor })
        expect(page).toMatchObject({ status: 200, total_count: 40 })
        seen.push(...ids(page))
        cursor = page.next_cursor ?? null
      }
      expect(seen).toEqual(all)
      expect(new Set(seen).size).toBe(40)
    }
    const widths = (await api.send('POST', 'resources/search', { sort_by: [{ width: 'desc' }], max_results: 40 }))
      .resources
    expect(widths.at(-1)).toMatchObject({ width: null })
  })

  it('takes expression and order from the cursor, not from the request beside it', async () => {
    await using api = await startTestApi()
    fill(api)
    const first = await api.send('POST', 'resources/search', {
      expression: 'resource_type:image',
      sort_by: [{ public_id: 'desc' }],
      max_results: 1,
    })
    const second = await api.send('POST', 'resources/search', {
      expression: 'status:deleted',
      next_cursor: first.next_cursor,
    })
    expect([...ids(first), ...ids(second)]).toEqual(['a/shoe 1', 'a/b/boot'])
    expect((await api.send('POST', 'resources/search', { next_cursor: 'abc' })).status).toBe(400)
  })

  it('finds the newest first by default', async () => {
    await using api = await startTestApi()
    fill(api)
    expect(ids(await api.send('POST', 'resources/search'))).toEqual(['c', 'a/b/boot', 'a/shoe 1'])
  })
})

describe('lag', () => {
  it('shows assets as they were until the index has caught up', async () => {
    await using api = await startTestApi({ searchLagMs: 5000 })
    const { world } = api.sandbox
    const old = makeAsset(api.cloud, { publicId: 'old', tags: ['before'], createdAt: api.now - 60_000 })
    const gone = makeAsset(api.cloud, { publicId: 'gone', createdAt: api.now - 60_000 })
    makeAsset(api.cloud, { publicId: 'new', createdAt: api.now })
    beforeChange(world, api.cloud, old)
    old.tags = ['after']
    beforeChange(world, api.cloud, gone)
    api.cloud.shelf.remove(gone.assetId)
    expect(await found(api, 'tags:before')).toEqual(['old'])
    expect(await found(api, '')).toEqual(['gone', 'old'])
    api.now += 5001
    expect(await found(api, 'tags:after')).toEqual(['old'])
    expect(await found(api, '')).toEqual(['new', 'old'])
  })
})

describe('a very large account', () => {
  const virtual = createVirtualShelf({ assets: 1_000_000, seed: 7 })
  let read = 0
  const shelf: AssetShelf = {
    ...virtual,
    size: virtual.size,
    *scanDown(before) {
      for (const asset of virtual.scanDown(before)) {
        read++
        yield asset
      }
    },
  }
  const cloud = createCloud({ name: 'big', shelf })
  const world = {
    clouds: new Map([['big', cloud]]),
    cursorEpoch: 0,
    now: () => Date.UTC(2026, 0, 1),
    baseUrl: '',
    log: [],
  }
  const page = (field: string, after?: readonly (string | number | null)[]) =>
    runQuery(world, cloud, {
      expression: parseExpression('status:(active OR pending OR inactive OR deleted)'),
      sort: [{ field, down: true }],
      after,
      size: 500,
    })

  it('reads a page, not the account, when all is asked for by time', () => {
    const first = shelf.scan()[Symbol.iterator]().next().value
    if (first === undefined) throw new Error('the shelf is empty')
    const changed: Asset = first
    changed.tags = ['changed']
    changed.times = { ...changed.times, updated: Date.UTC(2025, 0, 1) }
    let after: readonly (string | number | null)[] | undefined
    const seen: string[] = []
    for (let i = 0; i < 20; i++) {
      const result = page('updated_at', after)
      expect(result.total).toBe(1_000_000)
      seen.push(...result.assets.map((asset) => asset.assetId))
      after = result.next
    }
    expect(seen[0]).toBe(changed.assetId)
    expect(new Set(seen).size).toBe(10_000)
    expect(read).toBeLessThan(10_100)
  })
})
