import { AppError, isAppError } from '../../model/errors.ts'
import { unwrapFileKey } from './age/header.ts'
import type { Identity } from './age/x25519.ts'
import { parseIdentity, parseRecipient } from './age/x25519.ts'

/**
 * Small age files for people: several recipients, or a passphrase. Here typage does the work: these files are few, and
 * their headers have all the shapes that the bulk of a vault never has. It is loaded when it is needed.
 */

/** Shorter ones can be found by trying, by whoever can read the vault's place. */
const SHORTEST_PASSPHRASE = 12

/** Throws CONFIG_INVALID naming a recipient that is none. */
export const wrapForOwners = async (text: string, owners: readonly string[]): Promise<Uint8Array> => {
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const owner of owners) encrypter.addRecipient(parseRecipient(owner).text)
  return encrypter.encrypt(text)
}

/**
 * @param workFactor of scrypt, as a power of two. @default 18, a second or two
 * Throws CONFIG_INVALID when the passphrase is shorter than 12 characters.
 */
export const wrapForPassphrase = async (text: string, passphrase: string, workFactor = 18): Promise<Uint8Array> => {
  if ([...passphrase].length < SHORTEST_PASSPHRASE) {
    throw new AppError('CONFIG_INVALID', `a passphrase is shorter than ${SHORTEST_PASSPHRASE} characters`, {
      hint: 'take five or more random words',
    })
  }
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  encrypter.setScryptWorkFactor(workFactor)
  return encrypter.encrypt(text)
}

interface Stanza {
  readonly args: readonly string[]
  readonly body: Uint8Array
}

/**
 * Null when the file was not wrapped for any of these identities. Throws VAULT_INVALID when it was, and is damaged, since
 * "not yours" would send an owner looking for another key.
 */
export const unwrapWithIdentities = async (file: Uint8Array, identities: readonly string[]): Promise<string | null> => {
  const mine: readonly Identity[] = identities.map(parseIdentity)
  let isMine = false
  const unwrap = (stanzas: readonly Stanza[]): Uint8Array | null => {
    for (const { args, body } of stanzas) {
      const [kind, share = ''] = args
      if (kind !== 'X25519') continue
      for (const identity of mine) {
        const fileKey = unwrapFileKey(Buffer.from(share, 'base64'), body, identity)
        if (fileKey === null) continue
        isMine = true
        return fileKey
      }
    }
    return null
  }
  try {
    const { Decrypter } = await import('age-encryption')
    const decrypter = new Decrypter()
    decrypter.addIdentity({ unwrapFileKey: unwrap })
    return await decrypter.decrypt(file, 'text')
  } catch (cause) {
    if (!isMine || isAppError(cause)) return null
    throw new AppError('VAULT_INVALID', 'it is damaged', { cause })
  }
}

/** Null when the passphrase does not fit, or the file is damaged: from outside it looks the same. */
export const unwrapWithPassphrase = async (file: Uint8Array, passphrase: string): Promise<string | null> => {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase)
  try {
    return await decrypter.decrypt(file, 'text')
  } catch {
    return null
  }
}
