import { setMaxListeners } from 'node:events'
import { AppError } from '../model/errors.ts'

/** The error of an operation whose signal was aborted; an AppError given as the reason is thrown as it is. */
export const interrupted = (signal: AbortSignal): AppError =>
  signal.reason instanceof AppError
    ? signal.reason
    : new AppError('INTERRUPTED', 'interrupted while working with the account', {
        permanent: false,
        cause: signal.reason,
      })

/** One signal serves every call and transfer of a run, and each listens to it: not the leak that Node suspects. */
export const expectManyListeners = (signal: AbortSignal): void => setMaxListeners(0, signal)

const CERTIFICATE_CODES = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed while sending',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'name server did not answer',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stalled',
  UND_ERR_SOCKET: 'connection closed early',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the body is not as long as announced',
  Z_DATA_ERROR: 'the answer is compressed in a broken way',
  Z_BUF_ERROR: 'the compressed answer ends early',
  UND_ERR_HEADERS_OVERFLOW: 'the answer has oversized headers',
}

export interface TransportFault {
  /** A few words without any part of the request in them. */
  readonly reason: string
  /** A certificate does not become valid by asking again. */
  readonly permanent: boolean
}

const codeOf = (error: unknown): string | null =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : null

/** The error of an AggregateError (one per address tried) or its cause that has a code. */
const rootOf = (error: unknown, depth = 0): unknown => {
  if (codeOf(error) !== null || depth > 4) return error
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0], depth + 1)
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause, depth + 1) : error
}

/** What went wrong below HTTP. The text is chosen here: messages of libraries may quote the request. */
export const transportFault = (error: unknown): TransportFault => {
  const code = codeOf(rootOf(error))
  if (code === null) return { reason: 'the connection failed', permanent: false }
  if (code.startsWith('HPE_')) return { reason: `the answer is not HTTP (${code})`, permanent: false }
  const permanent = CERTIFICATE_CODES.has(code)
  return { reason: permanent ? `certificate refused (${code})` : (REASONS[code] ?? code), permanent }
}
