import { v2 as cloudinary } from 'cloudinary'
import { expect, it } from 'vitest'
import { startTestApi } from '../admin/testing.ts'
import { makeAsset } from '../make-asset.ts'

it('answers the signed search URLs that the official SDK makes, off the quota', async () => {
  await using api = await startTestApi()
  for (const publicId of ['a', 'b']) makeAsset(api.cloud, { publicId })
  const { secret } = api.cloud.keys[0] ?? { secret: '' }
  const search = cloudinary.search.expression('status:active').sort_by('public_id', 'asc').max_results(1)
  const urlOf = (apiSecret: string, cursor?: string): string => {
    // The SDK's types do not know its third parameter.
    const toUrl = search.to_url.bind(search) as (ttl: number, cursor: string | undefined, options: object) => string
    const { pathname } = new URL(toUrl(300, cursor, { api_secret: apiSecret, cloud_name: 'acme' }))
    return api.sandbox.url + pathname
  }
  const first = await fetch(urlOf(secret))
  const page = (await first.json()) as { resources: object[]; next_cursor: string }
  expect(first.headers.get('cache-control')).toBe('public, max-age=300')
  expect(page.resources).toMatchObject([{ public_id: 'a' }])
  const second = await fetch(urlOf(secret, page.next_cursor))
  expect(await second.json()).toMatchObject({ resources: [{ public_id: 'b' }] })
  expect((await fetch(urlOf('wrong'))).status).toBe(401)
  expect(api.cloud.quota.used).toBe(0)
})
