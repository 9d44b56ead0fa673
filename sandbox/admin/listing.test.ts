import { describe, expect, it } from 'vitest'
import { makeAsset } from '../make-asset.ts'
import { type Answer, startTestApi, type TestApi } from './testing.ts'

const ids = (answer: Answer): unknown[] => answer.resources.map((item) => item['public_id'])

const fill = (api: TestApi, count: number): void => {
  for (let i = 0; i < count; i++) {
    // Three to each instant: pages must not fall between assets of the same age.
    makeAsset(api.cloud, {
      publicId: `p${String(i).padStart(3, '0')}`,
      createdAt: api.now - 100_000 + Math.floor(i / 3),
    })
  }
}

const walk = async (api: TestApi, path: string, between: () => void = () => {}): Promise<unknown[]> => {
  const seen: unknown[] = []
  for (let cursor = ''; ; ) {
    const page = await api.get(path + cursor)
    expect(page.status).toBe(200)
    seen.push(...ids(page))
    if (page.next_cursor === undefined) return seen
    cursor = `&next_cursor=${page.next_cursor}`
    between()
  }
}

describe('the plain list', () => {
  it('pages through everything, newest first, ten at a time, or upwards in exactly the reverse order', async () => {
    await using api = await startTestApi()
    fill(api, 25)
    expect((await api.get('resources/image/upload')).resources).toHaveLength(10)
    const down = await walk(api, 'resources/image/upload?max_results=7')
    const up = await walk(api, 'resources/image/upload?max_results=4&direction=asc')
    expect(new Set(down).size).toBe(25)
    expect(up).toEqual([...down].reverse())
  })

  it('neither repeats nor loses what stays while assets come and go', async () => {
    await using api = await startTestApi()
    fill(api, 30)
    const before = [...api.cloud.shelf.scan()]
    const gone = new Set<string>()
    const seen = await walk(api, 'resources/image/upload?max_results=3&direction=asc', () => {
      const victim = before.find((asset) => !gone.has(asset.assetId))
      if (victim === undefined) return
      gone.add(victim.assetId)
      api.cloud.shelf.remove(victim.assetId)
      makeAsset(api.cloud, { publicId: `new${gone.size}`, createdAt: api.now - 200_000 })
    })
    const stayed = before.filter((asset) => !gone.has(asset.assetId)).map((asset) => asset.publicId)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual(expect.arrayContaining(stayed))
  })

  it('refuses page sizes out of range', async () => {
    await using api = await startTestApi()
    for (const size of ['0', '501', '-1', 'many']) {
      const answer = await api.get(`resources/image/upload?max_results=${size}`)
      expect(answer).toMatchObject({ status: 400, error: { message: expect.stringContaining('max_results') } })
    }
    expect((await api.get('resources/image/upload?max_results=500')).status).toBe(200)
  })

  it('refuses a cursor that is damaged, of another listing, or expired', async () => {
    await using api = await startTestApi()
    fill(api, 5)
    const path = 'resources/image/upload?max_results=2'
    const { next_cursor: cursor } = await api.get(path)
    expect((await api.get(`${path}&next_cursor=${cursor}`)).status).toBe(200)
    expect((await api.get(`${path}&next_cursor=${cursor}0`)).status).toBe(400)
    expect((await api.get(`${path}&next_cursor=nonsense`)).status).toBe(400)
    expect((await api.get(`${path}&direction=asc&next_cursor=${cursor}`)).status).toBe(400)
    expect((await api.get(`resources/image/private?max_results=2&next_cursor=${cursor}`)).status).toBe(400)
    api.sandbox.world.cursorEpoch++
    expect((await api.get(`${path}&next_cursor=${cursor}`)).status).toBe(400)
  })

  it('starts upwards at a time, seconds and all, and gives nothing downwards', async () => {
    await using api = await startTestApi()
    const at = Date.UTC(2026, 8, 1, 12, 0, 0)
    makeAsset(api.cloud, { publicId: 'before', createdAt: at - 1 })
    makeAsset(api.cloud, { publicId: 'at', createdAt: at })
    makeAsset(api.cloud, { publicId: 'after', createdAt: at + 1 })
    const start = encodeURIComponent('2026-09-01T12:00:00Z')
    expect(await walk(api, `resources/image/upload?direction=asc&max_results=1&start_at=${start}`)).toEqual([
      'at',
      'after',
    ])
    expect(ids(await api.get(`resources/image/upload?start_at=${start}`))).toEqual([])
    const utc = encodeURIComponent(new Date(at).toUTCString())
    expect(ids(await api.get(`resources/image/upload?direction=asc&start_at=${utc}`))).toEqual(['at', 'after'])
    expect((await api.get('resources/image/upload?start_at=soon')).status).toBe(400)
  })

  it('sorts by public_id under a prefix, whatever direction says', async () => {
    await using api = await startTestApi()
    for (const publicId of ['b/2', 'b/1', 'a/1', 'b/10', 'B/1', 'b']) makeAsset(api.cloud, { publicId })
    makeAsset(api.cloud, { publicId: 'b/0', type: 'private' })
    expect(await walk(api, 'resources/image/upload?prefix=b/&max_results=2&direction=desc')).toEqual([
      'b/1',
      'b/10',
      'b/2',
    ])
    expect((await api.get('resources/image?prefix=b/')).status).toBe(400)
  })

  it('gives the asked ids, reading + as a space', async () => {
    await using api = await startTestApi()
    for (const publicId of ['a', 'a+b', 'c d']) makeAsset(api.cloud, { publicId })
    const answer = await api.get(
      `resources/image/upload?public_ids[]=a&public_ids[]=a%2Bb&public_ids[]=c%20d&public_ids[]=no`,
    )
    expect(ids(answer)).toEqual(['a', 'c d'])
    const many = Array.from({ length: 101 }, (_, i) => `public_ids[]=${i}`).join('&')
    expect((await api.get(`resources/image/upload?${many}`)).status).toBe(400)
  })

  it('shows an item as the service does', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, {
      publicId: 'products/shoe 7',
      bytes: Buffer.from('shoe'),
      assetFolder: 'catalog/shoes',
      displayName: 'Shoe 7',
      createdAt: Date.UTC(2025, 9, 1, 6, 26, 40, 123),
      tags: ['shoe'],
      context: { alt: 'A shoe' },
      metadata: { sku_id: 'S-7' },
      moderation: [{ kind: 'manual', status: 'approved', updatedAt: 0 }],
    })
    const url = `${api.sandbox.url}/acme/image/upload/v${asset.version}/products/shoe%207.jpg`
    const plain = {
      asset_id: asset.assetId,
      public_id: 'products/shoe 7',
      format: 'jpg',
      version: asset.version,
      resource_type: 'image',
      type: 'upload',
      created_at: '2025-10-01T06:26:40Z',
      bytes: 4,
      width: 640,
      height: 480,
      backup: true,
      asset_folder: 'catalog/shoes',
      display_name: 'Shoe 7',
      access_mode: 'public',
      url,
      secure_url: url,
    }
    expect((await api.get('resources/image/upload')).resources).toEqual([plain])
    expect(
      (await api.get('resources/image/upload?tags=true&context=1&metadata=true&moderations=true')).resources,
    ).toEqual([
      {
        ...plain,
        tags: ['shoe'],
        context: { custom: { alt: 'A shoe' } },
        metadata: { sku_id: 'S-7' },
        moderation_kind: 'manual',
        moderation_status: 'approved',
      },
    ])
    const some = await api.get('resources/image/upload?tags=true&fields=access_control,placeholder,bytes')
    expect(some.resources).toEqual([
      { asset_id: asset.assetId, public_id: 'products/shoe 7', access_control: null, placeholder: false, bytes: 4 },
    ])
  })

  it('lists what was deleted but is backed up as a placeholder, here and in no other listing', async () => {
    await using api = await startTestApi()
    const asset = makeAsset(api.cloud, { publicId: 'old', bytes: null, tags: ['t'], assetFolder: 'f' })
    const [item] = (await api.get('resources/image/upload')).resources
    expect(item).toMatchObject({ public_id: 'old', bytes: 0, placeholder: true, backup: true })
    expect(Object.keys(item ?? {})).not.toContain('format')
    expect(ids(await api.get('resources/image/tags/t'))).toEqual([])
    expect(ids(await api.get(`resources/by_asset_ids?asset_ids[]=${asset.assetId}`))).toEqual([])
    expect(ids(await api.get('resources/by_asset_folder?asset_folder=f'))).toEqual([])
  })

  it('has folder in place of asset_folder and display_name in fixed mode', async () => {
    await using api = await startTestApi({ folderMode: 'fixed' })
    makeAsset(api.cloud, { publicId: 'a/b/c', resourceType: 'raw' })
    const [plain] = (await api.get('resources/raw/upload')).resources
    for (const field of ['folder', 'asset_folder', 'display_name', 'format', 'width'])
      expect(plain).not.toHaveProperty(field)
    const [some] = (await api.get('resources/raw/upload?fields=bytes')).resources
    expect(Object.keys(some ?? {}).sort()).toEqual(['asset_id', 'bytes', 'folder', 'public_id'])
    expect(some).toMatchObject({ folder: 'a/b' })
    expect((await api.get('resources/by_asset_folder?asset_folder=a/b')).status).toBe(400)
  })

  it('signs the URLs of private and authenticated assets', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'p', type: 'private' })
    const [item] = (await api.get('resources/image/private')).resources
    expect(item?.['secure_url']).toMatch(/\/acme\/image\/private\/s--[\w-]{8}--\/v\d+\/p\.jpg$/)
  })
})

