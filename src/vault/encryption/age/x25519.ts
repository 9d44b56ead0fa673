import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { AppError } from '../../../model/errors.ts'
import { decodeBech32, encodeBech32 } from './bech32.ts'

/** The public half of a key pair, by which files are encrypted. */
export interface Recipient {
  /** `age1…` */
  readonly text: string
  readonly raw: Buffer
  readonly key: KeyObject
}

/** The secret half, with the public one. */
export interface Identity {
  readonly secret: KeyObject
  readonly recipient: Recipient
}

const RECIPIENT = 'age'
const IDENTITY = 'age-secret-key-'
/** The fixed beginnings of X25519 keys in DER (RFC 8410): what follows is the key itself. */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const KEY_SIZE = 32

export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })

export const rawOf = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length, SPKI.length + KEY_SIZE)

const recipientFrom = (raw: Buffer): Recipient => ({
  text: encodeBech32(RECIPIENT, raw),
  raw,
  key: publicKeyOf(raw),
})

/** Null when the text is no `age1…` of this kind. Other kinds (plugins, post-quantum, SSH) are not of this kind. */
export const findRecipient = (text: string): Recipient | null => {
  const raw = decodeBech32(RECIPIENT, text)
  return raw?.length === KEY_SIZE && text === text.toLowerCase() ? recipientFrom(raw) : null
}

/** Throws CONFIG_INVALID naming the text: recipients are public. */
export const parseRecipient = (text: string): Recipient => {
  const found = findRecipient(text)
  if (found !== null) return found
  throw new AppError('CONFIG_INVALID', `${JSON.stringify(text)} is not the recipient of an age key`, {
    hint: 'a recipient is age1 and 58 more characters; age-keygen prints it as "Public key"',
  })
}

/** Null when the text is no `AGE-SECRET-KEY-1…`. */
export const findIdentity = (text: string): Identity | null => {
  const raw = decodeBech32(IDENTITY, text)
  if (raw?.length !== KEY_SIZE || text !== text.toUpperCase()) return null
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' })
  return { secret, recipient: recipientFrom(rawOf(createPublicKey(secret))) }
}

/** Throws CONFIG_INVALID without the text: identities are secret. */
export const parseIdentity = (text: string): Identity => {
  const found = findIdentity(text)
  if (found !== null) return found
  throw new AppError('CONFIG_INVALID', 'what was given is not an age identity', {
    hint: 'an identity is AGE-SECRET-KEY-1 and 58 more characters, in a file as age-keygen writes it',
  })
}

/** A new secret, `AGE-SECRET-KEY-1…`, as `age-keygen` makes them. */
export const generateIdentity = (): string => {
  const der = generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' })
  return encodeBech32(IDENTITY, der.subarray(PKCS8.length)).toUpperCase()
}

/** `age1…` of an identity. Throws CONFIG_INVALID when it is none. */
export const recipientOf = (identity: string): string => parseIdentity(identity).recipient.text
