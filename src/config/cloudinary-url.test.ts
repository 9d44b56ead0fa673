import { createRequire } from 'node:module'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { AppError } from '../model/errors.ts'
import { parseCloudinaryUrl } from './cloudinary-url.ts'

// The official SDK's own reader, as the judge. It reads process.env when told to reload.
const sdkConfig: (reload: true) => Record<string, unknown> = createRequire(import.meta.url)('cloudinary/lib/config')
const before = process.env['CLOUDINARY_URL']
afterAll(() => {
  if (before === undefined) delete process.env['CLOUDINARY_URL']
  else process.env['CLOUDINARY_URL'] = before
})

const bySdk = (text: string): Record<string, unknown> => {
  process.env['CLOUDINARY_URL'] = text
  return { ...sdkConfig(true) }
}

const expectSame = (text: string): void => {
  const sdk = bySdk(text)
  const ours = parseCloudinaryUrl(text)
  expect({
    cloud: ours.cloud,
    key: ours.apiKey,
    secret: ours.apiSecret,
    host: ours.secureDistribution,
    prefix: ours.uploadPrefix,
    cname: ours.cname,
  }).toEqual({
    cloud: sdk['cloud_name'],
    key: sdk['api_key'] || null,
    secret: sdk['api_secret'] || null,
    host: sdk['secure_distribution'] ?? null,
    prefix: sdk['upload_prefix'] ?? null,
    cname: sdk['cname'] ?? null,
  })
}

describe('parseCloudinaryUrl', () => {
  it.each([
    'cloudinary://123456789012345:abc_DEF-ghi@demo',
    'CLOUDINARY://123:secret@Demo-Cloud_1',
    'CloudinarY://123:secret@demo/',
    'cloudinary://123:secret@demo/images.example.com',
    'cloudinary://123:secret@demo?upload_prefix=https://api-eu.cloudinary.com&cname=img.example.com',
    'cloudinary://123:secret@demo?upload_prefix=http%3A%2F%2F127.0.0.1%3A4000',
    'cloudinary://123:se%2Fcr%40et@demo',
    'cloudinary://123:se@cret@demo',
    'cloudinary://123:sec;r=et|[]^@demo',
    'cloudinary://123@demo',
    'cloudinary://demo',
    'cloudinary://123:secret@demo?secure_distribution=cdn.example.com',
    'cloudinary://123:secret@demo/path.example.com?secure_distribution=query.example.com',
    'cloudinary://123:secret@demo?cloud_name=other',
    'cloudinary://123:secret@demo?cname=a&cname=b',
    'cloudinary://123:secret@demo?a+b=c%20d&empty=',
  ])('reads %s as the official SDK does', expectSame)

  it('reads any key, secret and cloud as the official SDK does', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/)
    const secret = fc
      .string({ minLength: 1, maxLength: 30 })
      .filter((text) => !/[/?#\\\s]/.test(text) && !/[<>]/.test(text))
    fc.assert(
      fc.property(name, secret, name, (key, value, cloud) => {
        const text = `cloudinary://${key}:${value}@${cloud}`
        if (URL.canParse(text)) expectSame(text)
      }),
    )
  })

  it('nests bracketed query parameters as the official SDK does', () => {
    const text = 'cloudinary://k:s@demo?auth_token[key]=ab12&auth_token[acl]=/x/*&a[b][c]=1&plain=2'
    const sdk = bySdk(text)
    const { options } = parseCloudinaryUrl(text)
    expect(JSON.parse(JSON.stringify(options))).toEqual({
      auth_token: sdk['auth_token'],
      a: sdk['a'],
      plain: sdk['plain'],
    })
  })

  it('treats a parameter called __proto__ as a parameter', () => {
    parseCloudinaryUrl('cloudinary://k:s@demo?__proto__[polluted]=yes')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('takes a path for a private CDN and private_cdn=false for what it says', () => {
    expect(parseCloudinaryUrl('cloudinary://k:s@demo/cdn.example.com').privateCdn).toBe(true)
    expect(parseCloudinaryUrl('cloudinary://k:s@demo?private_cdn=true').privateCdn).toBe(true)
    expect(parseCloudinaryUrl('cloudinary://k:s@demo/cdn.example.com?private_cdn=false').privateCdn).toBe(false)
  })

  it.each([
    'https://key:TOPSECRET@demo',
    'CLOUDINARY_URL=cloudinary://key:TOPSECRET@demo',
    'cloudinary://key:TOPSECRET@',
    'cloudinary://<your_api_key>:TOPSECRET@demo',
    'cloudinary://key:TOPSECRET@demo:99999999',
  ])('refuses a broken value without quoting it: %s', (text) => {
    let error: unknown
    try {
      parseCloudinaryUrl(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(`${String(error)} ${JSON.stringify(error)} ${String((error as AppError).cause)}`).not.toContain('TOPSECRET')
    expect(String(error)).toContain('CLOUDINARY_URL')
  })
})
