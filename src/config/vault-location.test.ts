import { expect, test } from 'vitest'
import { locationName, parseVaultLocation } from './vault-location.ts'

const base = { cwd: '/work', home: '/home/me' }
const parse = (value: string, origin = 'flag --vault') => parseVaultLocation({ value, origin }, base)

test.each([
  ['vault', '/work/vault'],
  ['./a/../vault/', '/work/vault'],
  ['/srv/vault', '/srv/vault'],
  ['~', '/home/me'],
  ['~/vault', '/home/me/vault'],
  ['~other/vault', '/work/~other/vault'],
  ['file:///srv/my%20vault', '/srv/my vault'],
  ['C:vault', '/work/C:vault'],
])('%s is the folder %s', (text, path) => {
  expect(parse(text)).toEqual({ kind: 'local', path })
})

test('a bucket is called by its URL without parameters', () => {
  expect(locationName(parse('s3://shop-backup/vault/?region=eu-central-1&profile=backup'))).toBe(
    's3://shop-backup/vault',
  )
  expect(locationName(parse('GS://shop-backup'))).toBe('gs://shop-backup')
  expect(locationName(parse('/srv/vault'))).toBe('/srv/vault')
})

test.each(['ftp://host/x', 'https://bucket.s3.amazonaws.com/x', 'file://elsewhere/x', 'a\0b'])(
  '%j is no place',
  (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    expect(() => parse(text, 'environment CLOUDKEEP_VAULT')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  },
)
