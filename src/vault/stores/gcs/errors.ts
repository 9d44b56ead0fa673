import { z } from 'zod'
import type { ErrorCode } from '../../../model/errors.ts'
import { AppError } from '../../../model/errors.ts'

/** What a request was about, for messages. */
export interface Purpose {
  /** Completes "cannot …", as in `write objects/ab/…`. */
  readonly doing: string
  /** The permission of IAM that it needs, as in `storage.objects.create`. */
  readonly right: string
  /** `gs://bucket/prefix` */
  readonly place: string
  /** It carried bytes with a checksum, so a refusal may mean that they changed on the way. @default false */
  readonly isUpload?: boolean
}

interface Meaning {
  readonly code: ErrorCode
  readonly permanent: boolean
  readonly words: string
  readonly hint?: string
}

const AGAIN = { code: 'STORE_UNAVAILABLE', permanent: false } as const
const REFUSED = { code: 'STORE_REFUSED', permanent: true } as const

const SEALED: Meaning = {
  code: 'VAULT_SEALED',
  permanent: true,
  words: 'it is protected until its retention ends',
  hint: 'wait until then; nothing else was changed',
}
const TOO_FAST: Meaning = { ...AGAIN, words: 'Google asks to go slower' }
const BILLING: Meaning = {
  ...REFUSED,
  words: 'the account or the billing of the project is not in order',
  hint: 'look at the billing of the project in the Google Cloud console',
}
const KEY: Meaning = {
  ...REFUSED,
  words: 'the encryption key cannot be used',
  hint: "the key must exist, be enabled, lie in the bucket's location, and Cloud Storage's service agent needs roles/cloudkms.cryptoKeyEncrypterDecrypter on it",
}

/** Reasons as Google's page "HTTP status and error codes for JSON" lists them. */
const BY_REASON: Readonly<Record<string, Meaning>> = {
  retentionPolicyNotMet: SEALED,
  objectUnderActiveHold: { ...SEALED, words: 'it is under a hold', hint: 'whoever set the hold must release it first' },
  rateLimitExceeded: TOO_FAST,
  userRateLimitExceeded: TOO_FAST,
  quotaExceeded: {
    code: 'STORE_FULL',
    permanent: true,
    words: 'a quota of the project is used up',
    hint: 'raise the quota in the Google Cloud console and run again; what is finished is kept',
  },
  accountDisabled: BILLING,
  userProjectAccountProblem: BILLING,
  userProjectMissing: {
    ...REFUSED,
    words: 'the bucket wants the caller to pay',
    hint: 'name the project that pays with ?project=',
  },
  userProjectAccessDenied: {
    ...REFUSED,
    words: 'the project that is to pay does not allow it',
    hint: 'serviceusage.services.use is needed on the project named with ?project=',
  },
  orgPolicyConstraintFailed: { ...REFUSED, words: "a policy of the bucket's organization forbids it" },
  cloudKmsBadKey: KEY,
  cloudKmsDisabledKey: KEY,
  cloudKmsCannotChangeKeyName: KEY,
  cloudKmsDecryptionKeyNotFound: KEY,
  cloudKmsEncryptionKeyNotFound: KEY,
  cloudKmsKeyLocationNotAllowed: KEY,
}

const byStatus = (status: number, purpose: Purpose): Meaning => {
  if (status === 401)
    return {
      ...REFUSED,
      words: 'the credentials were refused',
      hint: 'run "gcloud auth application-default login" again, or check GOOGLE_APPLICATION_CREDENTIALS and the clock',
    }
  if (status === 403)
    return {
      ...REFUSED,
      words: 'permission denied',
      hint: `these credentials need ${purpose.right} on ${purpose.place}`,
    }
  if (status === 404) return { ...REFUSED, words: 'the bucket does not exist', hint: 'check the name of the bucket' }
  if (status === 400 && purpose.isUpload === true)
    return { ...AGAIN, words: 'the upload was not accepted, as when bytes changed on the way' }
  if (status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505))
    return { ...AGAIN, words: `the service answered ${status}` }
  if (status === 413) return { ...REFUSED, words: 'it is larger than Cloud Storage can hold' }
  if (status >= 300 && status < 400)
    return { ...REFUSED, words: `the service answered ${status}, which leads elsewhere` }
  return { ...REFUSED, words: `the service answered ${status}` }
}

