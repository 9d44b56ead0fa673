import { AppError } from '../model/errors.ts'
import { count, fieldsOf, oneOf, parseJson, text, textLike, time } from '../model/shape.ts'
import { decodeEncryption } from './encryption/encryption.ts'
import type { VaultIdentity } from './vault.ts'

export const IDENTITY_KEY = 'cloudkeep.json'

const FORMAT = 1
const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, wanted: 'an id of letters, digits, - and _' }

/** A vault that is not encrypted says nothing of it, as vaults said nothing before there was encryption. */
export const encodeIdentity = ({ encryption, ...rest }: VaultIdentity): string =>
  `${JSON.stringify(encryption === null ? rest : { ...rest, encryption }, null, 2)}\n`

/** Throws VAULT_INVALID with a sentence that names what is wrong. */
export const decodeIdentity = (content: string): VaultIdentity => {
  const fields = fieldsOf(parseJson(content), IDENTITY_KEY)
  const format = count(fields, 'format')
  if (format !== FORMAT) {
    throw new AppError('VAULT_INVALID', `its format is ${format}, and this Cloudkeep reads format ${FORMAT}`, {
      hint: 'update cloudkeep',
    })
  }
  return {
    format: FORMAT,
    id: textLike(fields, 'id', ID),
    digest: oneOf(fields, 'digest', ['sha256']),
    createdAt: time(fields, 'createdAt'),
    tool: text(fields, 'tool'),
    encryption: fields['encryption'] === undefined ? null : decodeEncryption(fields['encryption']),
  }
}
