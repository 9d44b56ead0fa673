import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { EncryptionWish } from '../init-command.ts'
import { AppError } from '../model/errors.ts'
import type { Given } from '../vault/encryption/unlock.ts'
import type { Call } from './command.ts'
import { safe } from './format.ts'
import { shortPath } from './path-shown.ts'

const LOSS = [
  'An encrypted vault opens to its keys and to nothing else. If they are lost, everything in it is lost: there is no way',
  'around, for nobody. Keep them in two places that are not this machine: a password manager, a printed sheet in a drawer.',
]

/**
 * Settles with a person, or by the flags, who can open the vault. Null: it is not to be encrypted. Throws NOT_CONFIRMED
 * when nobody can show the key again, and USAGE for flags that do not go together.
 */
export async function chooseKeys(
  call: Call,
  secret: 'passphrase' | 'newPassphrase' = 'passphrase',
  isWanted = false,
): Promise<EncryptionWish | null> {
  const { options, out } = call
  const recipients = options.list('recipient')
  const asked = isWanted || options.flag('encrypt') || recipients.length > 0 || options.flag('passphrase')
  if (!asked && options.text('newKey') === undefined) return null
  const passphrases = options.flag('passphrase') ? [passphraseOf(call, secret)] : []
  for (const line of LOSS) out.say(out.talk.warn(line))
  const isOwned = recipients.length + passphrases.length > 0
  const made = isOwned && options.text('newKey') === undefined ? null : await makeIdentity(call)
  const owners = made === null ? recipients : [...recipients, made.recipient]
  return { owners, passphrases, prove: () => prove(call, { made, passphrases, isChange: secret === 'newPassphrase' }) }
}

function passphraseOf({ settings }: Call, secret: 'passphrase' | 'newPassphrase'): string {
  const passphrase = settings.secrets[secret]
  if (passphrase !== null) return passphrase
  const name = secret === 'passphrase' ? 'CLOUDKEEP_PASSPHRASE' : 'CLOUDKEEP_NEW_PASSPHRASE'
  throw new AppError('USAGE', `--passphrase needs the passphrase in ${name} or ${name}_FILE`, {
    hint: 'a passphrase on the command line would be seen by everybody on this machine',
  })
}

interface MadeIdentity {
  readonly file: string
  readonly identity: string
  readonly recipient: string
}

/** Writes a new identity as `age-keygen` does, into a file that was not there, readable for nobody else. */
async function makeIdentity({ options, out, now, settings }: Call): Promise<MadeIdentity> {
  const { generateIdentity, recipientOf } = await import('../vault/encryption/age/x25519.ts')
  const file = resolve(settings.config.cwd, options.text('newKey') ?? 'cloudkeep-key.txt')
  const identity = generateIdentity()
  const recipient = recipientOf(identity)
  const text = `# created: ${new Date(now()).toISOString()}\n# public key: ${recipient}\n${identity}\n`
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw new AppError(isThere ? 'TARGET_EXISTS' : 'USAGE', `the new key cannot be written to ${file}`, {
      hint: isThere
        ? 'there is such a file already; name another one with --new-key'
        : 'name another file with --new-key',
      cause,
    })
  }
  out.say(`a new key was written to ${out.talk.strong(safe(shortPath(file)))}`)
  return { file, identity, recipient }
}

interface Known {
  readonly made: MadeIdentity | null
  readonly passphrases: readonly string[]
  /** The vault has owners already; what opens it now proves nothing about the new ones. */
  readonly isChange: boolean
}

/** Has the key shown from where it is kept: by a file, by a person at the terminal, or by the environment. */
async function prove(call: Call, { made, passphrases, isChange }: Known): Promise<Given> {
  const { options, ask, settings } = call
  const { parseIdentities } = await import('../vault/encryption/identity-file.ts')
  const file = options.text('prove')
  if (file !== undefined)
    return { identities: parseIdentities(await readKeyFile(resolve(settings.config.cwd, file))), passphrases: [] }
  if (made !== null) return await showAgain(call, made)
  if (settings.secrets.identity !== null && !isChange) {
    return { identities: parseIdentities(settings.secrets.identity), passphrases: [] }
  }
  if (passphrases.length > 0 && ask === null) return { identities: [], passphrases }
  if (ask === null) throw unproven()
  if (passphrases.length > 0) {
    return { identities: [], passphrases: [(await ask('Type the passphrase, from where you keep it: ')).trim()] }
  }
  const path = await ask('Where is the identity of one of the recipients? Path of the file: ')
  return { identities: parseIdentities(await readKeyFile(resolve(settings.config.cwd, path.trim()))), passphrases: [] }
}

const unproven = (): AppError =>
  new AppError('NOT_CONFIRMED', 'nobody has shown that the vault can be opened again: no vault was made', {
    hint: 'give --prove with the file of an identity, from where it will be on the day on which you need it',
  })

const LAST = 8

async function showAgain({ ask }: Call, { file, identity }: MadeIdentity): Promise<Given> {
  if (ask === null) throw unproven()
  const question = `Copy ${shortPath(file)} to a safe place now. Then open the copy, and type the last ${LAST} characters of its last line: `
  const typed = (await ask(question)).trim()
  if (typed.toUpperCase() === identity.slice(-LAST)) return { identities: [identity], passphrases: [] }
  throw new AppError('NOT_CONFIRMED', 'that is not the end of the new key: no vault was made', {
    hint: `the key is still in ${file}; run cloudkeep init again with --recipient, or remove the file`,
  })
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new AppError('USAGE', `the key file ${path} cannot be read`, { cause })
  }
}
