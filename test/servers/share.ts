import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const script = fileURLToPath(new URL('../../scripts/servers.mjs', import.meta.url))

/** The folder in which the tests of one run of vitest find one another's servers; made by `setup.ts`. */
const runFolder = (): string => {
  const folder = process.env['CLOUDKEEP_TEST_SERVERS']
  if (folder === undefined) throw new Error('servers are shared within a run of vitest only')
  return folder
}
/** The process whose end is the end of all servers. */
const runPid = (): string => process.env['CLOUDKEEP_TEST_SERVERS_PID'] ?? String(process.pid)

/**
 * Notes that suites are left out because a kind of server is missing; the run's last lines say so. Once per kind is
 * enough, more often does no harm.
 *
 * @param line what was left out, and how to get it: `the S3 suites (radosgw is not installed: apt-get …)`
 */
export const leaveOut = async (kind: string, line: string): Promise<void> => {
  await mkdir(join(runFolder(), 'left-out'), { recursive: true })
  await writeFile(join(runFolder(), 'left-out', kind), line)
}

export interface StartedServer<T> {
  /** Where it is and how to get in; must survive JSON. */
  readonly facts: T
  /** Ended by SIGTERM when the run is over. */
  readonly pid: number
}

const State = z.union([z.object({ facts: z.unknown(), pid: z.number() }), z.object({ failure: z.string() })])

const readState = async (file: string): Promise<z.infer<typeof State> | null> => {
  const text = await readFile(file, 'utf8').catch(() => null)
  return text === null ? null : State.parse(JSON.parse(text))
}

/** The only one of all workers that is told true has to start the server. */
const isFirst = (folder: string): Promise<boolean> =>
  mkdir(folder).then(
    () => true,
    () => false,
  )

/**
 * The server of that name for this run of vitest: the first test that wants it starts it, in whatever worker, and all
 * others get the same one. What `start` throws, everybody gets. May take as long as a start takes: give `beforeAll` 120 s.
 *
 * @param parse reads the facts back from JSON
 * @param start must start a process that outlives this worker: see `spawnForRun`
 */
export const shareServer = async <T>(
  name: string,
  parse: (facts: unknown) => T,
  start: () => Promise<StartedServer<T>>,
): Promise<T> => {
  const folder = join(runFolder(), name)
  const file = join(folder, 'state.json')
  if (await isFirst(folder)) {
    const state = await start().catch((error: unknown) => ({ failure: String(error) }))
    await writeFile(`${file}.new`, JSON.stringify(state))
    await rename(`${file}.new`, file)
  }
  for (;;) {
    const state = await readState(file)
    if (state !== null && 'failure' in state) throw new Error(`${name} did not start: ${state.failure}`)
    if (state !== null) return parse(state.facts)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The first line that a child prints. Lets go of the child afterwards, so that it keeps no worker alive. */
const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    let errors = ''
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      errors += piece
    })
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (!text.includes('\n')) return
      child.stdout?.destroy()
      child.stderr?.destroy()
      child.unref()
      resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`ended with ${code} before it was ready: ${errors}`)))
  })

/** `scripts/servers.mjs` with these arguments, until the run of vitest is over; resolves with the first line it prints. */
export const startScript = async (...args: readonly string[]): Promise<{ line: string; pid: number }> => {
  const command = [script, ...args.slice(0, 1), '--while', runPid(), ...args.slice(1)]
  const child = spawn(process.execPath, command, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const line = await firstLine(child)
  return { line, pid: child.pid ?? 0 }
}

/**
 * Any program, until the run of vitest is over, even if that is killed; does not wait until it is ready. What it prints
 * is not kept: a server that cannot be asked whether it is up needs a log file of its own.
 */
export const spawnForRun = (command: string, ...args: readonly string[]): { pid: number } => {
  const child = spawn(process.execPath, [script, 'run', '--while', runPid(), '--', command, ...args], {
    detached: true,
    stdio: 'ignore',
  })
  child.unref()
  return { pid: child.pid ?? 0 }
}
