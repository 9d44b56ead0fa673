import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { AppError } from '../../model/errors.ts'
import { isDigest } from '../../model/shape.ts'

/**
 * What objects are called in an encrypted vault. A SHA-256 in the open would tell anybody who has a file whether the
 * vault holds it too. So a digest becomes 48 bytes, the initialization vector and what it encrypts:
 *
 *     k1 = HKDF-SHA-256(name key, no salt, "cloudkeep names 1 vector")
 *     k2 = HKDF-SHA-256(name key, no salt, "cloudkeep names 1 cipher")
 *     iv = the first 16 bytes of HMAC-SHA-256(k1, digest)
 *     name = hex(iv || AES-256-CTR(k2, iv, digest))
 *
 * This is the construction of SIV (Rogaway and Shrimpton, "Deterministic Authenticated-Encryption"): equal digests have
 * equal names, nothing else shows, and whoever holds the name key can turn a name back and sees whether it was forged.
 */
export interface Names {
  /** 96 lower-case hex digits. */
  encode(digest: string): string
  /** Null when nobody with this key gave the name. */
  decode(name: string): string | null
}

const VECTOR_SIZE = 16
const KEY_SIZE = 32
const CIPHER = 'aes-256-ctr'
const NAME = /^[0-9a-f]{96}$/
const NAME_KEY = /^[0-9a-f]{64}$/

/** @param nameKey 64 lower-case hex digits; CONFIG_INVALID, without printing it, for anything else */
export const createNames = (nameKey: string): Names => {
  if (!NAME_KEY.test(nameKey)) throw new AppError('CONFIG_INVALID', 'the name key is not 64 hex digits')
  const derive = (info: string): Buffer =>
    Buffer.from(hkdfSync('sha256', Buffer.from(nameKey, 'hex'), Buffer.alloc(0), info, KEY_SIZE))
  const vectorKey = derive('cloudkeep names 1 vector')
  const cipherKey = derive('cloudkeep names 1 cipher')
  const vectorOf = (digest: Uint8Array): Buffer =>
    createHmac('sha256', vectorKey).update(digest).digest().subarray(0, VECTOR_SIZE)
  return {
    encode: (digest) => {
      if (!isDigest(digest)) throw new RangeError('only digests have names')
      const bytes = Buffer.from(digest, 'hex')
      const vector = vectorOf(bytes)
      return vector.toString('hex') + createCipheriv(CIPHER, cipherKey, vector).update(bytes).toString('hex')
    },
    decode: (name) => {
      if (!NAME.test(name)) return null
      const bytes = Buffer.from(name, 'hex')
      const vector = bytes.subarray(0, VECTOR_SIZE)
      const digest = createDecipheriv(CIPHER, cipherKey, vector).update(bytes.subarray(VECTOR_SIZE))
      return vectorOf(digest).equals(vector) ? digest.toString('hex') : null
    },
  }
}
