import { setMaxListeners } from 'node:events'
import { readTerminalWishes } from '../config/env.ts'
import { AppError } from '../model/errors.ts'
import { askAtTerminal } from './ask.ts'
import type { CliCommand } from './command.ts'
import { COMMANDS } from './commands.ts'
import { EXIT } from './exit-codes.ts'
import { describeFailure, showFailure } from './failure.ts'
import { createOutput, type Output, type OutputStream } from './output.ts'
import { runCli } from './runner.ts'

/*
 * Terminal manners, in one place:
 *   stdout is data and nothing else; stderr is talk, lower case, without full stops; hints follow on a line of their own;
 *   the first Ctrl-C (or SIGTERM, SIGHUP) asks the command to stop at the next safe point, the second ends at once;
 *   a reader that goes away (`| head`) is not an error.
 */
// One signal ends every transfer that is under way, and many are: that is no leak.
setMaxListeners(0)
const interruption = new AbortController()
let running: { command: CliCommand; out: Output } | null = null
let pipeClosed = false
let redact = (text: string): string => text
const wishes = readTerminalWishes()

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (interruption.signal.aborted || running === null) process.exit(EXIT.interrupted)
    interruption.abort()
    running.out.say(running.out.talk.warn('stopping at a safe point; once more to stop at once'))
  })
}

const stdout: OutputStream = {
  get isTTY() {
    return process.stdout.isTTY
  },
  get columns() {
    return process.stdout.columns
  },
  write: (text, done) => {
    if (!pipeClosed) return process.stdout.write(text, done)
    done?.()
    return true
  },
}

const fail = (error: unknown): never => {
  const { out } = running ?? {
    out: createOutput({ stdout, stderr: process.stderr }, { json: false, verbose: false, wishes }),
  }
  out.redraw([])
  showFailure(out, describeFailure(error, interruption.signal.aborted), redact)
  process.exit(EXIT.failed)
}
process.on('uncaughtException', fail)

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    fail(new AppError('STORE_UNAVAILABLE', 'the output cannot be written', { cause: error }))
  }
  pipeClosed = true
  if (running?.command.outlivesPipe !== true) process.exit(EXIT.done)
})
process.stderr.on('error', () => {
  // Nobody listens to the talk any more; the work goes on.
})

const exit = await runCli(process.argv.slice(2), COMMANDS, {
  streams: { stdout, stderr: process.stderr },
  wishes,
  signal: interruption.signal,
  ...(process.stdin.isTTY && process.stderr.isTTY
    ? { ask: (question) => askAtTerminal(question, interruption.signal) }
    : {}),
  onRedact: (known) => {
    redact = known
  },
  onCommand: (command, out) => {
    running = { command, out }
  },
})

// Pipes may still hold data on some systems; exit when they are written.
await new Promise<void>((resolve) => {
  if (pipeClosed) resolve()
  else process.stdout.write('', () => resolve())
})
process.exit(exit)
