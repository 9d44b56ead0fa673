import { COMMANDS } from '../src/cli/commands.ts'
import { runCli } from '../src/cli/runner.ts'

export interface Done {
  readonly exit: number
  readonly out: string
  readonly err: string
  /** The NDJSON lines of stdout, when `--json` was given. */
  readonly records: readonly Record<string, unknown>[]
}

/** Runs the command line in this process, with these variables instead of the process's own. */
export async function commandLine(
  argv: readonly string[],
  place: {
    readonly variables: Record<string, string>
    readonly cwd: string
    /** What a person at the terminal answers. @default nobody sits there */
    readonly ask?: (question: string) => Promise<string>
  },
): Promise<Done> {
  const written = { out: Buffer.alloc(0), err: Buffer.alloc(0) }
  const sink = (key: 'out' | 'err') => ({
    write: (text: string | Uint8Array, done?: (error?: Error | null) => void): boolean => {
      written[key] = Buffer.concat([written[key], Buffer.from(text)])
      done?.()
      return true
    },
  })
  const exit = await runCli(argv, COMMANDS, {
    streams: { stdout: sink('out'), stderr: sink('err') },
    wishes: { colour: false, dumb: false, unicode: true },
    signal: new AbortController().signal,
    environment: place,
    ...(place.ask === undefined ? {} : { ask: place.ask }),
  })
  const out = written.out.toString('utf8')
  const records = argv.includes('--json')
    ? out
        .trimEnd()
        .split('\n')
        .map((line): Record<string, unknown> => JSON.parse(line))
    : []
  return { exit, out, err: written.err.toString('utf8'), records }
}
