import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseRules } from '../backup/rules.ts'
import { AppError, isAppError } from '../model/errors.ts'
import type { Environment } from './env.ts'
import { type FileAccount, type FileValues, type FileVault, fileShape } from './file-shape.ts'
import { nearest, originOf, refusalAt, type Spot } from './shape.ts'
import type { Given } from './values.ts'

const CONFIG_FILE_NAME = 'cloudkeep.config.json'

/** Checked as a whole, whether what it says is used or not. */
export interface ConfigFile {
  /** Null when there is none. */
  readonly path: string | null
  /** Relative paths in the file start here. */
  readonly folder: string
  readonly values: FileValues
  /** In the order of the file. */
  readonly accounts: ReadonlyMap<string, FileAccount>
  readonly vaults: ReadonlyMap<string, FileVault>
  /** A key of the flat form as text; null when it is absent or empty. */
  get(name: string): Given | null
  /** The same of one account. Throws nothing. */
  ofAccount(account: string, name: string): Given | null
}

/**
 * Reads the file named by `--config` or CLOUDKEEP_CONFIG, which must be there, or else `cloudkeep.config.json` of the
 * working directory, which may be absent. Throws CONFIG_INVALID naming the file and the key.
 */
export function readConfigFile(env: Environment, flag: string | undefined): ConfigFile {
  const named = flag ?? env.get('CLOUDKEEP_CONFIG')?.value
  const path = resolve(env.cwd, named ?? CONFIG_FILE_NAME)
  const text = readText(path, named !== undefined)
  const values = text === null ? {} : parseFile(text, path)
  const [accounts, vaults] = [values.accounts ?? new Map(), values.vaults ?? new Map()]
  return {
    path: text === null ? null : path,
    folder: text === null ? env.cwd : dirname(path),
    values,
    accounts,
    vaults,
    get: (name) => givenOf(values, name, { file: path, path: name }),
    ofAccount: (account, name) =>
      givenOf(accounts.get(account) ?? {}, name, { file: path, path: `accounts.${account}.${name}` }),
  }
}

function givenOf(values: object, name: string, at: Spot): Given | null {
  const value: unknown = Object.entries(values).find(([key]) => key === name)?.[1]
  if (value === undefined || value === '') return null
  return { value: Array.isArray(value) ? value.join(',') : String(value), origin: originOf(at) }
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

/** Throws CONFIG_INVALID for what is no JSON, does not have the shape, or names what is not there. */
function parseFile(text: string, path: string): FileValues {
  const at = { file: path, path: '' }
  let json: unknown
  try {
    // Editors on Windows may begin a file with a mark that JSON does not know.
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    // The cause quotes the text around the mistake, which may be a secret that does not belong there.
    const where = /position \d+(?: \(line \d+ column \d+\))?/.exec(error instanceof Error ? error.message : '')?.[0]
    throw refusalAt(at, `not JSON${where === undefined ? '' : ` (${where})`}`)
  }
  refuseSecrets(json, at)
  const values = fileShape.read(json, at)
  checkNames(values, path)
  return values
}

const SECRET_KEY =
  /^(api[_-]?(key|secret)|secret|password|passphrase|token|identity|(aws[_-]?)?(secret[_-]?)?access[_-]?key([_-]?id)?|account[_-]?key|connection[_-]?string|sas([_-]?token)?|writer[_-]?key)$/i
const SECRET_TEXT = /^\s*(CLOUDINARY_URL=)?cloudinary:\/\/|AGE-SECRET-KEY-|AccountKey=|SharedAccessSignature=|[?&]sig=/i

/** Looks everywhere, before anything else could quote what it finds. */
function refuseSecrets(value: unknown, at: Spot): void {
  if (typeof value === 'string' && SECRET_TEXT.test(value)) throw holdsSecret(at)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const spot = {
      file: at.file,
      path: Array.isArray(value) ? `${at.path}[${key}]` : at.path ? `${at.path}.${key}` : key,
    }
    if (SECRET_KEY.test(key) && typeof inner !== 'object') throw holdsSecret(spot)
    refuseSecrets(inner, spot)
  }
}

const holdsSecret = (at: Spot): AppError =>
  refusalAt(
    at,
    'looks like a secret, and secrets do not belong into this file',
    'secrets are read from the environment, .env or a *_FILE, never from this file; "credentials" of an account is the name of a variable',
  )

/** Throws CONFIG_INVALID for overrides that disagree. */
function checkOverrides(overrides: FileValues['overrides'], at: Spot): void {
  try {
    parseRules([], [], { overrides: overrides ?? [] })
  } catch (error) {
    if (!isAppError(error, 'USAGE')) throw error
    throw refusalAt(at, error.message)
  }
}

/** Every name of a vault is one that the file defines, and no two sayings contradict each other. */
function checkNames(values: FileValues, file: string): void {
  const vaults = values.vaults ?? new Map<string, FileVault>()
  const known = [...vaults.keys()]
  checkOverrides(values.overrides, { file, path: 'overrides' })
  const check = (name: string, path: string): void => {
    if (vaults.has(name)) return
    const all = known.length === 0 ? 'the file has no "vaults"' : `vaults are ${known.join(', ')}`
    const hint = [nearest(name, known), all].filter((part) => part !== undefined).join('; ')
    throw refusalAt({ file, path }, `there is no vault "${name}"`, hint)
  }
  const accounts = values.accounts ?? new Map<string, FileAccount>()
  for (const [name, account] of accounts) {
    if (accounts.size > 1 && account.credentials === undefined && !account.cloud) {
      throw refusalAt(
        { file, path: `accounts.${name}` },
        'says neither "credentials" nor "cloud"',
        'one of several accounts needs at least one of them',
      )
    }
    checkOverrides(account.overrides, { file, path: `accounts.${name}.overrides` })
    if (account.vault !== undefined) check(account.vault, `accounts.${name}.vault`)
  }
  for (const [name, { copies = [] }] of vaults) {
    for (const [i, copy] of copies.entries()) {
      const path = `vaults.${name}.copies[${i}]`
      check(copy, path)
      if (copies.indexOf(copy) !== i) throw refusalAt({ file, path }, `"${copy}" is there twice`)
    }
  }
}
