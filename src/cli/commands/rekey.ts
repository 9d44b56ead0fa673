import { AppError } from '../../model/errors.ts'
import type { Call, CliCommand, Result } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { plural, safe } from '../format.ts'
import { chooseKeys } from '../key-ceremony.ts'
import { shortPath } from '../path-shown.ts'

export const rekeyCommand: CliCommand = {
  name: 'rekey',
  summary: 'give an encrypted vault new keys and owners: manifests and all that comes is encrypted to them',
  group: 'more',
  operands: [['[VAULT]', 'where the vault is']],
  options: [
    {
      flags: '--recipient <AGE>',
      help: 'an age recipient who can open the vault from now on; repeatable',
      repeatable: true,
    },
    { flags: '--passphrase', help: 'let the passphrase in CLOUDKEEP_NEW_PASSPHRASE open the vault' },
    { flags: '--new-key <FILE>', help: 'make a new identity and write it to this file' },
    { flags: '--prove <FILE>', help: 'the new identity, from where it is kept' },
  ],
  notes: `Needs a key that opens the vault now: CLOUDKEEP_IDENTITY_FILE or CLOUDKEEP_PASSPHRASE. Name every owner again who shall stay.
The bytes of assets that are kept already stay encrypted to the old key, which the new owners get too: whoever had the old
key and a copy of the vault can still read those. To shut him out for good, make a new vault and copy into it.`,
  run,
}

async function run(call: Call): Promise<Result> {
  const { out, signal } = call
  const wish = await chooseKeys(call, 'newPassphrase')
  if (wish === null) {
    throw new AppError('USAGE', 'who shall be able to open the vault from now on?', {
      hint: 'give --recipient, --passphrase or --new-key',
    })
  }
  const { runRekeyCommand } = await import('../../rekey-command.ts')
  const { encryption, files, writerKeyFile } = await runRekeyCommand(await call.context(), wish, signal)
  const { theme } = out
  const done = (text: string): string => `${theme.ok(theme.marks.ok)} ${text}`
  out.line(
    done(
      `the vault opens to ${plural(encryption.owners.length, 'recipient')} and ${plural(encryption.passphrases, 'passphrase')} now`,
    ),
  )
  out.line(done(`${plural(files.changed, 'file')} encrypted to the new key`))
  if (files.kept > 0) {
    out.line(
      `${theme.warn(theme.marks.warn)} ${plural(files.kept, 'file')} cannot be replaced here and stay with the old key`,
    )
  }
  for (const { key, reason } of files.failed) out.line(`${theme.bad(theme.marks.bad)} ${safe(key)}: ${safe(reason)}`)
  out.line(
    done(
      `this machine's key for writing: ${safe(shortPath(writerKeyFile))}; other machines get theirs by cloudkeep init`,
    ),
  )
  return {
    exit: files.failed.length > 0 ? EXIT.partial : EXIT.done,
    summary: { generation: encryption.generation, owners: encryption.owners, writerKeyFile, ...files },
  }
}
