import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { AppError } from '../model/errors.ts'

/** A value and where it came from, as `config show` prints it: `environment CLOUDKEEP_VAULT`, `.env API_KEY`. */
export interface Found {
  readonly value: string
  readonly origin: string
  /** A real variable outranks `.env` also between two ways of saying the same thing. */
  readonly rank: 'environment' | 'dotenv'
}

/** The variables of the process over those of `.env`. An empty variable counts as absent. */
export interface Environment {
  readonly cwd: string
  readonly home: string
  readonly platform: NodeJS.Platform
  /** Names of the variables that `.env` sets. */
  readonly written: readonly string[]
  get(name: string): Found | null
  /** Also looks at `NAME_FILE`, whose value is a path to a file that holds the value, and reads it. */
  getSecret(name: string): Found | null
}

export interface EnvironmentSource {
  readonly variables?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** @default those of this machine */
  readonly home?: string
  readonly platform?: NodeJS.Platform
}

/**
 * Reads `.env` of the working directory beside the process's own variables; the process's own always win.
 * Throws CONFIG_INVALID when `.env` is there and cannot be read.
 */
export function readEnvironment(source: EnvironmentSource = {}): Environment {
  const cwd = source.cwd ?? process.cwd()
  const own = source.variables ?? process.env
  const file = readDotenv(join(cwd, '.env'))

  const get = (name: string): Found | null => {
    const real = own[name]
    if (real) return { value: real, origin: `environment ${name}`, rank: 'environment' }
    const written = file[name]
    return written ? { value: written, origin: `.env ${name}`, rank: 'dotenv' } : null
  }

  const getSecret = (name: string): Found | null => {
    const direct = get(name)
    const pointer = get(`${name}_FILE`)
    if (!direct || !pointer) return pointer ? readPointer(name, pointer, cwd) : direct
    if (direct.rank === pointer.rank) {
      throw new AppError('CONFIG_INVALID', `both ${name} and ${name}_FILE are set`, { hint: 'keep one of the two' })
    }
    return direct.rank === 'environment' ? direct : readPointer(name, pointer, cwd)
  }

  const { home = homedir(), platform = process.platform } = source
  return { cwd, home, platform, written: Object.keys(file), get, getSecret }
}

const FOR_SDKS = /^(AWS|GOOGLE|AZURE)_/

/**
 * Gives the vendors' packages what only `.env` says: they read the variables of the process. What the process has is
 * never changed, so a second call does nothing. For the entry of the program alone, before a vault is opened.
 */
export function exportForSdks(env: Environment, into: Record<string, string | undefined> = process.env): void {
  for (const name of env.written) {
    const found = FOR_SDKS.test(name) ? env.get(name) : null
    if (found?.rank === 'dotenv') into[name] = found.value
  }
}

function readDotenv(path: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (cause) {
    const code = errnoOf(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return {}
    throw new AppError('CONFIG_INVALID', `${path} cannot be read (${code ?? 'unknown error'})`, { cause })
  }
}

function readPointer(name: string, pointer: Found, cwd: string): Found {
  const path = resolve(cwd, pointer.value)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AppError(
      'CONFIG_INVALID',
      `${name}_FILE names ${path}, which cannot be read (${errnoOf(cause) ?? 'unknown error'})`,
      { cause },
    )
  }
  // Editors and `echo` end a file with a line end that is no part of the secret.
  const value = text.replace(/[\r\n]+$/, '')
  if (value === '') throw new AppError('CONFIG_INVALID', `${name}_FILE names ${path}, which is empty`)
  return { value, origin: `${pointer.origin} (${path})`, rank: pointer.rank }
}

const errnoOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null

/** What the surroundings say about terminals; a face decides with its stream what to make of it. */
export interface TerminalWishes {
  /** true: always; false: never; null: when the stream is a terminal. */
  readonly colour: boolean | null
  readonly dumb: boolean
  /** False only when the locale says that the terminal knows nothing but ASCII. */
  readonly unicode: boolean
}

export function readTerminalWishes(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): TerminalWishes {
  const forced = variables['FORCE_COLOR']
  const locale = variables['LC_ALL'] || variables['LC_CTYPE'] || variables['LANG'] || ''
  return {
    colour: variables['NO_COLOR'] ? false : forced ? forced !== '0' : null,
    dumb: variables['TERM'] === 'dumb',
    unicode: variables['TERM'] !== 'linux' && (locale === '' || /utf-?8/i.test(locale)),
  }
}
