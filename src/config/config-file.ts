import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { AppError } from '../model/errors.ts'
import type { Environment } from './env.ts'
import type { Given } from './values.ts'

export const CONFIG_FILE_NAME = 'cloudkeep.config.json'

const scalar = z.union([z.string(), z.number(), z.boolean()])
const shape = z.strictObject({
  $schema: z.string().optional(),
  vault: z.string().optional(),
  cloud: z.string().optional(),
  uploadPrefix: z.string().optional(),
  secureDistribution: z.string().optional(),
  cname: z.string().optional(),
  privateCdn: z.boolean().optional(),
  deliveryHosts: z.array(z.string()).optional(),
  concurrency: scalar.optional(),
  bwlimit: scalar.optional(),
  apiReserve: scalar.optional(),
  wait: z.boolean().optional(),
  proxy: z.string().optional(),
  allowCopies: z.boolean().optional(),
  connectTimeout: scalar.optional(),
  headersTimeout: scalar.optional(),
  idleTimeout: scalar.optional(),
})

export interface ConfigFile {
  /** Null when there is none. */
  readonly path: string | null
  /** Relative paths in the file start here. */
  readonly folder: string
  get(name: string): Given | null
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
  if (text === null) return { path: null, folder: env.cwd, get: () => null }
  const values = parseFile(text, path)
  return {
    path,
    folder: dirname(path),
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
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? ''
    throw new AppError('CONFIG_INVALID', `the config file ${path} holds an unknown key "${key}"`, {
      hint: SECRET_KEY.test(key)
        ? 'secrets are read from the environment, .env or a *_FILE, never from this file'
        : `known keys: ${Object.keys(shape.shape).join(', ')}`,
    })
  }
  throw new AppError(
    'CONFIG_INVALID',
    `the config file ${path}: ${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'is not valid'}`,
  )
}
