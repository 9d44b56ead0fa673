import { formatBucketUrl } from '../../config/bucket-url.ts'
import { checkCloudName } from '../../config/credentials.ts'
import type { VaultLocation } from '../../config/vault-location.ts'
import { locationName } from '../../config/vault-location.ts'
import type { InitReport } from '../../init-command.ts'
import { AppError } from '../../model/errors.ts'
import { locationOf } from '../../places.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { writeFirstConfig } from '../first-config.ts'
import { safe } from '../format.ts'
import { chooseKeys } from '../key-ceremony.ts'
import { quoteWord, shortPath } from '../path-shown.ts'

export const init: CliCommand = {
  name: 'init',
  summary: 'prepare a place for a vault: the consent of a bucket, keys, a config file; asks what it must know',
  group: 'keep',
  operands: [['[VAULT]', 'a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix']],
  options: [
    { flags: '--encrypt', help: 'encrypt everything on this machine, so that only its owner can read it' },
    { flags: '--recipient <AGE>', help: 'an age recipient who can open the vault; repeatable', repeatable: true },
    { flags: '--passphrase', help: 'let the passphrase in CLOUDKEEP_PASSPHRASE open the vault' },
    { flags: '--new-key <FILE>', help: 'make a new identity and write it to this file' },
    { flags: '--prove <FILE>', help: 'the identity, from where it is kept: proves that the vault can be opened again' },
    { flags: '--no-config', help: 'write no config file' },
  ],
  notes: `A bucket has to say that an account may use it, by an empty object .wellknown/cloudinary/<cloud name> at its root; init puts
it there when the credentials may. Whatever is there already stays as it is, so init may be run again.

An encrypted vault is lost with its keys: nobody can open it then, and nobody can help. So init makes one only after the
key has been shown to it from where it is kept.

  cloudkeep init ./cloudkeep-vault
  cloudkeep init 's3://my-bucket/vault?region=eu-central-1' --encrypt --recipient age1… --prove /media/stick/key.txt`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, settings, signal } = call
  const location = await askPlace(call)
  const name = locationName(location)
  const encryption = await chooseKeys(call, 'passphrase', await wantsEncryption(call))
  const ctx = await call.context()
  const { runInitCommand } = await import('../../init-command.ts')
  const cloud = await askCloud(call, location)
  if (location.kind === 'bucket' && cloud === null) {
    throw new AppError('USAGE', 'for which account shall the bucket be prepared?', {
      hint: 'give --cloud with its cloud name, or CLOUDINARY_URL',
    })
  }
  const report = await runInitCommand(ctx, { location, cloud, encryption }, signal)
  const text =
    location.kind === 'local' ? (call.operands[0] ?? shortPath(location.path)) : formatBucketUrl(location.place)
  const configFile = call.options.off('config') ? null : await writeFirstConfig(settings, { vault: text, cloud })
  for (const line of render(call, { report, name, configFile, cloud, argument: argumentOf(location) })) out.line(line)
  return { exit: EXIT.done, summary: { vault: name, ...report, configFile } }
}

/** Somebody who was asked for the place is asked this too; whoever gave it knows the flags. */
async function wantsEncryption(call: Call): Promise<boolean> {
  const { ask, options } = call
  const isSaid = options.flag('encrypt') || options.flag('passphrase') || options.list('recipient').length > 0
  if (ask === null || isSaid || !isAsked(call)) return false
  const answer = await ask(
    'Encrypt it, so that only who has its key can read it? The vault is lost with the key. (y/N) ',
  )
  return /^y(es)?$/i.test(answer.trim())
}

/** A bucket has to name the account that may use it. */
async function askCloud({ ask, settings }: Call, location: VaultLocation): Promise<string | null> {
  const { cloud } = settings.config
  if (cloud !== null || ask === null || location.kind === 'local') return cloud
  const answer = (await ask('For which Cloudinary account? Its cloud name: ')).trim()
  return answer === '' ? null : checkCloudName(answer, 'the answer')
}

/** Nobody said where the vault is to be. */
const isAsked = ({ operands, settings }: Call): boolean =>
  operands[0] === undefined && settings.config.origins.vault === 'default'

async function askPlace(call: Call): Promise<VaultLocation> {
  const { ask, settings } = call
  // What was given first is the vault, as everywhere: a name of the config file, a path or a URL.
  if (ask === null || !isAsked(call)) return settings.config.vault
  const answer = (await ask('Where shall the vault be? A folder, or s3://, gs://, az:// (./cloudkeep-vault) ')).trim()
  return answer === '' ? settings.config.vault : locationOf(answer, settings.config)
}

interface Shown {
  readonly report: InitReport
  readonly name: string
  readonly configFile: string | null
  /** The place as a command takes it. */
  readonly argument: string
  readonly cloud: string | null
}

const argumentOf = (location: VaultLocation): string =>
  quoteWord(location.kind === 'local' ? shortPath(location.path) : formatBucketUrl(location.place))

function render({ out }: Call, { report, name, configFile, cloud, argument }: Shown): string[] {
  const { theme } = out
  const done = (text: string): string => `${theme.ok(theme.marks.ok)} ${text}`
  const kind = report.isEncrypted ? 'an encrypted vault' : 'a vault'
  const lines = [
    done(report.isNew ? `${kind} was made in ${theme.strong(safe(name))}` : `${safe(name)} is ${kind} already`),
  ]
  if (report.consent === 'given') lines.push(done(`the bucket says now that ${safe(cloud ?? '')} may use it`))
  if (report.consent === 'there') lines.push(done(`the bucket says that ${safe(cloud ?? '')} may use it`))
  if (report.writerKeyFile !== null) {
    lines.push(done(`this machine can write and not read: ${safe(shortPath(report.writerKeyFile))}`))
  }
  if (configFile !== null) lines.push(done(`${safe(shortPath(configFile))} was written`))
  const flag = configFile === null ? ` ${argument}` : ''
  return [...lines, '', `${theme.accent('next')}  cloudkeep backup${flag}`]
}
