import { v2 as sdk } from 'cloudinary'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeSegment, flOriginalUrl, originalUrl } from './delivery-url.ts'
import { signDelivery } from './signature.ts'
import { row } from './testing.ts'
import { parseAsset } from './wire/asset.ts'

const options = { base: 'https://res.cloudinary.com/acme', apiSecret: 'abcd' }
const facts = (more: Record<string, string | number | null> = {}) =>
  parseAsset({ ...row({ secure_url: null }), ...more } as Parameters<typeof parseAsset>[0], 'list').facts

beforeAll(() => {
  sdk.config({ cloud_name: 'acme', api_key: '1234', api_secret: 'abcd', secure: true, urlAnalytics: false })
})

const officialUrl = (publicId: string, more: Record<string, unknown> = {}): string =>
  sdk.url(publicId, { version: 1759400000, format: 'jpg', analytics: false, ...more })

describe('the URL of an original', () => {
  it('is the one that the account gives', () => {
    const secureUrl = 'https://res.cloudinary.com/acme/image/upload/v9/a.jpg'
    expect(originalUrl(facts({ secure_url: secureUrl }), options)).toBe(secureUrl)
  })

  it.each(['shoe', 'products/shoe 7', 'größe/日本', 'a:b/c', 'it’s', "it's"])(
    'is rebuilt as the official SDK builds it: %s',
    (publicId) => {
      const rebuilt = originalUrl(facts({ public_id: publicId }), options)
      expect(decodeURI(rebuilt)).toBe(decodeURI(officialUrl(publicId)))
    },
  )

  it.each(['private', 'authenticated'])('is signed for %s assets', (type) => {
    expect(originalUrl(facts({ type }), options)).toBe(officialUrl('products/shoe_7', { type, sign_url: true }))
  })

  it('has no extension added for raw assets, whose id holds it', () => {
    expect(originalUrl(facts({ resource_type: 'raw', public_id: 'a.zip', format: 'zip' }), options)).toBe(
      'https://res.cloudinary.com/acme/raw/upload/v1759400000/a.zip',
    )
  })
})

describe('fl_original', () => {
  const flOriginal = { raw_transformation: 'fl_original' }

  it('is what the official SDK makes of it', () => {
    expect(flOriginalUrl(facts(), options)).toBe(officialUrl('products/shoe_7', flOriginal))
    const signed = officialUrl('products/shoe_7', { ...flOriginal, type: 'authenticated', sign_url: true })
    expect(flOriginalUrl(facts({ type: 'authenticated' }), options)).toBe(signed)
  })

  it('keeps host, spelling and version of the account’s own URL', () => {
    const secureUrl = 'http://127.0.0.1:8080/x/acme/image/upload/v12/odd%2Bname.jpg'
    expect(flOriginalUrl(facts({ secure_url: secureUrl }), options)).toBe(
      'http://127.0.0.1:8080/x/acme/image/upload/fl_original/v12/odd%2Bname.jpg',
    )
  })

  it.each([
    { algorithm: 'sha1', length: 8 },
    { algorithm: 'sha256', length: 8 },
    { algorithm: 'sha256', length: 32 },
  ] as const)('is signed as the account signs: $algorithm, $length characters', (how) => {
    const segment = signDelivery('products/shoe_7.jpg', 'abcd', how)
    const secureUrl = `https://res.cloudinary.com/acme/image/private/${segment}/v1/products/shoe_7.jpg`
    const expected = signDelivery('fl_original/products/shoe_7.jpg', 'abcd', how)
    expect(flOriginalUrl(facts({ type: 'private', secure_url: secureUrl }), options)).toBe(
      `https://res.cloudinary.com/acme/image/private/${expected}/fl_original/v1/products/shoe_7.jpg`,
    )
  })

  it('is built from the facts when the URL has another form', () => {
    const secureUrl = 'https://acme-res.cloudinary.com/images/abc/my-shoe.jpg'
    expect(flOriginalUrl(facts({ secure_url: secureUrl }), options)).toBe(
      'https://res.cloudinary.com/acme/image/upload/fl_original/v1759400000/products/shoe_7.jpg',
    )
  })
})

it('writes half a surrogate pair as a replacement instead of failing', () => {
  expect(encodeSegment('a\ud800b/c')).toBe('a%EF%BF%BDb%2Fc')
})
