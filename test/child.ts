import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))

interface ChildOptions {
  /** Run as this user; only root may. */
  readonly uid?: number
}

export interface Child {
  readonly process: ChildProcess
  /** Resolves with the next line that the child prints; rejects when it ends without one. */
  line(): Promise<string>
  /** Resolves with everything it printed and has not been taken by `line`, when it has ended. */
  ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null; lines: readonly string[]; stderr: string }>
  kill(): void
}

/** Sources compiled for real processes: Node 20 runs no TypeScript. */
export interface Compiled {
  /** Runs a module whose imports are relative to the project: `./src/vault/lock.js`. `args` are its `process.argv`. */
  start(script: string, args?: readonly string[], options?: ChildOptions): Promise<Child>
  dispose(): Promise<void>
}

export const compile = async (...sources: readonly string[]): Promise<Compiled> => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudkeep-child-'))
  const options = [
    '--ignoreConfig',
    '--noCheck',
    '--rewriteRelativeImportExtensions',
    '--module',
    'nodenext',
    '--target',
    'es2023',
  ]
  const tsc = [
    'node_modules/ts7/bin/tsc',
    ...options,
    '--types',
    'node',
    '--rootDir',
    '.',
    '--outDir',
    folder,
    ...sources,
  ]
  const { status, stdout } = spawnSync(process.execPath, tsc, { cwd: project, encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot compile ${sources.join(', ')}: ${stdout}`)
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
  // Another user may have to read it.
  spawnSync('chmod', ['-R', 'a+rX', folder])
  let scripts = 0
  return {
    start: async (script, args = [], { uid } = {}) => {
      const file = join(folder, `script${scripts++}.js`)
      await writeFile(file, script, { mode: 0o644 })
      return watch(
        spawn(process.execPath, [file, ...args], {
          stdio: ['ignore', 'pipe', 'pipe'],
          ...(uid !== undefined && { uid, gid: uid }),
        }),
      )
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
}

const watch = (process: ChildProcess): Child => {
  const lines: string[] = []
  const waiting: ((line: string | null) => void)[] = []
  let stderr = ''
  process.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  if (process.stdout !== null) {
    createInterface({ input: process.stdout }).on('line', (line) => {
      const next = waiting.shift()
      if (next === undefined) lines.push(line)
      else next(line)
    })
  }
  const over = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    process.on('close', (code, signal) => {
      for (const next of waiting.splice(0)) next(null)
      resolve({ code, signal })
    })
  })
  return {
    process,
    line: async () => {
      const known = lines.shift()
      if (known !== undefined) return known
      const line =
        process.exitCode === null && process.signalCode === null
          ? await new Promise<string | null>((resolve) => waiting.push(resolve))
          : null
      if (line === null) throw new Error(`the child ended without a line: ${stderr}`)
      return line
    },
    ended: async () => ({ ...(await over), lines, stderr }),
    kill: () => {
      process.kill('SIGKILL')
    },
  }
}
