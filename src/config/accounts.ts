import { AppError } from '../model/errors.ts'
import type { ConfigFile } from './config-file.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import type { Environment } from './env.ts'
import { nearest } from './shape.ts'
import { type Given, refusal } from './values.ts'

/** Which account of the config file is meant. */
export interface AccountChoice {
  /** Null: the file knows none, or it could not be told which. */
  readonly name: string | null
  /** Why it could not be told; for commands that need an account. */
  readonly undecided: AppError | null
}

/**
 * `asked` is a name, or a cloud name that one account alone has; `cloud` is what `--cloud` says. Without either the only
 * account is meant. Throws USAGE (a flag) or CONFIG_INVALID for an account that is not there.
 */
export function chooseAccount(
  asked: Given | null,
  cloud: Given | null,
  { file, env }: { file: ConfigFile; env: Environment },
): AccountChoice {
  const names = [...file.accounts.keys()]
  const ofCloud = (value: string): readonly string[] => names.filter((name) => cloudOf(name, file, env) === value)
  if (asked !== null) return { name: pick(asked, names, ofCloud), undecided: null }
  if (cloud !== null && names.length > 0) {
    const [first, ...others] = ofCloud(cloud.value)
    if (first === undefined || others.length === 0) return { name: first ?? null, undecided: null }
    return { name: null, undecided: ambiguous(cloud, [first, ...others]) }
  }
  if (names.length <= 1) return { name: names[0] ?? null, undecided: null }
  const message = `${file.path ?? ''} has several accounts: ${names.join(', ')}`
  const hint = 'choose one with --account NAME or CLOUDKEEP_ACCOUNT'
  return { name: null, undecided: new AppError('CONFIG_INVALID', message, { hint }) }
}

function pick(asked: Given, names: readonly string[], ofCloud: (value: string) => readonly string[]): string {
  if (names.includes(asked.value)) return asked.value
  const [first, ...others] = ofCloud(asked.value)
  if (first !== undefined && others.length === 0) return first
  if (first !== undefined) throw ambiguous(asked, [first, ...others])
  const known = names.length === 0 ? 'the config file has no "accounts"' : `accounts are ${names.join(', ')}`
  const hint = [nearest(asked.value, names), known].filter((part) => part !== undefined).join('; ')
  throw refusal(asked.origin, `there is no account "${asked.value}"`, { hint })
}

const ambiguous = ({ value, origin }: Given, names: readonly string[]): AppError =>
  refusal(origin, `the cloud "${value}" belongs to several accounts: ${names.join(', ')}`, {
    hint: 'choose one with --account NAME',
  })

/** What the file says, else what the credentials say; null where neither can be read. */
function cloudOf(name: string, file: ConfigFile, env: Environment): string | null {
  const account = file.accounts.get(name)
  if (account?.cloud) return account.cloud
  if (account?.credentials === undefined) return null
  try {
    return readCredentials(env, account.credentials).cloud?.value ?? null
  } catch (error) {
    // Broken credentials of one account are told when that account is used, not when another one is looked for.
    if (error instanceof AppError) return null
    throw error
  }
}

/**
 * The credentials of an account: those of the variable it names, else the general ones. Throws CONFIG_INVALID where they
 * are of another cloud than the account.
 */
export function credentialsOf(name: string | null, file: ConfigFile, env: Environment): Credentials {
  const account = name === null ? undefined : file.accounts.get(name)
  const credentials = readCredentials(env, account?.credentials)
  if (name === null || !account?.cloud || credentials.cloud === null || credentials.cloud.value === account.cloud) {
    return credentials
  }
  const { value, origin } = credentials.cloud
  throw new AppError(
    'CONFIG_INVALID',
    `${file.path ?? ''} accounts.${name}.cloud: "${account.cloud}", but ${origin} is for the cloud "${value}"`,
    {
      hint:
        account.credentials === undefined
          ? `give the account "credentials": the name of a variable that holds the cloudinary:// URL of ${account.cloud}`
          : 'one of the two is wrong',
    },
  )
}
