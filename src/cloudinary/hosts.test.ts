import { expect, it } from 'vitest'
import { allowedOrigins, checkedUrl } from './hosts.ts'

const origins = allowedOrigins({
  cloud: 'Acme',
  uploadPrefix: 'http://127.0.0.1:8080',
  secureDistribution: 'media.acme.test',
  cname: 'images.acme.test',
  deliveryHosts: ['cdn.acme.test', 'http://10.0.0.1:9000'],
})

it.each([
  'https://res.cloudinary.com/acme/image/upload/a.jpg',
  'https://res-3.cloudinary.com/acme/a.jpg',
  'https://acme-res.cloudinary.com/image/upload/a.jpg',
  'https://api-eu.cloudinary.com/v1_1/acme/image/download',
  'http://127.0.0.1:8080/acme/image/upload/a.jpg',
  'https://media.acme.test/a.jpg',
  'http://images.acme.test/a.jpg',
  'https://cdn.acme.test/a.jpg',
  'http://10.0.0.1:9000/a.jpg',
])('fetches %s', (url) => {
  expect(checkedUrl(url, origins, 'a').href).toBe(url)
})

it.each([
  'http://res.cloudinary.com/acme/image/upload/a.jpg',
  'https://res.cloudinary.com:8443/a.jpg',
  'https://res.cloudinary.com.evil.test/a.jpg',
  'https://evil-res.cloudinary.com/a.jpg',
  'https://res.cloudinary.com@evil.test/a.jpg',
  'https://user:pass@res.cloudinary.com/a.jpg',
  'https://res-6.cloudinary.com/a.jpg',
  'https://127.0.0.1:8080/a.jpg',
  'http://127.0.0.1:8081/a.jpg',
  'http://cdn.acme.test/a.jpg',
  'http://169.254.169.254/latest/meta-data',
  'file:///etc/passwd',
  'data:text/plain,hello',
  'not a url',
  '',
])('refuses %s', (url) => {
  expect(() => checkedUrl(url, origins, 'a')).toThrow(expect.objectContaining({ code: 'HOST_REFUSED' }))
})

it('refuses a configured host that is none', () => {
  expect(() => allowedOrigins({ cloud: 'a', cname: 'a b' })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
  expect(() => allowedOrigins({ cloud: 'a', deliveryHosts: ['ftp://a.test'] })).toThrow(/ftp/)
})
