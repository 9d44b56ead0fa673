import { randomBytes } from 'node:crypto'
import { AppError } from '../../model/errors.ts'
import type { Store } from '../store.ts'
import { generateIdentity, parseRecipient, recipientOf } from './age/x25519.ts'
import type { Encryption } from './encryption.ts'
import type { KeyPair } from './identity-file.ts'
import { encodeVaultKey } from './identity-file.ts'
import { wrapForOwners, wrapForPassphrase } from './wrapping.ts'
import type { WriterKey } from './writer-key.ts'

/** Who shall be able to open a vault: at least one of them. */
export interface Owners {
  /** Recipients, `age1…` */
  readonly owners: readonly string[]
  /** Each of 12 characters or more. */
  readonly passphrases: readonly string[]
  /** Of scrypt, as a power of two; for tests. @default 18 */
  readonly workFactor?: number
}

/** A file of `keys/`, to be written as it is. */
export interface KeyFile {
  readonly key: string
  readonly bytes: Uint8Array
}

export interface NewKeys {
  /** To be durable before anything is encrypted. */
  readonly files: readonly KeyFile[]
  /** For `cloudkeep.json`. */
  readonly encryption: Encryption
  /** For the machines that back up; secret. */
  readonly writer: WriterKey
}

export const KEYS_FOLDER = 'keys/'

/** `keys/<generation>.age`, or `keys/<generation>-passphrase-<n>.age` with n from 1 on. */
const keyFileKey = (generation: number, passphrase: number | null): string =>
  `${KEYS_FOLDER}${generation}${passphrase === null ? '' : `-passphrase-${passphrase}`}.age`

/** Null for a key that is not in `keys/`, or no name of a key file. */
export const parseKeyFileKey = (key: string): { generation: number; passphrase: number | null } | null => {
  const [, generation, passphrase] = /^keys\/([1-9]\d{0,8})(?:-passphrase-([1-9]\d{0,8}))?\.age$/.exec(key) ?? []
  if (generation === undefined) return null
  return { generation: Number(generation), passphrase: passphrase === undefined ? null : Number(passphrase) }
}

/** The first generation that no key file in the place has yet. */
export const freeGeneration = async (store: Store, signal?: AbortSignal): Promise<number> => {
  let highest = 0
  for await (const { key } of store.list(KEYS_FOLDER, signal))
    highest = Math.max(highest, parseKeyFileKey(key)?.generation ?? 0)
  return highest + 1
}

/** @internal the files and words for a key pair, together with older ones that its owners shall be able to use too */
export const wrapKeys = async (
  key: {
    readonly vaultId: string
    readonly nameKey: string
    readonly pair: KeyPair
    readonly older: readonly KeyPair[]
  },
  { owners, passphrases, workFactor }: Owners,
): Promise<NewKeys> => {
  if (owners.length + passphrases.length === 0) {
    throw new AppError('CONFIG_INVALID', 'nobody could open the vault: neither a recipient nor a passphrase is given', {
      hint: 'make an identity with age-keygen and give its public key',
    })
  }
  const { vaultId, nameKey, pair, older } = key
  const { generation } = pair
  const unique = [...new Set(owners.map((owner) => parseRecipient(owner).text))]
  const text = encodeVaultKey({ vaultId, nameKey, pairs: [pair, ...older] })
  const files: KeyFile[] = []
  if (unique.length > 0) files.push({ key: keyFileKey(generation, null), bytes: await wrapForOwners(text, unique) })
  for (const [index, passphrase] of passphrases.entries()) {
    const bytes = await wrapForPassphrase(text, passphrase, workFactor)
    files.push({ key: keyFileKey(generation, index + 1), bytes })
  }
  const recipient = recipientOf(pair.identity)
  return {
    files,
    encryption: { format: 'age', generation, recipient, owners: unique, passphrases: passphrases.length },
    writer: { vaultId, generation, recipient, nameKey },
  }
}

/**
 * The keys of a new vault. Throws CONFIG_INVALID for a recipient that is none and for a short passphrase.
 *
 * @param wish `generation`: above 1 where a killed attempt left key files that cannot be taken away. @default 1
 */
export const createKeys = ({
  vaultId,
  generation = 1,
  ...wish
}: Owners & { readonly vaultId: string; readonly generation?: number }): Promise<NewKeys> => {
  const pair = { generation, identity: generateIdentity() }
  return wrapKeys({ vaultId, nameKey: randomBytes(32).toString('hex'), pair, older: [] }, wish)
}
