import { CommanderError } from 'commander'
import { loadAccounts, loadSettings, type Settings } from '../config/config.ts'
import { type EnvironmentSource, exportForSdks, readEnvironment, type TerminalWishes } from '../config/env.ts'
import type { Context } from '../context.ts'
import { AppError } from '../model/errors.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { describeFailure, showFailure } from './failure.ts'
import { createOutput, type Output, type Streams } from './output.ts'
import { createProgram, type Parsed, settingsFlags } from './program.ts'
import { createTheme } from './theme.ts'

export interface RunnerOptions {
  readonly streams: Streams
  readonly wishes: TerminalWishes
  readonly signal: AbortSignal
  /** Variables and working directory. @default those of the process */
  readonly environment?: EnvironmentSource
  /** Asks a person. @default there is none */
  readonly ask?: (question: string) => Promise<string>
  /** Told how to take secrets out of a text, as soon as it is known. */
  readonly onRedact?: (redact: (text: string) => string) => void
  /** Told which command runs, before it runs. */
  readonly onCommand?: (command: CliCommand, out: Output) => void
}

/** One call of the program from its arguments to its exit code. Never throws, never exits. */
export async function runCli(
  argv: readonly string[],
  commands: readonly CliCommand[],
  options: RunnerOptions,
): Promise<number> {
  const wishes = argv.includes('--no-color') ? { ...options.wishes, colour: false } : options.wishes
  const early = createOutput(options.streams, { json: argv.includes('--json'), verbose: false, wishes })
  const parsed = parse(argv, commands, { ...options, wishes }, early)
  if (typeof parsed === 'number') return parsed
  const out = createOutput(options.streams, {
    json: parsed.options.flag('json'),
    verbose: parsed.options.flag('verbose'),
    wishes,
  })
  options.onCommand?.(parsed.command, out)
  return await execute(parsed, out, options)
}

function parse(
  argv: readonly string[],
  commands: readonly CliCommand[],
  options: RunnerOptions,
  out: Output,
): Parsed | number {
  const asked: { parsed: Parsed | null } = { parsed: null }
  const { stdout, stderr } = options.streams
  const program = createProgram(commands, createTheme(stdout, options.wishes), (parsed) => {
    asked.parsed = parsed
  })
  const sink = {
    writeOut: (text: string) => void stdout.write(text),
    // Help that was not asked for is talk. Errors are shown below, in the one shape that all errors have.
    writeErr: (text: string) => void (out.json || text.startsWith('error:') ? undefined : stderr.write(text)),
    getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 110),
    getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 110),
    getOutHasColors: () => out.theme.colour,
    getErrHasColors: () => out.talk.colour,
  }
  for (const each of [program, ...program.commands]) each.configureOutput(sink)
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.done
    return refuse(error, argv, out)
  }
  return asked.parsed ?? EXIT.usage
}

function refuse(error: CommanderError, argv: readonly string[], out: Output): number {
  if (error.code === 'commander.help') return EXIT.usage
  const [message = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const name = argv.find((word) => !word.startsWith('-'))
  const help = `cloudkeep${error.code === 'commander.unknownCommand' || !name ? '' : ` ${name}`} --help`
  const hint = [more.join(' ').replace(/^\(Did|\)$/g, (end) => (end === ')' ? '' : 'did')), `see ${help}`]
    .filter((text) => text !== '')
    .join(' ')
  const failed = describeFailure(new AppError('USAGE', message, { hint }), false)
  showFailure(out, failed, (text) => text)
  out.record('summary', {
    command: name ?? null,
    ok: false,
    error: { code: failed.code, message: failed.message, hint: failed.hint },
  })
  return failed.exit
}

async function execute(parsed: Parsed, out: Output, options: RunnerOptions): Promise<number> {
  const { command } = parsed
  const { signal, environment } = options
  const known: Settings[] = []
  const opened: Context[] = []
  const redact = (text: string): string => known.reduce((clean, { secrets }) => secrets.redact(clean), text)
  // Loaded when first needed: `--help`, `completion` and `config show` open no store and no database.
  const contextOf = async ({ config, secrets, undecided }: Settings): Promise<Context> => {
    const { createContext } = await import('../context.ts')
    const made = createContext(config, secrets, (message) => out.say(out.talk.dim(message)), undecided)
    opened.push(made)
    return made
  }
  try {
    const env = readEnvironment(environment)
    // The vendors' packages read the process's own variables and know no .env.
    if (environment === undefined) exportForSdks(env)
    const loaded = loadSettings(env, settingsFlags(parsed))
    known.push(loaded)
    options.onRedact?.(redact)
    let context: Promise<Context> | null = null
    const result = await command.run({
      operands: parsed.operands,
      options: parsed.options,
      out,
      signal,
      settings: loaded,
      context: () => {
        context ??= contextOf(loaded)
        return context
      },
      accounts: () => {
        const all = loadAccounts(env, settingsFlags(parsed))
        known.push(...all.flatMap(({ settings }) => (settings === null ? [] : [settings])))
        return all
      },
      contextOf,
      now: Date.now,
      ask: options.ask ?? null,
    })
    out.redraw([])
    out.record('summary', { command: command.name, ok: result.exit === EXIT.done, ...result.summary })
    return result.exit
  } catch (error) {
    out.redraw([])
    const failed = describeFailure(error, signal.aborted)
    showFailure(out, failed, redact)
    out.record('summary', {
      command: command.name,
      ok: false,
      ...(known[0]?.config.cloud ? { cloud: known[0].config.cloud } : {}),
      error: { code: failed.code, message: redact(failed.message), hint: failed.hint },
    })
    return failed.exit
  } finally {
    for (const context of opened) await closeQuietly(context, out)
  }
}

async function closeQuietly(context: Context, out: Output): Promise<void> {
  try {
    await context.close()
  } catch (error) {
    // What the command did is done and told; a handle that does not close cleanly is only worth a word.
    if (out.verbose) out.say(out.talk.dim(`closing: ${String(error)}`))
  }
}
