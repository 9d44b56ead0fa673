import { inspect } from 'node:util'
import type { Environment } from './env.ts'

/** Everything secret that a run was given. */
export interface Secrets extends StoredSecrets {
  /** The credentials of the account. Both null: none were given. */
  readonly apiKey: string | null
  readonly apiSecret: string | null
}

/** What opens encrypted vaults, and stores. */
interface StoredSecrets {
  /** The text of an age identity file, of one or several lines. */
  readonly identity: string | null
  readonly passphrase: string | null
  /** What is to open a vault that gets new keys. */
  readonly newPassphrase: string | null
  readonly writerKey: string | null
  /** AZURE_STORAGE_CONNECTION_STRING, _ACCOUNT, _KEY and _SAS_TOKEN, of the process or `.env`. */
  readonly storeVariables: Readonly<Record<string, string | undefined>>
}

interface Known extends StoredSecrets {
  /** Whatever else must not be shown. */
  readonly others: readonly string[]
}

const NOTHING: Known = {
  identity: null,
  passphrase: null,
  newPassphrase: null,
  writerKey: null,
  storeVariables: {},
  others: [],
}

const AZURE = ['CONNECTION_STRING', 'ACCOUNT', 'KEY', 'SAS_TOKEN'].map((name) => `AZURE_STORAGE_${name}`)
/** The SDKs read these themselves; known here only so that they are never shown. */
const OTHERS = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AZURE_CLIENT_SECRET']

/** Throws CONFIG_INVALID for a variable that is there twice or names a file that cannot be read. */
export function readStoredSecrets(env: Environment): Known {
  const secret = (name: string): string | null => env.getSecret(name)?.value ?? null
  return {
    identity: secret('CLOUDKEEP_IDENTITY'),
    passphrase: secret('CLOUDKEEP_PASSPHRASE'),
    newPassphrase: secret('CLOUDKEEP_NEW_PASSPHRASE'),
    writerKey: secret('CLOUDKEEP_WRITER_KEY'),
    storeVariables: Object.fromEntries(AZURE.map((name) => [name, env.get(name)?.value])),
    others: OTHERS.flatMap((name) => env.get(name)?.value ?? []),
  }
}

const HIDDEN = '[hidden]'

interface Parts {
  readonly apiKey: string | null
  readonly apiSecret: string | null
  readonly cloud: string | null
  readonly origin: string | null
  readonly missing: readonly string[]
}

/** Holds secrets so that printing, inspecting or serialising it by accident shows none of them. */
export class HiddenSecrets implements Secrets {
  readonly #parts: Parts
  readonly #known: Known
  /** The cloud that the credentials belong to, and where they came from. */
  readonly cloud: string | null
  readonly origin: string | null
  /** Variables that would have to be set for the credentials to be whole. */
  readonly missing: readonly string[]

  constructor(parts: Parts, known: Known = NOTHING) {
    this.#parts = parts
    this.#known = known
    this.cloud = parts.cloud
    this.origin = parts.origin
    this.missing = parts.missing
  }

  get apiKey(): string | null {
    return this.#parts.apiKey
  }

  get apiSecret(): string | null {
    return this.#parts.apiSecret
  }

  get identity(): string | null {
    return this.#known.identity
  }

  get passphrase(): string | null {
    return this.#known.passphrase
  }

  get newPassphrase(): string | null {
    return this.#known.newPassphrase
  }

  get writerKey(): string | null {
    return this.#known.writerKey
  }

  get storeVariables(): Readonly<Record<string, string | undefined>> {
    return this.#known.storeVariables
  }

  /** The same credentials, and these secrets besides. */
  with(known: Known): HiddenSecrets {
    return new HiddenSecrets(this.#parts, known)
  }

  /** The text with every occurrence of a secret replaced; the last door before a stack trace reaches a terminal or a log. */
  redact(text: string): string {
    let clean = text
    for (const secret of secretTexts(this.#parts, this.#known)) {
      for (const form of new Set([secret, encodeURIComponent(secret)])) clean = clean.replaceAll(form, HIDDEN)
    }
    return clean
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return `Secrets ${HIDDEN}`
  }
}

/** Everything that must not be shown, the longest first, so that no part of one is left beside a replaced one. */
function secretTexts({ apiKey, apiSecret }: Parts, known: Known): readonly string[] {
  const { identity, passphrase, newPassphrase, writerKey, storeVariables, others } = known
  const basic = apiKey === null ? null : Buffer.from(`${apiKey}:${apiSecret ?? ''}`).toString('base64')
  const connection = storeVariables['AZURE_STORAGE_CONNECTION_STRING'] ?? ''
  const sas = storeVariables['AZURE_STORAGE_SAS_TOKEN'] ?? ''
  const all = [
    ...[apiSecret, basic, passphrase, newPassphrase, writerKey, identity, ...others],
    ...(identity ?? '').split(/\s+/).filter((word) => word.startsWith('AGE-')),
    ...[connection, storeVariables['AZURE_STORAGE_KEY'], sas, sas.replace(/^\?/, '')],
    ...(/(?:^|[?&])sig=([^&]+)/.exec(sas)?.slice(1) ?? []),
    ...[...connection.matchAll(/(?:AccountKey|SharedAccessSignature)=([^;]+)/gi)].map(([, value]) => value),
  ]
  const secrets = all.filter((secret): secret is string => typeof secret === 'string' && secret.length >= 4)
  return [...new Set(secrets)].sort((a, b) => b.length - a.length)
}
