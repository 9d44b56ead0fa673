import { describe, expect, it } from 'vitest'
import { makeAsset } from '../make-asset.ts'
import { startTestApi } from './testing.ts'

describe('paths that arrive with their slashes encoded', () => {
  it('reach the same routes, and count against the same quota', async () => {
    await using api = await startTestApi()
    makeAsset(api.cloud, { publicId: 'a' })
    expect(await api.send('POST', 'resources%2Fsearch', {})).toMatchObject({ status: 200, total_count: 1 })
    expect(await api.send('POST', 'folders%2Fsearch', {})).toMatchObject({ status: 200, total_count: 0 })
    expect(await api.get('streaming_profiles%2Fhd')).toMatchObject({ status: 200, data: { name: 'hd' } })
    expect(await api.get('resources%2Fimage%2fupload/a')).toMatchObject({ status: 200, public_id: 'a' })
    expect(api.cloud.quota.used).toBe(4)
    expect(new Set(api.sandbox.requests.map((request) => request.area))).toEqual(new Set(['admin']))
  })

  it('are refused when they cannot be decoded', async () => {
    await using api = await startTestApi()
    expect(await api.get('resources/image/upload/%zz')).toMatchObject({
      status: 400,
      error: { message: 'Invalid encoding in path - %zz' },
    })
  })
})
