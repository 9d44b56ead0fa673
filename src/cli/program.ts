import { Command, Option } from 'commander'
import type { Flags } from '../config/config.ts'
import { readVersion } from '../lib/version.ts'
import type { CliCommand, Options } from './command.ts'
import { readOptions } from './command.ts'
import type { Theme } from './theme.ts'

const GROUPS: Readonly<Record<CliCommand['group'], string>> = {
  keep: 'Keep',
  look: 'Look and get back',
  check: 'Check',
  more: 'More',
}

const ENVIRONMENT = `
Credentials   CLOUDINARY_URL=cloudinary://KEY:SECRET@CLOUD, or CLOUDINARY_CLOUD_NAME, _API_KEY, _API_SECRET; also from .env
Vault         --vault, else CLOUDKEEP_VAULT, else cloudkeep.config.json, else ./cloudkeep-vault
Exit codes    0 done · 1 failed · 2 usage · 3 partial · 4 guard · 10 no vault · 11 locked · 12 credentials · 13 API limit · 130 interrupted
`

export interface Parsed {
  readonly command: CliCommand
  readonly operands: readonly string[]
  readonly options: Options
}

/** The whole command tree. `onCommand` is told what was asked for; nothing has run yet. */
export function createProgram(
  commands: readonly CliCommand[],
  theme: Theme,
  onCommand: (parsed: Parsed) => void,
): Command {
  const program = new Command('cloudkeep')
    .description('Keeps a complete, verifiable and restorable copy of a Cloudinary account, under its owner’s control.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpCommand(
      new Command('help').argument('[command]').summary('show help for a command').helpGroup(`${GROUPS.more}:`),
    )
    .usage('<command> [options]')
    .addHelpText('after', ENVIRONMENT)
    .showSuggestionAfterError(true)
    // `restore --version 2` means a version of an asset; before the command it means that of the program.
    .enablePositionalOptions()
    .configureHelp({
      styleTitle: theme.strong,
      styleCommandText: theme.accent,
      styleOptionTerm: theme.accent,
      styleArgumentTerm: theme.accent,
      styleSubcommandTerm: theme.accent,
      subcommandTerm: (command) => command.name(),
    })
    .exitOverride()
  for (const command of commands) program.addCommand(createCommand(command, program, onCommand))
  return program
}

function createCommand(spec: CliCommand, program: Command, onCommand: (parsed: Parsed) => void): Command {
  const command = new Command(spec.name)
    .copyInheritedSettings(program)
    .summary(spec.summary)
    .description(spec.summary)
    .helpOption('-h, --help', 'show help')
    .helpGroup(`${GROUPS[spec.group]}:`)
    .allowExcessArguments(false)
  for (const [syntax, help] of spec.operands ?? []) command.argument(syntax, help)
  for (const option of spec.options ?? []) {
    const made = new Option(option.flags, option.help)
    if (option.choices) made.choices(option.choices)
    if (option.repeatable) made.argParser((value: string, all: string[] | undefined) => [...(all ?? []), value])
    command.addOption(made)
  }
  command
    .option('--vault <VAULT>', 'where the vault is: a folder, a name of the config file, s3://, gs:// or az://')
    .option('--account <NAME>', 'the account of the config file')
    .option('--cloud <NAME>', 'the account, when the vault holds several')
    .option('--config <FILE>', 'config file instead of ./cloudkeep.config.json')
    .option('--json', 'print NDJSON; the last line is a summary')
    .option('-v, --verbose', 'tell more')
    .option('--no-color', 'no colours')
  if (spec.notes) command.addHelpText('after', `\n${spec.notes}`)
  command.action(() => {
    onCommand({ command: spec, operands: command.args, options: readOptions(command.opts()) })
  })
  return command
}

/** The flags that stand for settings, as `loadSettings` takes them. */
export function settingsFlags({ command, operands, options }: Parsed): Flags {
  const flags: Record<string, string> = {}
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) flags[name] = value
  }
  const first = command.operands?.[0]?.[0]
  put('vault', options.text('vault') ?? (first === '[VAULT]' ? operands[0] : undefined))
  for (const name of ['account', 'cloud', 'config', 'concurrency', 'bwlimit', 'apiReserve'])
    put(name, options.text(name))
  if (options.off('wait')) flags['wait'] = 'false'
  if (options.flag('allowCopies')) flags['allowCopies'] = 'true'
  if (options.flag('immutable')) flags['immutable'] = 'true'
  return flags
}
