import { expect, test } from 'vitest'
import { isAppError } from '../model/errors.ts'
import { formatBucketUrl, parseBucketUrl } from './bucket-url.ts'

const parse = (value: string) =>
  parseBucketUrl({ value, origin: 'flag --vault' }, /^[a-z0-9]+/i.exec(value)?.[0].toLowerCase() ?? '')

test('a URL says bucket, prefix and what its vendor knows', () => {
  expect(
    parse(
      's3://shop-backup/a/b/?endpoint=https://s3.example.com/&region=eu-central-1&path-style=yes&storage-class=STANDARD_IA' +
        '&encryption=aws:kms&encryption-key=arn%3Aaws%3Akms%3Aone&profile=backup&lock=Compliance&lock-days=90',
    ),
  ).toEqual({
    vendor: 's3',
    bucket: 'shop-backup',
    prefix: 'a/b',
    options: {
      endpoint: 'https://s3.example.com',
      region: 'eu-central-1',
      pathStyle: true,
      storageClass: 'STANDARD_IA',
      encryption: 'aws:kms',
      encryptionKey: 'arn:aws:kms:one',
      profile: 'backup',
      lock: { mode: 'compliance', days: 90 },
    },
  })
  expect(parse('gs://shop_backup/vault?project=p&storage-class=NEARLINE').options).toEqual({
    project: 'p',
    storageClass: 'NEARLINE',
  })
  expect(parse('az://$root/vault?account=shop&encryption-key=scope').options).toEqual({
    account: 'shop',
    encryptionKey: 'scope',
  })
})

test.each([
  ['s3://ab', 'name of a bucket'],
  ['s3://-abc', 'name of a bucket'],
  ['s3://', 'name of a bucket'],
  ['gs://Upper', 'name of a bucket'],
  ['az://two--hyphens', 'name of a container'],
  ['az://under_score', 'name of a container'],
  ['s3://bucket/a//b', 'prefix'],
  ['s3://bucket/../b', 'prefix'],
  ['s3://bucket/a b', 'prefix'],
  ['s3://bucket/%2e%2e', 'prefix'],
  ['s3://bucket?regoin=x', 'knows no parameter "regoin"'],
  ['gs://bucket?region=x', 'knows no parameter "region"'],
  ['s3://bucket?region=a&region=b', 'twice'],
  ['s3://bucket?region=', 'empty'],
  ['s3://bucket?endpoint=ftp://x', 'endpoint'],
  ['s3://bucket?path-style=maybe', 'path-style'],
  ['s3://bucket?lock=compliance', 'go together'],
  ['s3://bucket?lock-days=9', 'go together'],
  ['s3://bucket?lock=hard&lock-days=9', 'neither governance nor compliance'],
  ['s3://bucket?lock=governance&lock-days=0', 'lock-days'],
  ['s3://bucket#x', 'holds an @ or a #'],
])('%s is refused by what is wrong with it', (text, word) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(word) }))
})

test('credentials in a URL are refused and not repeated', () => {
  let told = ''
  try {
    parse('s3://AKIAEXAMPLE:TOPSECRET@bucket/vault')
  } catch (error) {
    if (!isAppError(error)) throw error
    told = `${error.message} ${error.hint ?? ''} ${String(error.cause)}`
  }
  expect(told).toContain('credentials')
  expect(told).not.toContain('TOPSECRET')
})

test.each([
  's3://shop-backup/vault?endpoint=http://127.0.0.1:9000&region=eu-central-1&path-style=true&storage-class=STANDARD_IA',
  's3://shop-backup?encryption=aws:kms&encryption-key=arn:aws:kms:eu:1:key/a%26b&lock=compliance&lock-days=90',
  'gs://shop/a/b?project=p-1&storage-class=NEARLINE',
  'az://container/vault?account=shop&encryption-key=scope',
])('a place is written as the URL that gives it: %s', (url) => {
  const place = parseBucketUrl({ value: url, origin: 'flag' }, url.slice(0, 2))
  expect(parseBucketUrl({ value: formatBucketUrl(place), origin: 'flag' }, url.slice(0, 2))).toEqual(place)
})
