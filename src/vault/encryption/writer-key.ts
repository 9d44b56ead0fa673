import { AppError } from '../../model/errors.ts'
import { findRecipient } from './age/x25519.ts'

/**
 * What a machine needs in order to back up into an encrypted vault, and no more: it can write, and it can name what is
 * there; it can read nothing. Kept outside the vault, because it pins the recipient: whoever changes `cloudkeep.json`
 * in the bucket cannot make this machine encrypt to somebody else.
 */
export interface WriterKey {
  readonly vaultId: string
  readonly generation: number
  /** The vault's, `age1…` */
  readonly recipient: string
  /** 64 lower-case hex digits. Secret. */
  readonly nameKey: string
}

const WORD = 'CLOUDKEEP-WRITER-1'

/** One line without a line end. Secret. */
export const encodeWriterKey = ({ vaultId, generation, recipient, nameKey }: WriterKey): string =>
  [WORD, vaultId, generation, recipient, nameKey].join(' ')

const invalid = (what: string): AppError =>
  new AppError('CONFIG_INVALID', `the writer's key cannot be used: ${what}`, {
    hint: `it is one line that begins with ${WORD}, as it was shown when the vault was made; the owner can show it again`,
  })

/** White space around it does not matter. Throws CONFIG_INVALID naming what is wrong, never the key. */
export const decodeWriterKey = (text: string): WriterKey => {
  const words = text.trim().split(/\s+/)
  const [word, vaultId = '', generation = '', recipient = '', nameKey = ''] = words
  if (word !== WORD) throw invalid(`it does not begin with ${WORD}`)
  if (words.length !== 5) throw invalid(`it has ${words.length} words and not 5`)
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(vaultId)) throw invalid('its second word is not the id of a vault')
  if (!/^[1-9]\d{0,8}$/.test(generation)) throw invalid('its third word is not a number of one or more')
  if (findRecipient(recipient) === null) throw invalid('its fourth word is not an age recipient')
  if (!/^[0-9a-f]{64}$/.test(nameKey)) throw invalid('its last word is not a key of 64 hex digits')
  return { vaultId, generation: Number(generation), recipient, nameKey }
}
