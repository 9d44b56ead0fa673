import { createHash } from 'node:crypto'

export type SignatureAlgorithm = 'sha1' | 'sha256'

/**
 * The string that is signed: parameters without empty values, sorted by name, arrays joined by commas. Since version
 * 2 of the scheme a `&` inside a value is escaped, so that a value cannot pass for a parameter.
 */
export const stringToSign = (params: Readonly<Record<string, string | number | readonly string[]>>): string =>
  Object.entries(params)
    .map(([name, value]): [string, string] => [name, Array.isArray(value) ? value.join(',') : String(value)])
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`.replaceAll('&', '%26'))
    .join('&')

/** The `signature` parameter of an Upload API request: hex digest of the string to sign followed by the secret. */
export const signRequest = (
  params: Readonly<Record<string, string | number | readonly string[]>>,
  secret: string,
  algorithm: SignatureAlgorithm = 'sha1',
): string =>
  createHash(algorithm)
    .update(stringToSign(params) + secret, 'utf8')
    .digest('hex')

export interface DeliverySignature {
  readonly algorithm: SignatureAlgorithm
  /** 8 characters, or 32 for accounts with long signatures. */
  readonly length: number
}

/**
 * The `s--…--` segment over `[transformation/]source`, exactly as both stand in the URL. Neither version nor delivery
 * type are signed, so the segment of an asset does not change with them.
 */
export const signDelivery = (
  signed: string,
  secret: string,
  { algorithm, length }: DeliverySignature = { algorithm: 'sha1', length: 8 },
): string => {
  const digest = createHash(algorithm)
    .update(signed + secret, 'utf8')
    .digest('base64')
  return `s--${digest.slice(0, length).replaceAll('/', '_').replaceAll('+', '-')}--`
}
