import { describe, expect, it } from 'vitest'
import { checkSignature } from './auth.ts'
import { createCloud } from './cloud.ts'
import { deliveryPath } from './delivery-url.ts'
import { makeAsset } from './make-asset.ts'
import { apiSignature, isDeliverySignature } from './signature.ts'

const now = Date.UTC(2026, 9, 2, 9, 30, 0)
const cloud = createCloud({ name: 'acme', key: '1', secret: 'abcd' })

describe('a signed request', () => {
  const timestamp = String(now / 1000)
  const signed = (params: Record<string, string>) => ({
    ...params,
    api_key: '1',
    signature: apiSignature(params, 'abcd'),
  })

  it('is known by its signature, and told what the server would have signed when it is wrong', () => {
    expect(checkSignature(cloud, signed({ timestamp, public_id: 'a&b' }), now)).toBe('1')
    const forged = { ...signed({ timestamp, public_id: 'a' }), public_id: 'b' }
    expect(() => checkSignature(cloud, forged, now)).toThrow(
      `Invalid Signature ${forged.signature}. String to sign - 'public_id=b&timestamp=${timestamp}'.`,
    )
    expect(() => checkSignature(cloud, { ...forged, api_key: '2' }, now)).toThrow('Invalid api_key')
    expect(() => checkSignature(cloud, { api_key: '1', timestamp }, now)).toThrow(
      'Missing required parameter - signature',
    )
  })

  it('lives for an hour', () => {
    const request = signed({ timestamp })
    expect(checkSignature(cloud, request, now + 3_600_000)).toBe('1')
    expect(() => checkSignature(cloud, request, now + 3_601_000)).toThrow(
      'Stale request - reported time is 2026-10-02 09:30:00 +0000 which is more than 1 hour ago',
    )
  })
})

describe('the delivery path', () => {
  it('is percent-encoded, versioned, and signed where the type asks for it', () => {
    const path = (options: Parameters<typeof makeAsset>[1]) =>
      deliveryPath(cloud, makeAsset(cloud, { version: 7, ...options }))
    expect(path({ publicId: 'a b/ü+:%?#' })).toBe('/acme/image/upload/v7/a%20b/%C3%BC%2B:%25%3F%23.jpg')
    expect(path({ publicId: 'x.csv', resourceType: 'raw' })).toBe('/acme/raw/upload/v7/x.csv')
    expect(path({ publicId: 'a.jpg' })).toBe('/acme/image/upload/v7/a.jpg.jpg')
    const [, signature = ''] =
      /\/private\/(s--.{8}--)\/v7\/p%20q\.jpg$/.exec(path({ publicId: 'p q', type: 'private' })) ?? []
    expect(isDeliverySignature('p%20q.jpg', signature, 'abcd')).toBe(true)
  })

  it('signs the transformation too', () => {
    const asset = makeAsset(cloud, { publicId: 'p', type: 'authenticated', version: 7 })
    const [, signature = ''] =
      /\/authenticated\/(s--.{8}--)\/fl_original\/v7\/p\.jpg$/.exec(
        deliveryPath(cloud, asset, { transformation: 'fl_original' }),
      ) ?? []
    expect(isDeliverySignature('fl_original/p.jpg', signature, 'abcd')).toBe(true)
  })
})
