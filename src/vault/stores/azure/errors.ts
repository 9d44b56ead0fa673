import type { ErrorCode } from '../../../model/errors.ts'
import { AppError, isAppError } from '../../../model/errors.ts'

/** What a call needs; the names by which owners grant it. */
export type Right = 'read' | 'write' | 'list' | 'delete' | 'immutability' | 'container'

/** SAS letters from "Create a service SAS", roles from "Azure built-in roles for Storage" (learn.microsoft.com). */
const RIGHTS: Readonly<Record<Right, string>> = {
  read: 'to read blobs (SAS permission r, role Storage Blob Data Reader)',
  write: 'to create and write blobs (SAS permissions c and w, role Storage Blob Data Contributor)',
  list: 'to list blobs (SAS permission l, role Storage Blob Data Reader)',
  delete: 'to delete blobs (SAS permissions d and x, role Storage Blob Data Contributor)',
  immutability: 'to set immutability policies (SAS permission i, role Storage Blob Data Owner)',
  container:
    "to read the container's properties (role Storage Blob Data Reader, or an account SAS with resource type c)",
}

/** What a failed call says of itself, whatever it was thrown as. */
export interface Facts {
  /** Null when no answer came. */
  readonly status: number | null
  /** The service's own code, or the system's for a connection that failed. */
  readonly code: string | null
  readonly name: string
}

const property = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined

/** A HEAD has no body: its code is in a header only, which the SDK shows among the details. */
export const factsOf = (error: unknown): Facts => {
  const status = property(error, 'statusCode')
  const code = property(property(error, 'details'), 'errorCode') ?? property(error, 'code')
  const name = property(error, 'name')
  return {
    status: typeof status === 'number' ? status : null,
    code: typeof code === 'string' ? code : null,
    name: typeof name === 'string' ? name : '',
  }
}

export const isCode = (error: unknown, ...codes: readonly string[]): boolean => {
  const { code } = factsOf(error)
  return code !== null && codes.includes(code)
}

/** The blob is positively not there; a missing container is something else. */
export const isAbsence = (error: unknown): boolean => isCode(error, 'BlobNotFound')

/**
 * A condition (`If-None-Match`, `If-Match`) was not met. Put Blob with `If-None-Match: *` answers 409 BlobAlreadyExists,
 * most others 412 ("Specify conditional headers for Blob Storage operations").
 */
export const isConditionNotMet = (error: unknown): boolean =>
  isCode(error, 'BlobAlreadyExists', 'UnauthorizedBlobOverwrite') || factsOf(error).status === 412

/** Neither bytes nor metadata can be changed, because somebody protected them. */
export const isImmutable = (error: unknown): boolean =>
  isCode(
    error,
    'BlobImmutableDueToPolicy',
    'BlobImmutableDueToLegalHold',
    'ContainerHasLegalHold',
    'ContainerImmutabilityPolicyLocked',
  )

interface Meaning {
  readonly code: ErrorCode
  readonly permanent: boolean
  readonly words: string
  readonly hint?: string
}

const CHECK_CREDENTIALS = 'check the key, or whether the SAS token has expired, and the clock of this machine'

const refused = (words: string, hint?: string): Meaning => ({
  code: 'STORE_REFUSED',
  permanent: true,
  words,
  ...(hint !== undefined && { hint }),
})
const unavailable = (words: string, hint?: string): Meaning => ({
  ...refused(words, hint),
  code: 'STORE_UNAVAILABLE',
  permanent: false,
})
const sealed = (words: string): Meaning => ({
  code: 'VAULT_SEALED',
  permanent: true,
  words,
  hint: 'what is protected stays until the protection ends; `cloudkeep status` says when',
})

