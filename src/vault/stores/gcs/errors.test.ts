import { describe, expect, test } from 'vitest'
import { AppError } from '../../../model/errors.ts'
import { answerError, faultError } from './errors.ts'

const PURPOSE = { doing: 'write objects/ab/ab12', right: 'storage.objects.create', place: 'gs://vaults/a' }
const said = (reason: string) => ({ error: { code: 0, message: 'words', errors: [{ reason, domain: 'global' }] } })
const meaning = (status: number, reason = '', isUpload = false) => {
  const { code, permanent } = answerError({ status, json: said(reason) }, { ...PURPOSE, isUpload })
  return [code, permanent]
}

describe('an answer', () => {
  test.each([
    [401, 'required', 'STORE_REFUSED'],
    [403, 'forbidden', 'STORE_REFUSED'],
    [403, 'insufficientPermissions', 'STORE_REFUSED'],
    [403, 'accountDisabled', 'STORE_REFUSED'],
    [403, 'retentionPolicyNotMet', 'VAULT_SEALED'],
    [403, 'objectUnderActiveHold', 'VAULT_SEALED'],
    [403, 'quotaExceeded', 'STORE_FULL'],
    [400, 'userProjectMissing', 'STORE_REFUSED'],
    [400, 'cloudKmsKeyLocationNotAllowed', 'STORE_REFUSED'],
    [400, 'invalid', 'STORE_REFUSED'],
    [404, 'notFound', 'STORE_REFUSED'],
    [412, 'orgPolicyConstraintFailed', 'STORE_REFUSED'],
    [413, 'uploadTooLarge', 'STORE_REFUSED'],
    [301, '', 'STORE_REFUSED'],
    [501, '', 'STORE_REFUSED'],
  ])('%s %s will not change by asking again: %s', (status, reason, code) => {
    expect(meaning(status, reason)).toEqual([code, true])
  })
  test.each([
    [403, 'rateLimitExceeded'],
    [403, 'userRateLimitExceeded'],
    [408, 'uploadBrokenConnection'],
    [429, 'rateLimitExceeded'],
    [500, 'backendError'],
    [502, ''],
    [503, 'backendError'],
    [504, 'gatewayTimeout'],
  ])('%s %s may pass', (status, reason) => {
    expect(meaning(status, reason)).toEqual(['STORE_UNAVAILABLE', false])
  })
  test('that refuses the bytes of an upload may pass: they may have changed on the way', () => {
    expect(meaning(400, 'invalid', true)).toEqual(['STORE_UNAVAILABLE', false])
  })
  test('that refuses the key of an upload does not', () => {
    expect(meaning(400, 'cloudKmsDisabledKey', true)).toEqual(['STORE_REFUSED', true])
  })
  test('says what was wanted, where, and which right is missing', () => {
    const error = answerError({ status: 403, json: said('forbidden') }, PURPOSE)
    expect(error.message).toBe('cannot write objects/ab/ab12 in gs://vaults/a: permission denied')
    expect(error.hint).toContain('storage.objects.create')
  })
  test('that is not JSON is judged by its status', () => {
    expect(answerError({ status: 503, json: undefined }, PURPOSE).permanent).toBe(false)
    expect(answerError({ status: 403, json: 'nonsense' }, PURPOSE).code).toBe('STORE_REFUSED')
  })
})

describe('a connection', () => {
  const failed = (code: string): Error => Object.assign(new Error('words'), { code })
  test.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT'])(
    'that fails with %s may come back',
    (code) => {
      expect(faultError(failed(code), PURPOSE)).toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
      const wrapped = new Error('outer', { cause: new AggregateError([failed(code)]) })
      expect(faultError(wrapped, PURPOSE)).toMatchObject({ code: 'STORE_UNAVAILABLE', permanent: false })
    },
  )
  test('whose certificate is bad does not become good', () => {
    expect(faultError(failed('CERT_HAS_EXPIRED'), PURPOSE)).toMatchObject({ code: 'STORE_REFUSED', permanent: true })
  })
  test('is not blamed for anything else', () => {
    expect(() => faultError(new TypeError('a bug'), PURPOSE)).toThrow('a bug')
    const known = new AppError('OBJECT_CORRUPT', 'x')
    expect(faultError(known, PURPOSE)).toBe(known)
  })
})
