import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createCloud } from '../cloud.ts'
import { startSandbox } from '../server.ts'
import { createVirtualShelf } from './shelf.ts'

interface Page {
  readonly resources: readonly {
    asset_id: string
    public_id: string
    secure_url: string
    etag?: string
    tags?: string[]
  }[]
  readonly next_cursor?: string | null
  readonly total_count?: number
}

it('serves a computed account by all APIs and holds only what was changed', async () => {
  const shelf = createVirtualShelf({ assets: 6000, seed: 3 })
  const cloud = createCloud({
    name: 'big',
    shelf,
    settings: { rateLimit: 100_000, autoBackup: false, allowPdfZip: true },
  })
  const sandbox = await startSandbox({ clouds: [cloud] })
  const { key = '', secret = '' } = cloud.keys[0] ?? {}
  const headers = {
    authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`,
    'content-type': 'application/json',
  }
  const ask = async (path: string, body?: object): Promise<Page> =>
    (await (
      await fetch(
        `${sandbox.url}/v1_1/big/${path}`,
        body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
      )
    ).json()) as Page
  const listed = new Map<string, string>()
  for (const kind of ['image', 'video', 'raw'].flatMap((rt) =>
    ['upload', 'private', 'authenticated'].map((type) => `${rt}/${type}`),
  )) {
    for (let cursor = ''; ; ) {
      const page = await ask(
        `resources/${kind}?max_results=500&direction=asc&tags=true&context=true&metadata=true${cursor}`,
      )
      for (const { asset_id, secure_url } of page.resources) listed.set(asset_id, secure_url)
      if (!page.next_cursor) break
      cursor = `&next_cursor=${page.next_cursor}`
    }
  }
  expect(listed.size).toBe(6000)
  const found = await ask('resources/search', { max_results: 500, with_field: ['tags', 'context', 'metadata'] })
  expect(found.total_count).toBe(6000)
  for (const { asset_id, etag } of found.resources.slice(0, 20)) {
    const body = Buffer.from(await (await fetch(listed.get(asset_id) ?? '')).arrayBuffer())
    expect(createHash('md5').update(body).digest('hex')).toBe(etag)
    expect(await ask(`resources/${asset_id}?versions=true`)).toMatchObject({ asset_id, etag })
  }
  expect(shelf.held).toBe(0)
  const changed = found.resources.find((asset) => listed.get(asset.asset_id)?.includes('/image/upload/'))
  await ask(`resources/image/upload/${encodeURIComponent(changed?.public_id ?? '')}`, { tags: 'changed' })
  const again = await ask(`resources/by_asset_ids?asset_ids[]=${changed?.asset_id}&tags=true`)
  await sandbox.close()
  expect(again.resources).toMatchObject([{ tags: ['changed'] }])
  expect(shelf.held).toBe(1)
})
