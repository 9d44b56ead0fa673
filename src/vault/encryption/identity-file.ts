import { AppError } from '../../model/errors.ts'
import { findIdentity, recipientOf } from './age/x25519.ts'

const unusable = (what: string, hint: string): AppError =>
  new AppError('CONFIG_INVALID', `the identity file cannot be used: ${what}`, { hint })

const PLAIN_HINT = 'an identity file is text with lines AGE-SECRET-KEY-1…, as age-keygen writes it'

/**
 * The identities of a file as `age-keygen` writes it: one a line, `#` begins a comment. Throws CONFIG_INVALID naming the
 * line, never what stands there.
 */
export const parseIdentities = (text: string): readonly string[] => {
  if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE'))
    throw unusable('it is encrypted itself', 'decrypt it first: age -d key.age > key.txt')
  const identities: string[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    if (findIdentity(trimmed) === null) throw unusable(`line ${index + 1} is not an identity of this kind`, PLAIN_HINT)
    identities.push(trimmed)
  }
  if (identities.length === 0) throw unusable('no identity is in it', PLAIN_HINT)
  return identities
}

/** What a key file of a vault holds once it is decrypted. Secret. */
export interface VaultKey {
  readonly vaultId: string
  readonly nameKey: string
  /** Newest first; the first one is that of the file's own generation. */
  readonly pairs: readonly KeyPair[]
}

export interface KeyPair {
  readonly generation: number
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string
}

/** An identity file for `age -i`, with what else is needed in comments. */
export const encodeVaultKey = ({ vaultId, nameKey, pairs }: VaultKey): string =>
  [
    '# Key of a Cloudkeep vault. Whoever has it can read everything in the vault.',
    `# vault: ${vaultId}`,
    `# name-key: ${nameKey}`,
    ...pairs.flatMap(({ generation, identity }) => [
      `# generation: ${generation}`,
      `# public key: ${recipientOf(identity)}`,
      identity,
    ]),
    '',
  ].join('\n')

const damaged = (what: string): AppError => new AppError('VAULT_INVALID', `it is no key of a vault: ${what}`)

/** Throws VAULT_INVALID without anything secret. */
export const decodeVaultKey = (text: string): VaultKey => {
  const pairs: KeyPair[] = []
  let generation = 0
  for (const line of text.split('\n')) {
    const stated = /^# generation: ([1-9]\d{0,8})$/.exec(line)?.[1]
    if (stated !== undefined) {
      if (generation !== 0) break
      generation = Number(stated)
    }
    if (line === '' || line.startsWith('#')) continue
    if (generation === 0 || findIdentity(line) === null) throw damaged('an identity in it cannot be read')
    pairs.push({ generation, identity: line })
    generation = 0
  }
  if (generation !== 0) throw damaged('a generation in it has no identity')
  const vaultId = /^# vault: ([A-Za-z0-9_-]{1,64})$/m.exec(text)?.[1]
  const nameKey = /^# name-key: ([0-9a-f]{64})$/m.exec(text)?.[1]
  if (vaultId === undefined) throw damaged('it does not say of which vault')
  if (nameKey === undefined) throw damaged('it has no name key')
  if (pairs.length === 0) throw damaged('it has no identity')
  return { vaultId, nameKey, pairs }
}