describe('the other listings', () => {
  it('names the resource types that exist', async () => {
    await using api = await startTestApi()
    expect(await api.get('resources')).toMatchObject({ resource_types: [] })
    makeAsset(api.cloud, { publicId: 'v', resourceType: 'video' })
    makeAsset(api.cloud, { publicId: 'i' })
    expect(await api.get('resources')).toMatchObject({ resource_types: ['image', 'video'] })
    expect((await api.get('resources/audio/upload')).status).toBe(400)
  })

  it('takes every delivery type when none is named', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'u' })
    makeAsset(api.cloud, { publicId: 'p', type: 'private' })
    expect(ids(await api.get('resources/image?direction=asc')).sort()).toEqual(['p', 'u'])
    expect(ids(await api.get('resources/image?type=private'))).toEqual(['p'])
  })

  it('lists the direct children of a folder of every kind, whatever the case of its name', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'a', assetFolder: 'Shop/Shoes' })
    makeAsset(api.cloud, { publicId: 'b.csv', resourceType: 'raw', assetFolder: 'Shop/Shoes' })
    makeAsset(api.cloud, { publicId: 'c', assetFolder: 'Shop/Shoes/Old' })
    makeAsset(api.cloud, { publicId: 'root' })
    const answer = await api.get('resources/by_asset_folder?asset_folder=shop/shoes')
    expect(ids(answer).sort()).toEqual(['a', 'b.csv'])
    expect(answer).toMatchObject({ total_count: 2 })
    expect(ids(await api.get('resources/by_asset_folder?asset_folder='))).toEqual(['root'])
    expect((await api.get('resources/by_asset_folder?asset_folder=none')).status).toBe(404)
  })

  it('finds by asset_id, tag, context and moderation', async () => {
    await using api = await startTestApi()
    const one = makeAsset(api.cloud, {
      publicId: 'one',
      tags: ['a/b c'],
      context: { k: 'v' },
      moderation: [{ kind: 'manual', status: 'pending', updatedAt: 0 }],
    })
    makeAsset(api.cloud, { publicId: 'two', context: { k: 'w' } })
    const byIds = `resources/by_asset_ids?asset_ids[]=${one.assetId}&asset_ids[]=${'0'.repeat(32)}&asset_ids[]=${one.assetId}`
    expect(ids(await api.get(byIds))).toEqual(['one'])
    expect(ids(await api.get('resources/image/tags/a%2Fb%20c'))).toEqual(['one'])
    expect(ids(await api.get('resources/image/context?key=k'))).toHaveLength(2)
    expect(ids(await api.get('resources/image/context?key=k&value=v'))).toEqual(['one'])
    expect(ids(await api.get('resources/image/moderations/manual/pending'))).toEqual(['one'])
    expect((await api.get('resources/image/moderations/manual/maybe')).status).toBe(400)
    expect((await api.get('resources/image/context')).status).toBe(400)
  })
})
