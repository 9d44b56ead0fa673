import { inspect } from 'node:util'
import { RestError } from '@azure/storage-blob'
import { expect, test } from 'vitest'
import { AppError } from '../../../model/errors.ts'
import type { Right } from './errors.ts'
import { azureError, factsOf, isAbsence, isConditionNotMet } from './errors.ts'

const answered = (statusCode: number, code?: string): RestError =>
  new RestError('<xml>', { statusCode, ...(code !== undefined && { code }) })
const meaning = (error: unknown, right: Right = 'write'): AppError =>
  azureError(error, 'writing x', { place: 'az://box', right })

test.each([
  [403, 'AuthenticationFailed', 'STORE_REFUSED', true],
  [403, 'AuthorizationFailure', 'STORE_REFUSED', true],
  [403, 'AuthorizationPermissionMismatch', 'STORE_REFUSED', true],
  [403, 'InsufficientAccountPermissions', 'STORE_REFUSED', true],
  [401, 'NoAuthenticationInformation', 'STORE_REFUSED', true],
  [404, 'ContainerNotFound', 'STORE_REFUSED', true],
  [409, 'BlobArchived', 'STORE_REFUSED', true],
  [409, 'SnapshotsPresent', 'STORE_REFUSED', true],
  [412, 'LeaseIdMissing', 'STORE_REFUSED', true],
  [400, 'InvalidHeaderValue', 'STORE_REFUSED', true],
  [409, 'BlobImmutableDueToPolicy', 'VAULT_SEALED', true],
  [409, 'BlobImmutableDueToLegalHold', 'VAULT_SEALED', true],
  [507, undefined, 'STORE_FULL', true],
  [400, 'Md5Mismatch', 'STORE_UNAVAILABLE', false],
  [400, 'InvalidBlockList', 'STORE_UNAVAILABLE', false],
  [503, 'ServerBusy', 'STORE_UNAVAILABLE', false],
  [500, 'OperationTimedOut', 'STORE_UNAVAILABLE', false],
  [500, 'InternalError', 'STORE_UNAVAILABLE', false],
  [502, undefined, 'STORE_UNAVAILABLE', false],
  [429, undefined, 'STORE_UNAVAILABLE', false],
  [408, undefined, 'STORE_UNAVAILABLE', false],
] as const)('an answer %i %s means %s', (status, code, expected, permanent) => {
  expect(meaning(answered(status, code))).toMatchObject({ code: expected, permanent })
})

test.each([
  ['ECONNRESET', 'STORE_UNAVAILABLE', false],
  ['ENOTFOUND', 'STORE_UNAVAILABLE', false],
  ['PARSE_ERROR', 'STORE_UNAVAILABLE', false],
  ['CERT_HAS_EXPIRED', 'STORE_REFUSED', true],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'STORE_REFUSED', true],
])('no answer because of %s means %s', (code, expected, permanent) => {
  expect(meaning(new RestError('no', { code }))).toMatchObject({ code: expected, permanent })
})

test('a right that is missing is named, each as its owner grants it', () => {
  const hints = (['read', 'write', 'list', 'delete', 'immutability'] as const).map(
    (right) => meaning(answered(403, 'AuthorizationPermissionMismatch'), right).hint,
  )
  expect(new Set(hints).size).toBe(5)
  expect(hints[1]).toContain('Storage Blob Data Contributor')
})

test('nobody who signed in is a refusal, a directory that is down is not', () => {
  const nobody = Object.assign(new Error('no'), { name: 'CredentialUnavailableError' })
  expect(meaning(nobody)).toMatchObject({ code: 'STORE_REFUSED', hint: expect.stringContaining('az login') })
  const down = Object.assign(new Error('no'), { name: 'AuthenticationError', statusCode: 503 })
  expect(meaning(down)).toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
})

test('what is not of the vendor stays what it is', () => {
  const bug = new TypeError('x is not a function')
  expect(() => meaning(bug)).toThrow(bug)
  const ours = new AppError('OBJECT_CORRUPT', 'bad')
  expect(meaning(ours)).toBe(ours)
})

test('no secret of the request is in what is shown', () => {
  const error = answered(403, 'AuthenticationFailed')
  const secret = { url: 'https://a.blob.core.windows.net/box?sig=SECRET', headers: { authorization: 'SECRET' } }
  const shown = meaning(Object.assign(error, { request: secret, response: secret }))
  expect(inspect(shown, { depth: 20 })).not.toContain('SECRET')
  expect(shown.cause).toBeInstanceOf(Error)
  expect(Object.keys(shown.cause ?? {})).toEqual([])
})

test('a HEAD tells its code in a header', () => {
  const error = Object.assign(answered(404), { details: { errorCode: 'BlobNotFound' } })
  expect(factsOf(error).code).toBe('BlobNotFound')
  expect(isAbsence(error)).toBe(true)
  expect(isAbsence(answered(404, 'ContainerNotFound'))).toBe(false)
  expect(isAbsence(answered(404))).toBe(false)
})

test('a condition that is not met has two faces', () => {
  expect([answered(409, 'BlobAlreadyExists'), answered(412, 'ConditionNotMet')].every(isConditionNotMet)).toBe(true)
  expect(isConditionNotMet(answered(409, 'SnapshotsPresent'))).toBe(false)
})
