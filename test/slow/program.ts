import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const CLI = join(root, 'bin', 'cloudkeep.cjs')

/** How much longer than usual tests may go on that look for trouble as long as they have time. @default 1 */
export const patience = Number(process.env['CLOUDKEEP_TEST_PATIENCE'] ?? 1)

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** The NDJSON lines of stdout that parse. */
  readonly lines: readonly Record<string, unknown>[]
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** Starts the built program as users do, in a process of its own. */
export function start(args: readonly string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr, lines: parseLines(stdout) })
    })
  })
  return { child, ended }
}

export const runProgram = (args: readonly string[], env: Record<string, string>): Promise<Ended> =>
  start(args, env).ended

function parseLines(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      return []
    }
  })
}
