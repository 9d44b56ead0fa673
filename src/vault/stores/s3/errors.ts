import { AppError, type ErrorCode } from '../../../model/errors.ts'

/** What a failed request was about, for the sentence that people read. */
export interface Doing {
  /** `read objects/ab/…`, as in "cannot …". */
  readonly what: string
  /** The right that it needs: `s3:GetObject`. */
  readonly right: string
  /** `s3://bucket/prefix` */
  readonly place: string
}

/** What the vendor's package or the network said, without its text. */
export interface VendorFailure {
  /** S3's error code (`NoSuchKey`), or one made from the status where an answer has no body; empty without an answer. */
  readonly code: string
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** Node's code (`ECONNRESET`), or that of the vendor's package (`TimeoutError`); empty when there was an answer. */
  readonly network: string
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const statusOf = (error: Record<string, unknown>): number => {
  const { $metadata: metadata, $response: response } = error
  const said = isRecord(metadata) ? metadata['httpStatusCode'] : undefined
  const seen = isRecord(response) ? response['statusCode'] : undefined
  return typeof said === 'number' ? said : typeof seen === 'number' ? seen : 0
}

/** Answers to HEAD have no body, so the package has no code for them. */
const CODES: Readonly<Record<number, string>> = {
  301: 'PermanentRedirect',
  403: 'AccessDenied',
  404: 'NotFound',
  409: 'OperationAborted',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
  507: 'InsufficientStorage',
}
const NAMELESS = new Set(['', 'NotFound', 'Unknown', 'UnknownError'])
/** An answer that could not be read: a proxy's page, or half of one. What its status alone would say is not believed. */
const BROKEN = 'BrokenAnswer'
const UNREADABLE = new Set(['Error', 'SyntaxError', 'TypeError'])

const CREDENTIALS = new Set(['CredentialsProviderError', 'ProviderError', 'TokenProviderError'])
const NETWORK = /^(E[A-Z_]+|UND_ERR_\w+|HPE_\w+)$/u
const TLS = /^(ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|UNABLE_TO_\w+|SELF_SIGNED_\w+|DEPTH_ZERO_\w+)$/u

/** Null for what neither the vendor nor the network said: a bug, or the failure of somebody else's stream. */
export const failureOf = (error: unknown): VendorFailure | null => {
  if (!isRecord(error)) return null
  const [name, code, status] = [textOf(error['name']), textOf(error['code']), statusOf(error)]
  // Also while an answer was read, of which the status had come.
  if (TLS.test(code)) return { code: '', status: 0, network: code }
  if (NETWORK.test(code) || name === 'TimeoutError') return { code: '', status: 0, network: code || name }
  if (status !== 0 && UNREADABLE.has(name)) return { code: BROKEN, status, network: '' }
  if (status !== 0) return { code: NAMELESS.has(name) ? (CODES[status] ?? '') : name, status, network: '' }
  if (CREDENTIALS.has(name)) return { code: 'CredentialsProviderError', status: 0, network: '' }
  return null
}

interface Meaning {
  readonly code: ErrorCode
  readonly says: string
  readonly hint?: string
}

const NO_SUCH_KEYS = 'the credentials are not known there'
const MEANINGS: Readonly<Record<string, Meaning>> = {
  InvalidAccessKeyId: { code: 'STORE_REFUSED', says: NO_SUCH_KEYS, hint: 'check AWS_ACCESS_KEY_ID or the profile' },
  SignatureDoesNotMatch: {
    code: 'STORE_REFUSED',
    says: 'the secret key does not belong to the access key',
    hint: 'check AWS_SECRET_ACCESS_KEY or the profile',
  },
  InvalidToken: { code: 'STORE_REFUSED', says: NO_SUCH_KEYS, hint: 'check AWS_SESSION_TOKEN' },
  ExpiredToken: { code: 'STORE_REFUSED', says: 'the credentials have expired', hint: 'get new ones and run it again' },
  CredentialsProviderError: {
    code: 'STORE_REFUSED',
    says: 'there are no credentials',
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role',
  },
  NoSuchBucket: { code: 'STORE_REFUSED', says: 'the bucket does not exist', hint: 'make it, or correct its name' },
  RequestTimeTooSkewed: {
    code: 'STORE_REFUSED',
    says: 'the clock of this machine is wrong',
    hint: 'set the clock (NTP): requests are valid for 15 minutes',
  },
  QuotaExceeded: { code: 'STORE_FULL', says: 'the quota is used up' },
  InsufficientStorage: { code: 'STORE_FULL', says: 'no room is left' },
  EntityTooLarge: { code: 'STORE_FULL', says: 'the service takes no body as large as this' },
}

const REGION = 'the bucket is in another region'
const REGION_HINT = 'give the region of the bucket: ?region=… in the URL, or AWS_REGION'
const REGION_CODES = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/** What passes: trouble and haste of the service, and a body that was damaged on its way. */
const PASSING = new Set([
  BROKEN,
  'BadDigest',
  'ConditionalRequestConflict',
  'ConcurrentModification',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
])

const meaningOf = ({ code, status }: VendorFailure, doing: Doing): Meaning => {
  const known = MEANINGS[code]
  if (known !== undefined) return known
  if (REGION_CODES.has(code)) return { code: 'STORE_REFUSED', says: REGION, hint: REGION_HINT }
  const says = `the service answered ${code === '' ? status : `${code} (${status})`}`
  if (PASSING.has(code) || status >= 500 || status === 408 || status === 429) return { code: 'STORE_UNAVAILABLE', says }
  if (status === 401 || status === 403)
    return {
      code: 'STORE_REFUSED',
      says: 'these credentials may not',
      hint: `allow them ${doing.right} in ${doing.place}`,
    }
  return { code: 'STORE_REFUSED', says }
}

const networkMeaning = (network: string): Meaning =>
  TLS.test(network)
    ? { code: 'STORE_REFUSED', says: `the certificate of the service is not accepted (${network})` }
    : { code: 'STORE_UNAVAILABLE', says: `no connection (${network})` }

/**
 * The error in our words: STORE_REFUSED and STORE_FULL, permanent, or STORE_UNAVAILABLE, which may pass. What is not the
 * vendor's comes back as it is.
 */
export const s3Error = (error: unknown, doing: Doing): unknown => {
  const failure = failureOf(error)
  if (failure === null) return error
  const meaning = failure.network === '' ? meaningOf(failure, doing) : networkMeaning(failure.network)
  return new AppError(meaning.code, `cannot ${doing.what} in ${doing.place}: ${meaning.says}`, {
    cause: error,
    permanent: meaning.code !== 'STORE_UNAVAILABLE',
    ...(meaning.hint !== undefined && { hint: meaning.hint }),
  })
}
