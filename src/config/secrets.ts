import { inspect } from 'node:util'

/** The credentials of the account. Both null: none were given. */
export interface Secrets {
  readonly apiKey: string | null
  readonly apiSecret: string | null
}

const HIDDEN = '[hidden]'

/** Holds the credentials so that printing, inspecting or serialising it by accident shows none of them. */
export class HiddenSecrets implements Secrets {
  readonly #apiKey: string | null
  readonly #apiSecret: string | null
  /** The cloud that the credentials belong to, and where they came from. */
  readonly cloud: string | null
  readonly origin: string | null
  /** Variables that would have to be set for the credentials to be whole. */
  readonly missing: readonly string[]

  constructor(parts: {
    apiKey: string | null
    apiSecret: string | null
    cloud: string | null
    origin: string | null
    missing: readonly string[]
  }) {
    this.#apiKey = parts.apiKey
    this.#apiSecret = parts.apiSecret
    this.cloud = parts.cloud
    this.origin = parts.origin
    this.missing = parts.missing
  }

  get apiKey(): string | null {
    return this.#apiKey
  }

  get apiSecret(): string | null {
    return this.#apiSecret
  }

  /** The text with every occurrence of a secret replaced; the last door before a stack trace reaches a terminal or a log. */
  redact(text: string): string {
    let clean = text
    const basic = Buffer.from(`${this.#apiKey ?? ''}:${this.#apiSecret ?? ''}`).toString('base64')
    for (const secret of [this.#apiSecret, this.#apiKey === null ? null : basic]) {
      if (secret === null || secret.length < 4) continue
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
