import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { errnoOf } from '../disk-error.ts'
import { interrupted } from '../interrupt.ts'

/**
 * The immutable flag of a file: `chattr +i` on Linux (chattr(1): "cannot be modified: it cannot be deleted or renamed,
 * no link can be created to this file, most of the file's metadata can not be modified"), `chflags uchg` on macOS and
 * the BSDs (chflags(1)). No call of Node sets or reads it, so the system's own programs do, many files to a call.
 */
export interface FileFlags {
  /** Nobody changes, renames, links or removes it before the flag is taken off. */
  readonly immutable: boolean
  /** Of a folder: names can come, and none can go. */
  readonly appendOnly: boolean
}

/** Paths that are missing could not be looked at: a program or a file system without flags, or no such file. */
export type FlagsByPath = ReadonlyMap<string, FileFlags>

interface Program {
  readonly command: string
  readonly args: readonly string[]
}

interface Tools {
  /** What the flag is called where somebody has to take it off by hand. */
  readonly remedy: string
  readonly read: Program
  readonly set: Program
  readonly clear: Program
  parse(line: string): readonly [path: string, flags: FileFlags] | null
}

const parseLsattr: Tools['parse'] = (line) => {
  const [, flags, path] = /^([-A-Za-z]{4,}) +(.+)$/.exec(line) ?? []
  if (flags === undefined || path === undefined) return null
  return [path, { immutable: flags.includes('i'), appendOnly: flags.includes('a') }]
}

const parseBsdStat: Tools['parse'] = (line) => {
  const [, flags, path] = /^([-a-z,]+) (.+)$/.exec(line) ?? []
  if (flags === undefined || path === undefined) return null
  const words = flags.split(',')
  const has = (...any: readonly string[]): boolean => any.some((word) => words.includes(word))
  return [path, { immutable: has('uchg', 'schg'), appendOnly: has('uappnd', 'sappnd') }]
}

const LINUX: Tools = {
  remedy: 'chattr -i',
  read: { command: 'lsattr', args: ['-d', '--'] },
  set: { command: 'chattr', args: ['+i', '--'] },
  clear: { command: 'chattr', args: ['-i', '--'] },
  parse: parseLsattr,
}
const BSD: Tools = {
  remedy: 'chflags nouchg',
  read: { command: 'stat', args: ['-f', '%Sf %N', '--'] },
  set: { command: 'chflags', args: ['uchg', '--'] },
  clear: { command: 'chflags', args: ['nouchg', '--'] },
  parse: parseBsdStat,
}

export const toolsFor = (platform: NodeJS.Platform): Tools | null =>
  platform === 'linux' ? LINUX : ['darwin', 'freebsd', 'openbsd', 'netbsd'].includes(platform) ? BSD : null

const tools = toolsFor(process.platform)

export const FLAG_REMEDY = tools?.remedy ?? 'taking the flag off'

/** Paths to a call: far below what a command line may hold, of keys of 70 characters. */
const BATCH = 1000

/** Runs a program with paths, in batches. Its exit code says little: one path of many may have failed. */
async function run(
  program: Program,
  at: { readonly folder: string; readonly paths: readonly string[]; readonly signal: AbortSignal | undefined },
): Promise<{ readonly lines: readonly string[]; readonly isThere: boolean; readonly complaint: string | null }> {
  const lines: string[] = []
  let complaint: string | null = null
  for (let from = 0; from < at.paths.length; from += BATCH) {
    const args = [...program.args, ...at.paths.slice(from, from + BATCH)]
    const { stdout, stderr, errno } = await start(program.command, args, at)
    if (errno === 'ENOENT' || errno === 'EACCES') return { lines, isThere: false, complaint }
    lines.push(...stdout.split('\n'))
    complaint ??= stderr.split('\n').find((line) => line !== '') ?? null
  }
  return { lines, isThere: true, complaint }
}

const start = (
  command: string,
  args: readonly string[],
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal | undefined },
): Promise<{ stdout: string; stderr: string; errno: string | null }> =>
  new Promise((resolve, reject) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024, ...(signal !== undefined && { signal }) }
    execFile(command, args, options, (error, stdout, stderr) => {
      if (signal?.aborted === true) reject(interrupted(signal, `running ${command}`))
      else resolve({ stdout, stderr, errno: errnoOf(error) })
    })
  })

export interface FlagLook {
  readonly flags: FlagsByPath
  /** Why some could not be looked at; null when all were. */
  readonly note: string | null
}

/** `folder` is where relative paths begin. Never throws but INTERRUPTED: what cannot be told is missing. */
export async function readFlags(folder: string, paths: readonly string[], signal?: AbortSignal): Promise<FlagLook> {
  if (tools === null) return { flags: new Map(), note: 'this system has no immutable flag that is known here' }
  const { lines, isThere, complaint } = await run(tools.read, { folder, paths, signal })
  if (!isThere) return { flags: new Map(), note: `${tools.read.command} is not installed, so flags were not looked at` }
  const flags = new Map(lines.map(tools.parse).filter((each) => each !== null))
  const missing = paths.filter((path) => !flags.has(path)).length
  return { flags, note: missing === 0 ? null : `flags of ${missing} files cannot be read${reason(complaint)}` }
}

const reason = (complaint: string | null): string => (complaint === null ? '' : ` (${complaint})`)

/** What it did is for `readFlags` to see. Returns what the program complained of first, or null. */
export async function changeFlags(
  to: 'set' | 'clear',
  folder: string,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<string | null> {
  if (tools === null) return 'this system has no immutable flag that is known here'
  const { isThere, complaint } = await run(tools[to], { folder, paths, signal })
  return isThere ? complaint : `${tools[to].command} is not installed`
}

/** Bit of CAP_LINUX_IMMUTABLE in the capability sets of Linux; capabilities(7). */
const CAP_LINUX_IMMUTABLE = 9n

/** Whether this process may set and clear the flag: a right of root on Linux, of a file's owner elsewhere. */
export async function mayFlag(): Promise<boolean> {
  if (tools === null) return false
  if (tools !== LINUX) return true
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? []
  if (effective === undefined) return process.geteuid?.() === 0
  return ((BigInt(`0x${effective}`) >> CAP_LINUX_IMMUTABLE) & 1n) === 1n
}
