import { describe, expect, test } from 'vitest'
import { failureOf, s3Error } from './errors.ts'

const DOING = { what: 'read objects/ab/ab12', right: 's3:GetObject', place: 's3://photos/vault' }

/** As the vendor's package makes them: the code as name, the status beside it. */
const vendor = (name: string, status: number): Error =>
  Object.assign(new Error('text that nobody looks at'), { name, $metadata: { httpStatusCode: status } })
const network = (code: string): Error => Object.assign(new Error('text'), { code })

const PASSING = { code: 'STORE_UNAVAILABLE', permanent: false }
const REFUSED = { code: 'STORE_REFUSED', permanent: true }
const FULL = { code: 'STORE_FULL', permanent: true }

describe('an error of S3', () => {
  test.each([
    ['SlowDown', 503],
    ['InternalError', 500],
    ['Unknown', 500],
    ['Unknown', 502],
    ['Unknown', 429],
    ['RequestTimeout', 400],
    ['BadDigest', 400],
    ['XAmzContentSHA256Mismatch', 400],
    ['ConditionalRequestConflict', 409],
    ['ThrottlingException', 400],
    ['SyntaxError', 200],
    ['Error', 404],
    ['Error', 403],
  ])('%s (%i) may pass', (name, status) => {
    expect(s3Error(vendor(name, status), DOING)).toMatchObject(PASSING)
  })
  test.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN'])(
    '%s of the network may pass',
    (code) => {
      expect(s3Error(network(code), DOING)).toMatchObject(PASSING)
    },
  )
  test('that broke off while a refusal was read is not a refusal', () => {
    const halfRead = Object.assign(vendor('Error', 404), { code: 'ECONNRESET' })
    expect(failureOf(halfRead)).toEqual({ code: '', status: 0, network: 'ECONNRESET' })
    expect(s3Error(halfRead, DOING)).toMatchObject(PASSING)
  })
  test('that is a time-out may pass', () => {
    expect(s3Error(Object.assign(new Error(), { name: 'TimeoutError' }), DOING)).toMatchObject(PASSING)
  })
  test.each([
    ['AccessDenied', 403, 'allow them s3:GetObject in s3://photos/vault'],
    ['Unknown', 403, 'allow them s3:GetObject in s3://photos/vault'],
    ['InvalidAccessKeyId', 403, 'check AWS_ACCESS_KEY_ID or the profile'],
    ['SignatureDoesNotMatch', 403, 'check AWS_SECRET_ACCESS_KEY or the profile'],
    ['NoSuchBucket', 404, 'make it, or correct its name'],
    ['PermanentRedirect', 301, 'give the region of the bucket: ?region=… in the URL, or AWS_REGION'],
    ['AuthorizationHeaderMalformed', 400, 'give the region of the bucket: ?region=… in the URL, or AWS_REGION'],
    ['RequestTimeTooSkewed', 403, 'set the clock (NTP): requests are valid for 15 minutes'],
  ])('%s (%i) is refused for good, with a hint', (name, status, hint) => {
    expect(s3Error(vendor(name, status), DOING)).toMatchObject({ ...REFUSED, hint })
  })
  test('of the credentials, that nobody has any, is refused for good', () => {
    const none = Object.assign(new Error(), { name: 'CredentialsProviderError' })
    expect(s3Error(none, DOING)).toMatchObject({ ...REFUSED, hint: expect.stringContaining('AWS_ACCESS_KEY_ID') })
  })
  test('of a certificate is refused for good', () => {
    expect(s3Error(network('SELF_SIGNED_CERT_IN_CHAIN'), DOING)).toMatchObject(REFUSED)
  })
  test.each([
    ['QuotaExceeded', 403],
    ['EntityTooLarge', 400],
    ['Unknown', 507],
  ])('%s (%i) means full', (name, status) => {
    expect(s3Error(vendor(name, status), DOING)).toMatchObject(FULL)
  })
  test('keeps the cause and says what could not be done where', () => {
    const cause = vendor('AccessDenied', 403)
    expect(s3Error(cause, DOING)).toMatchObject({
      message: 'cannot read objects/ab/ab12 in s3://photos/vault: these credentials may not',
      cause,
    })
  })
  test('that is none of the vendor comes back as it is', () => {
    for (const error of [new TypeError('a bug'), new RangeError('the source broke'), 'text', null])
      expect(s3Error(error, DOING)).toBe(error)
  })
})
