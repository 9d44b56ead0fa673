import { AppError } from '../../model/errors.ts'
import { count, fieldsOf, list, oneOf, text } from '../../model/shape.ts'
import { findRecipient } from './age/x25519.ts'
import type { WriterKey } from './writer-key.ts'

/** What `cloudkeep.json` says in its field `encryption`: public, and enough to know whose key opens the vault. */
export interface Encryption {
  readonly format: 'age'
  /** Of the vault's key pair, from 1 on. */
  readonly generation: number
  /** The vault's own, `age1…`: everything new is encrypted to it. */
  readonly recipient: string
  /** Recipients of the people who can open `keys/<generation>.age`; empty when only passphrases open the vault. */
  readonly owners: readonly string[]
  /** How many `keys/<generation>-passphrase-<n>.age` there are. */
  readonly passphrases: number
}

/** What unlocking needs to know of a vault, as `cloudkeep.json` says it. */
export interface EncryptedVault {
  readonly id: string
  readonly encryption: Encryption
}

const recipient = (value: unknown, name: string): string => {
  if (typeof value === 'string' && findRecipient(value) !== null) return value
  throw new AppError('VAULT_INVALID', `"${name}" holds something that is not an age recipient`)
}

/** From the parsed JSON of the field. Throws VAULT_INVALID naming what is wrong. */
export const decodeEncryption = (value: unknown): Encryption => {
  const fields = fieldsOf(value, 'encryption')
  const format = oneOf(fields, 'format', ['age'])
  const generation = count(fields, 'generation')
  if (generation === 0) throw new AppError('VAULT_INVALID', '"generation" is 0; the first one is 1')
  return {
    format,
    generation,
    recipient: recipient(text(fields, 'recipient'), 'recipient'),
    owners: list(fields, 'owners').map((owner) => recipient(owner, 'owners')),
    passphrases: count(fields, 'passphrases'),
  }
}

/**
 * Compares the writer's key of this machine with what the vault says. `older`: the vault has got a new generation, and
 * what is written with this key is still readable by its owners. Throws CONFIG_INVALID when the key belongs to another
 * vault, and VAULT_INVALID when the vault names another recipient for the same generation or an earlier generation: then
 * somebody has changed `cloudkeep.json`, and nothing must be written.
 */
export const checkWriterKey = (vault: EncryptedVault, writer: WriterKey): 'same' | 'older' => {
  const { generation, recipient: stated } = vault.encryption
  if (writer.vaultId !== vault.id) {
    throw new AppError(
      'CONFIG_INVALID',
      `the writer's key belongs to the vault ${writer.vaultId}, this is ${vault.id}`,
      {
        hint: 'give the key that was shown when this vault was made, or the place of that other vault',
      },
    )
  }
  if (generation > writer.generation) return 'older'
  if (generation === writer.generation && stated === writer.recipient) return 'same'
  throw new AppError('VAULT_INVALID', `cloudkeep.json names another recipient (${stated}) than the writer's key`, {
    hint: 'somebody may have changed cloudkeep.json so that new files are encrypted to him; compare it with a copy',
  })
}
