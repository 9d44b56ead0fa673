import { type SignatureAlgorithm, signRequest } from '../signature.ts'
import type { UploadParams } from './multipart.ts'

export interface Credentials {
  readonly apiKey: string
  readonly apiSecret: string
  /** `Basic …` */
  readonly authorization: string
  /** The service's clock, in milliseconds: signatures expire by it. */
  readonly serverNow: () => number
}

/**
 * How Upload API requests say who they are. Basic comes first, as for the Admin API: it needs no clock, and no agreement
 * about how the odd values of people's labels are written before they are signed. An account that refuses it is
 * offered what the SDKs send, a signature by SHA-1, and then one by SHA-256, which accounts may insist on.
 */
export const WAYS = ['basic', 'sha1', 'sha256'] as const
export type Way = (typeof WAYS)[number]

export interface Authorized {
  readonly headers: Readonly<Record<string, string>>
  readonly params: UploadParams
}

const given = (params: UploadParams): Record<string, string | readonly string[]> => {
  const out: Record<string, string | readonly string[]> = {}
  for (const [name, value] of Object.entries(params)) if (value !== undefined) out[name] = value
  return out
}

const signed = (params: UploadParams, credentials: Credentials, algorithm: SignatureAlgorithm): UploadParams => {
  const all = { ...given(params), timestamp: String(Math.floor(credentials.serverNow() / 1000)) }
  return { ...all, signature: signRequest(all, credentials.apiSecret, algorithm), api_key: credentials.apiKey }
}

export const authorize = (params: UploadParams, credentials: Credentials, way: Way): Authorized =>
  way === 'basic'
    ? { headers: { authorization: credentials.authorization }, params }
    : { headers: {}, params: signed(params, credentials, way) }