/** By the service's own codes: "Blob Storage error codes" and "Common REST API error codes" (learn.microsoft.com). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  AuthenticationFailed: refused('the account does not accept these credentials', CHECK_CREDENTIALS),
  InvalidAuthenticationInfo: refused('the credentials are not in a form that the account accepts', CHECK_CREDENTIALS),
  NoAuthenticationInformation: refused('the account wants credentials and got none', CHECK_CREDENTIALS),
  AuthorizationFailure: refused(
    'these credentials, or this network, have no access to the account',
    "check the network rules of the storage account and what the credentials' owner allowed",
  ),
  AuthorizationProtocolMismatch: refused('the SAS token is for https only', 'use an https endpoint'),
  AuthorizationSourceIPMismatch: refused('the SAS token does not allow this IP address'),
  AuthorizationServiceMismatch: refused('the SAS token is not for the blob service'),
  KeyBasedAuthenticationNotPermitted: refused(
    'the account does not let anybody in with its key',
    'sign in with Microsoft Entra ID: unset AZURE_STORAGE_KEY and use `az login` or a managed identity',
  ),
  AccountIsDisabled: refused('the storage account is disabled'),
  AccountBeingCreated: unavailable('the storage account is still being made'),
  ContainerNotFound: refused('the container does not exist', 'make the container, or check its name and the account'),
  ContainerBeingDeleted: refused('the container is being deleted'),
  ContainerDisabled: refused('the container was disabled by its administrator'),
  BlobArchived: refused(
    'it lies in the archive tier, from where reading takes hours',
    'rehydrate it to Hot, Cool or Cold first; nothing of a vault belongs in the archive tier',
  ),
  BlobBeingRehydrated: refused('it is still on its way out of the archive tier', 'wait; this takes up to 15 hours'),
  BlobImmutableDueToPolicy: sealed('it is protected by an immutability policy'),
  BlobImmutableDueToLegalHold: sealed('it is under a legal hold'),
  ContainerHasLegalHold: sealed('the container is under a legal hold'),
  ContainerImmutabilityPolicyLocked: sealed('the container has a locked immutability policy'),
  SnapshotsPresent: refused('somebody made snapshots of it, which keep it', 'delete these snapshots first'),
  LeaseIdMissing: refused('somebody holds a lease on it', 'break the lease'),
  LeaseIdMismatchWithBlobOperation: refused('somebody holds a lease on it', 'break the lease'),
  Md5Mismatch: unavailable('bytes were damaged on the way, and the service noticed'),
  // Azurite's word for it.
  InvalidOperation: unavailable('the service refused the bytes as they arrived'),
  // Whoever commits a blob throws away what others have staged for it.
  InvalidBlockList: unavailable('another writer finished the same key, and the parts staged here are gone'),
  InvalidBlobOrBlock: unavailable('parts of another writer are in the way'),
  // What is sent is always right, so it was damaged on its way.
  InvalidXmlDocument: unavailable('the service could not read what arrived'),
  InvalidXmlNodeValue: unavailable('the service could not read what arrived'),
  // The SDK's word for an answer that is cut or not XML.
  PARSE_ERROR: unavailable('the answer could not be read'),
  OperationTimedOut: unavailable('the service took too long'),
  ServerBusy: unavailable('the service is busy'),
  InternalError: unavailable('the service has trouble'),
  BlobAlreadyExists: unavailable('it was written by somebody else meanwhile'),
  BlobOverwritten: unavailable('it was written by somebody else meanwhile'),
  PendingCopyOperation: unavailable('another copy to it is under way'),
}

/** A certificate that is not believed today will not be believed in a minute. */
const isCertificate = (code: string): boolean => /CERT|^ERR_TLS_|SIGNATURE|^ERR_SSL_/u.test(code)

/** `@azure/identity`: nobody signed in, or the directory said no. */
const isIdentity = (name: string): boolean =>
  /^(CredentialUnavailable|AggregateAuthentication|Authentication|AuthenticationRequired)(Error)?$/u.test(name)

const SIGN_IN =
  'set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or sign in with `az login`'

const byStatus = (status: number, code: string | null, right: Right): Meaning => {
  const answer = `the service answered ${status}${code === null ? '' : ` ${code}`}`
  if (status === 507) return { code: 'STORE_FULL', permanent: true, words: 'the storage account is full' }
  if (status === 401 || status === 403)
    return refused(`these credentials lack a right (${answer})`, `needed: the right ${RIGHTS[right]}`)
  if (status === 408 || status === 412 || status === 429 || status >= 500) return unavailable(answer)
  return refused(answer)
}

const byName = ({ code, name, status }: Facts): Meaning => {
  if (isIdentity(name) && (status === null || status < 500))
    return refused('no credentials were found, or the directory does not accept them', SIGN_IN)
  if (code !== null && isCertificate(code))
    return refused(`the certificate of the service is not to be trusted (${code})`)
  if (code === 'ENOTFOUND')
    return unavailable('the name of the service is not known', 'check the account and the endpoint')
  return unavailable(`the connection failed${code === null ? '' : ` (${code})`}`)
}

const meaningOf = (facts: Facts, right: Right): Meaning => {
  const known = facts.code === null ? undefined : MEANINGS[facts.code]
  if (known !== undefined) return known
  return facts.status === null || isIdentity(facts.name) ? byName(facts) : byStatus(facts.status, facts.code, right)
}

/**
 * The vendor's error without its request: that one has signatures and SAS tokens in it, and a cause may be shown.
 */
const causeOf = (error: unknown, { code, status, name }: Facts): Error => {
  const [line = ''] = error instanceof Error ? error.message.split('\n') : []
  const cause = new Error(
    [name, status, code, line.slice(0, 300)].filter((part) => part !== null && part !== '').join(' '),
  )
  if (error instanceof Error && error.stack !== undefined) cause.stack = `${cause.message}\n${framesOf(error.stack)}`
  return cause
}
const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /u.test(line))
    .join('\n')

/** Everything that the SDK throws when an exchange fails; anything else is a bug and stays what it is. */
const isFailedExchange = (error: unknown, { name, status }: Facts): boolean =>
  status !== null || name === 'RestError' || name === 'AbortError' || error instanceof RangeError || isIdentity(name)

/**
 * What a failed call means: the one place that decides code and `permanent`.
 *
 * @param doing begins the sentence: `writing objects/ab/…`
 */
export const azureError = (error: unknown, doing: string, where: { place: string; right: Right }): AppError => {
  if (isAppError(error)) return error
  const facts = factsOf(error)
  if (!isFailedExchange(error, facts)) throw error
  const { code, permanent, words, hint } = meaningOf(facts, where.right)
  return new AppError(code, `${doing} in ${where.place} failed: ${words}`, {
    permanent,
    cause: causeOf(error, facts),
    ...(hint !== undefined && { hint }),
  })
}

/** A body that ended too early, or a connection that broke while it was read: the SDK throws plain errors there. */
export const brokenBody = (error: unknown, doing: string, place: string): AppError => {
  if (isAppError(error)) return error
  return new AppError('STORE_UNAVAILABLE', `${doing} in ${place} failed: the connection broke`, {
    permanent: false,
    cause: causeOf(error, factsOf(error)),
  })
}
