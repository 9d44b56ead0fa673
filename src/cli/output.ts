import type { TerminalWishes } from '../config/env.ts'
import { createTheme, type Theme } from './theme.ts'

/** The two streams of a process, as far as a command needs them. */
export interface Streams {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  /** `done` is told when the text left the process, or why it did not. */
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): boolean
}

/**
 * Where a command speaks: stdout is data, stderr is talk. With `--json`, data is one JSON object a line and talk is
 * silent but for errors.
 */
export interface Output {
  readonly json: boolean
  readonly verbose: boolean
  /** For data. */
  readonly theme: Theme
  /** For talk. */
  readonly talk: Theme
  /** Columns of stdout; null when it is not a terminal, where nothing may be cut. */
  readonly width: number | null
  /** True when stderr is a terminal on which lines can be redrawn. */
  readonly live: boolean
  /** Columns of stderr. */
  readonly talkWidth: number
  readonly stdout: OutputStream
  /** One line of data for people; nothing with `--json`. */
  line(text?: string): void
  /** One line of data for programs; nothing without `--json`. */
  record(type: string, fields: object): void
  /** One line of talk; nothing with `--json`. */
  say(text?: string): void
  /** Talk that is never left out: errors, warnings that change what the data means. */
  insist(text: string): void
  /** Replaces the redrawn lines at the foot of the talk; an empty list takes them away. */
  redraw(lines: readonly string[]): void
}

export interface OutputOptions {
  readonly json: boolean
  readonly verbose: boolean
  readonly wishes: TerminalWishes
}

export function createOutput(streams: Streams, options: OutputOptions): Output {
  const { stdout, stderr } = streams
  const { json, verbose, wishes } = options
  const live = stderr.isTTY === true && !wishes.dumb && !json
  let drawn: readonly string[] = []

  // Cursor up to the first drawn line, then clear to the end of the screen.
  const erase = (): string => (drawn.length === 0 ? '' : `\u001b[${drawn.length}A\r\u001b[0J`)
  const foot = (): string => drawn.map((line) => `${line}\n`).join('')
  const aboveFoot = (text: string): void => {
    stderr.write(`${erase()}${text}\n${foot()}`)
  }

  return {
    json,
    verbose,
    theme: createTheme(stdout, wishes),
    talk: createTheme(stderr, wishes),
    width: stdout.isTTY === true ? (stdout.columns ?? 80) : null,
    live,
    get talkWidth() {
      return stderr.columns ?? 80
    },
    stdout,
    line: (text = '') => {
      if (!json) stdout.write(`${text}\n`)
    },
    record: (type, fields) => {
      if (json) stdout.write(`${JSON.stringify({ type, ...fields })}\n`)
    },
    say: (text = '') => {
      if (!json) aboveFoot(text)
    },
    insist: aboveFoot,
    redraw: (lines) => {
      if (!live) return
      const before = erase()
      drawn = lines
      stderr.write(before + foot())
    },
  }
}