const ErrorBody = z.object({
  error: z.object({
    message: z.string().optional(),
    errors: z.array(z.object({ reason: z.string().optional() })).optional(),
  }),
})

/** What an answer that is no success says of itself. Empty where it is not the JSON that Google's API answers. */
export const troubleOf = (json: unknown): { readonly reason: string; readonly message: string } => {
  const parsed = ErrorBody.safeParse(json)
  if (!parsed.success) return { reason: '', message: '' }
  return { reason: parsed.data.error.errors?.[0]?.reason ?? '', message: parsed.data.error.message ?? '' }
}

export interface Answer {
  readonly status: number
  /** What the service says; undefined unless it is JSON. */
  readonly json: unknown
}

/** The package's `ApiError`. What a download was refused with is its message, as it came. */
const ApiError = z.object({
  name: z.string(),
  code: z.number(),
  message: z.string(),
  errors: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).default([]),
})

/** Undefined unless the text is JSON. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The answer that the vendor's package made an error of; null for an error that is no answer. */
export const refusalOf = (error: unknown): Answer | null => {
  const parsed = ApiError.safeParse(error)
  if (!(error instanceof Error) || !parsed.success) return null
  const { code, message, errors } = parsed.data
  const [first] = errors
  const json = first === undefined ? jsonOf(message) : { error: { message: first.message ?? message, errors } }
  return { status: code, json }
}

/** What an answer that is no success means. */
export const answerError = (answer: Answer, purpose: Purpose): AppError => {
  const { reason, message } = troubleOf(answer.json)
  const { code, permanent, words, hint } = BY_REASON[reason] ?? byStatus(answer.status, purpose)
  return new AppError(code, `cannot ${purpose.doing} in ${purpose.place}: ${words}`, {
    permanent,
    ...(hint !== undefined && { hint }),
    cause: new Error(`HTTP ${answer.status}${reason === '' ? '' : ` ${reason}`}: ${message.slice(0, 400)}`),
  })
}

const CERTIFICATES = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** The code of a failed connection, also one that is the cause of another error or one of several; null for anything else. */
export const transportCode = (error: unknown, depth = 0): string | null => {
  if (!(error instanceof Error) || depth > 4) return null
  if ('code' in error && typeof error.code === 'string') return error.code
  // The package's FetchError of a request that took too long, or of an answer that is no JSON.
  if (error.name === 'FetchError' && 'type' in error && typeof error.type === 'string') return error.type
  if (error instanceof AggregateError) return transportCode(error.errors[0], depth + 1)
  return transportCode(error.cause, depth + 1)
}

/** What a failed connection means. Throws what is no failure of a connection as it is. */
export const faultError = (error: unknown, purpose: Purpose): AppError => {
  if (error instanceof AppError) return error
  const code = transportCode(error)
  if (code === null) throw error
  const isCertificate = CERTIFICATES.has(code)
  return new AppError(
    isCertificate ? 'STORE_REFUSED' : 'STORE_UNAVAILABLE',
    `cannot ${purpose.doing} in ${purpose.place}: ${isCertificate ? 'certificate refused' : 'the connection failed'} (${code})`,
    {
      permanent: isCertificate,
      cause: error,
      hint: isCertificate ? 'NODE_EXTRA_CA_CERTS names a file of further authorities' : 'check the network',
    },
  )
}

export const notFound = (key: string): AppError => new AppError('OBJECT_NOT_FOUND', `${key} is not in the vault`)
