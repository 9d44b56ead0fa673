import type { AccountSettings, Settings } from '../config/config.ts'
import { parseCount } from '../config/values.ts'
import type { Context } from '../context.ts'
import type { Output } from './output.ts'

export interface OptionSpec {
  /** As commander reads it: `-o, --output <FILE>`. */
  readonly flags: string
  readonly help: string
  readonly repeatable?: boolean
  readonly choices?: readonly string[]
}

/** One command of the program: one file in `commands/`, one entry in `commands.ts`. */
export interface CliCommand {
  readonly name: string
  readonly summary: string
  readonly group: 'keep' | 'look' | 'check' | 'more'
  /** Positional arguments as commander reads them, with what they mean: `[VAULT]`, `<ASSET[@VERSION]>`. */
  readonly operands?: readonly (readonly [syntax: string, help: string])[]
  readonly options?: readonly OptionSpec[]
  /** Shown under the options of `--help`: examples, words, the rule of something. */
  readonly notes?: string
  /**
   * True for commands that go on when nobody reads their output any more (a closed pipe must not end a backup); the
   * others simply end.
   */
  readonly outlivesPipe?: boolean
  run(call: Call): Promise<Result>
}

/** One call of a command: what the user gave, and where to get everything else. */
export interface Call {
  readonly operands: readonly string[]
  readonly options: Options
  readonly out: Output
  readonly signal: AbortSignal
  readonly settings: Settings
  /** Made at the first call, closed by the runner. */
  context(): Promise<Context>
  /** Every account of the config file, for a command that goes through all of them; see `loadAccounts`. */
  accounts(): readonly AccountSettings[]
  /** Made of other settings than the call's own; closed by the runner. */
  contextOf(settings: Settings): Promise<Context>
  /** Milliseconds since the epoch. */
  now(): number
  /** Puts a question to a person and gives the line that was typed; null where nobody sits at a terminal. */
  readonly ask: ((question: string) => Promise<string>) | null
}

export interface Options {
  text(name: string): string | undefined
  flag(name: string): boolean
  /** True when `--no-NAME` was given. */
  off(name: string): boolean
  list(name: string): readonly string[]
  /** A whole number from 1; undefined when not given. Throws USAGE for anything else. */
  count(name: string): number | undefined
}

export interface Result {
  readonly exit: number
  /** Fields of the last NDJSON line, after `type`, `command` and `ok`. */
  readonly summary?: object
}

export function readOptions(values: Readonly<Record<string, unknown>>): Options {
  return {
    count: (name) => {
      const value = values[name]
      if (typeof value !== 'string') return undefined
      return parseCount({ value, origin: `flag --${name}` }, { min: 1, max: Number.MAX_SAFE_INTEGER })
    },
    text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
    flag: (name) => values[name] === true,
    off: (name) => values[name] === false,
    list: (name) => (Array.isArray(values[name]) ? values[name].filter((each) => typeof each === 'string') : []),
  }
}
