import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AppError } from '../model/errors.ts'
import type { Environment } from './env.ts'
import type { Given } from './values.ts'

const CONFIG_FILE_NAME = 'cloudkeep.config.json'

type Kind = 'text' | 'switch' | 'list' | 'any' | 'section'

// Checked by hand: a schema library would take longer to load than everything else that a command does at its start.
const KEYS: Readonly<Record<string, Kind>> = {
  $schema: 'text',
  vault: 'text',
  cloud: 'text',
  uploadPrefix: 'text',
  secureDistribution: 'text',
  cname: 'text',
  privateCdn: 'switch',
  deliveryHosts: 'list',
  concurrency: 'any',
  bwlimit: 'any',
  apiReserve: 'any',
  wait: 'switch',
  proxy: 'text',
  allowCopies: 'switch',
  connectTimeout: 'any',
  headersTimeout: 'any',
  idleTimeout: 'any',
  retention: 'section',
}

const WANTED: Readonly<Record<Kind, readonly [text: string, fits: (value: unknown) => boolean]>> = {
  text: ['a text', (value) => typeof value === 'string'],
  switch: ['true or false', (value) => typeof value === 'boolean'],
  list: ['a list of texts', (value) => Array.isArray(value) && value.every((each) => typeof each === 'string')],
  section: ['an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)],
  any: ['a text or a number', (value) => typeof value === 'string' || typeof value === 'number'],
}

export interface ConfigFile {
  /** Null when there is none. */
  readonly path: string | null
  /** Relative paths in the file start here. */
  readonly folder: string
  get(name: string): Given | null
  /** A part of the file that has keys of its own; undefined when it is not there. */
  section(name: string): unknown
}

const SECRET_KEY = /key|secret|password|token|url/i

/**
 * Reads the file named by `--config` or CLOUDKEEP_CONFIG, which must be there, or else `cloudkeep.config.json` of the
 * working directory, which may be absent. Throws CONFIG_INVALID naming the file and the key.
 */
export function readConfigFile(env: Environment, flag: string | undefined): ConfigFile {
  const named = flag ?? env.get('CLOUDKEEP_CONFIG')?.value
  const path = resolve(env.cwd, named ?? CONFIG_FILE_NAME)
  const text = readText(path, named !== undefined)
  if (text === null) return { path: null, folder: env.cwd, get: () => null, section: () => undefined }
  const values = parseFile(text, path)
  return {
    path,
    folder: dirname(path),
    section: (name) => values[name],
    get: (name) => {
      const value = values[name]
      if (value === undefined || value === '') return null
      return { value: Array.isArray(value) ? value.join(',') : String(value), origin: `${path} ${name}` }
    },
  }
}

function readText(path: string, required: boolean): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const absent = cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
    if (absent && !required) return null
    throw new AppError('CONFIG_INVALID', `the config file ${path} ${absent ? 'does not exist' : 'cannot be read'}`, {
      cause,
    })
  }
}

function parseFile(text: string, path: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `the config file ${path} is not JSON`, { cause })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new AppError('CONFIG_INVALID', `the config file ${path} is not a JSON object`)
  }
  const values: Readonly<Record<string, unknown>> = { ...json }
  for (const [key, value] of Object.entries(values)) checkValue(key, value, path)
  return values
}

function checkValue(key: string, value: unknown, path: string): void {
  const kind = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
  if (kind === undefined) {
    throw new AppError('CONFIG_INVALID', `the config file ${path} holds an unknown key "${key}"`, {
      hint: SECRET_KEY.test(key)
        ? 'secrets are read from the environment, .env or a *_FILE, never from this file'
        : `known keys: ${Object.keys(KEYS).join(', ')}`,
    })
  }
  const [wanted, fits] = WANTED[kind]
  if (!fits(value)) throw new AppError('CONFIG_INVALID', `the config file ${path}: "${key}" is not ${wanted}`)
}
