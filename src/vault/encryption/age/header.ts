import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import type { Identity, Recipient } from './x25519.ts'
import { publicKeyOf, rawOf } from './x25519.ts'

/**
 * How an age file begins (C2SP age.md, "age file format"): a text that wraps the file key for its recipients, then the
 * nonce of the payload. Files of a vault have exactly one X25519 recipient, so that this beginning has one length.
 *
 *     age-encryption.org/v1
 *     -> X25519 <ephemeral share>
 *     <wrapped file key>
 *     --- <MAC>
 */
const HEADER_SIZE = 168
const NONCE_SIZE = 16
/** Header and nonce together, in bytes. */
export const PREFIX_SIZE = HEADER_SIZE + NONCE_SIZE

const FILE_KEY_SIZE = 16
const TAG_SIZE = 16
const KEY_SIZE = 32
/** Wrapping uses each key once, so the nonce may stand still. */
const ZERO_NONCE = Buffer.alloc(12)
const CIPHER = 'chacha20-poly1305'
const HEADER =
  /^age-encryption\.org\/v1\n-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n$/

/** What one file is encrypted with: how it begins, and the key of its payload. */
export interface Sealing {
  readonly prefix: Buffer
  readonly payloadKey: Buffer
}

const derive = (secret: Uint8Array, salt: Uint8Array, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, KEY_SIZE))

/** age writes Base64 without `=`. */
const encode64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')

/** Null for a text that is not how these bytes are written: bits that nobody reads must not be free to change. */
const decode64 = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64')
  return encode64(bytes) === text ? bytes : null
}

const wrappingKey = (mine: KeyObject, theirs: KeyObject, share: Buffer, recipient: Buffer): Buffer => {
  const shared = diffieHellman({ privateKey: mine, publicKey: theirs })
  return derive(shared, Buffer.concat([share, recipient]), 'age-encryption.org/v1/X25519')
}

const macOf = (fileKey: Uint8Array, headerUpToDashes: string): Buffer =>
  createHmac('sha256', derive(fileKey, Buffer.alloc(0), 'header'))
    .update(headerUpToDashes)
    .digest()

/** A fresh file key, wrapped for the recipient. Never use one for two bodies. */
export const sealFor = (recipient: Recipient): Sealing => {
  const fileKey = randomBytes(FILE_KEY_SIZE)
  const nonce = randomBytes(NONCE_SIZE)
  const ephemeral = generateKeyPairSync('x25519')
  const share = rawOf(ephemeral.publicKey)
  const key = wrappingKey(ephemeral.privateKey, recipient.key, share, recipient.raw)
  const cipher = createCipheriv(CIPHER, key, ZERO_NONCE, { authTagLength: TAG_SIZE })
  const wrapped = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  const text = `age-encryption.org/v1\n-> X25519 ${encode64(share)}\n${encode64(wrapped)}\n---`
  const header = `${text} ${encode64(macOf(fileKey, text))}\n`
  return {
    prefix: Buffer.concat([Buffer.from(header, 'latin1'), nonce]),
    payloadKey: derive(fileKey, nonce, 'payload'),
  }
}

/** Takes a file key out of the body of an X25519 stanza. Null when it was not wrapped for this identity. */
export const unwrapFileKey = (share: Uint8Array, wrapped: Uint8Array, identity: Identity): Buffer | null => {
  if (share.length !== KEY_SIZE || wrapped.length !== FILE_KEY_SIZE + TAG_SIZE) return null
  try {
    const key = wrappingKey(identity.secret, publicKeyOf(share), Buffer.from(share), identity.recipient.raw)
    const decipher = createDecipheriv(CIPHER, key, ZERO_NONCE, { authTagLength: TAG_SIZE })
    decipher.setAuthTag(wrapped.subarray(FILE_KEY_SIZE))
    return Buffer.concat([decipher.update(wrapped.subarray(0, FILE_KEY_SIZE)), decipher.final()])
  } catch {
    // A wrong tag, or a share of low order, with which no secret can be agreed upon.
    return null
  }
}

/** What the beginning of a file says to somebody who has these identities. */
export type Opened =
  | { readonly kind: 'open'; readonly payloadKey: Buffer; readonly identity: Identity }
  /** Not a header as vaults have it, or one that was changed. */
  | { readonly kind: 'foreign' }
  /** A header that none of the identities fits; or one that was changed so that none does. */
  | { readonly kind: 'locked' }

/** @param prefix the first `PREFIX_SIZE` bytes of a file */
export const openPrefix = (prefix: Uint8Array, identities: readonly Identity[]): Opened => {
  const header = Buffer.from(prefix.subarray(0, HEADER_SIZE)).toString('latin1')
  const [share, wrapped, mac] = (HEADER.exec(header) ?? []).slice(1).map(decode64)
  if (prefix.length !== PREFIX_SIZE || !share || !wrapped || !mac) return { kind: 'foreign' }
  for (const identity of identities) {
    const fileKey = unwrapFileKey(share, wrapped, identity)
    if (fileKey === null) continue
    const text = header.slice(0, header.lastIndexOf('---') + 3)
    if (!timingSafeEqual(macOf(fileKey, text), mac)) return { kind: 'foreign' }
    return { kind: 'open', payloadKey: derive(fileKey, prefix.subarray(HEADER_SIZE), 'payload'), identity }
  }
  return { kind: 'locked' }
}
