import { AppError } from '../model/errors.ts'
import { type CloudinaryUrl, parseCloudinaryUrl } from './cloudinary-url.ts'
import type { Environment, Found } from './env.ts'
import { HiddenSecrets } from './secrets.ts'

export interface Credentials {
  readonly secrets: HiddenSecrets
  readonly cloud: { readonly value: string; readonly origin: string } | null
  /** What a CLOUDINARY_URL says besides key, secret and cloud, with where it was found. */
  readonly url: { readonly value: CloudinaryUrl; readonly origin: string } | null
}

interface Trio {
  readonly cloud: string
  readonly key: string
  readonly secret: string
}

const TRIOS: readonly Trio[] = [
  { cloud: 'CLOUDINARY_CLOUD_NAME', key: 'CLOUDINARY_API_KEY', secret: 'CLOUDINARY_API_SECRET' },
  { cloud: 'CLOUD_NAME', key: 'API_KEY', secret: 'API_SECRET' },
]

/**
 * Those of the variable that is named, or of its `_FILE` twin, and no others. Without a name: CLOUDINARY_URL, else the three long names, else the three short ones. A way that the process's own variables use
 * outranks one that only `.env` uses, so that a shell can point a checkout with a `.env` at another account.
 */
export function readCredentials(env: Environment, variable?: string): Credentials {
  if (variable !== undefined) return readNamed(env, variable.replace(/_FILE$/, ''))
  const url = env.getSecret('CLOUDINARY_URL')
  const trios = TRIOS.map((names) => readTrio(env, names)).filter((trio) => trio !== null)
  const strongest = [...trios].sort((a, b) => Number(b.whole) - Number(a.whole))
  const urgent = strongest.find((trio) => trio.whole && trio.rank === 'environment')
  if (url && !(url.rank === 'dotenv' && urgent)) return fromUrl(url)
  const chosen = urgent ?? strongest[0]
  if (!chosen) return noCredentials(['CLOUDINARY_URL'])
  return { secrets: chosen.secrets, cloud: chosen.cloud, url: null }
}

function readNamed(env: Environment, variable: string): Credentials {
  const found = env.getSecret(variable)
  return found === null ? noCredentials([variable]) : fromUrl(found, variable)
}

function fromUrl(found: Found, variable = 'CLOUDINARY_URL'): Credentials {
  const value = parseCloudinaryUrl(found.value, variable)
  const secrets = new HiddenSecrets({
    apiKey: value.apiKey,
    apiSecret: value.apiSecret,
    cloud: value.cloud,
    origin: found.origin,
    missing: value.apiKey && value.apiSecret ? [] : [`${variable} (it holds no API key and secret)`],
  })
  return { secrets, cloud: { value: value.cloud, origin: found.origin }, url: { value, origin: found.origin } }
}

function readTrio(env: Environment, names: Trio) {
  const cloud = env.get(names.cloud)
  const key = env.getSecret(names.key)
  const secret = env.getSecret(names.secret)
  if (!cloud && !key && !secret) return null
  const missing = [cloud ? null : names.cloud, key ? null : names.key, secret ? null : names.secret]
  const found = [cloud, key, secret].filter((part) => part !== null)
  const secrets = new HiddenSecrets({
    apiKey: key?.value ?? null,
    apiSecret: secret?.value ?? null,
    cloud: cloud?.value ?? null,
    origin: found.map((part) => part.origin).join(', '),
    missing: missing.filter((name) => name !== null),
  })
  return {
    secrets,
    whole: found.length === 3,
    rank: found.some((part) => part.rank === 'environment') ? 'environment' : 'dotenv',
    cloud: cloud ? { value: cloud.value, origin: cloud.origin } : null,
  }
}

/** `missing` is what would have to be set. */
export const noCredentials = (missing: readonly string[]): Credentials => ({
  secrets: new HiddenSecrets({ apiKey: null, apiSecret: null, cloud: null, origin: null, missing }),
  cloud: null,
  url: null,
})

/** A cloud name becomes a folder name in the vault and a part of URLs, so nothing else is let through. */
export function checkCloudName(value: string, origin: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(value)) return value
  throw new AppError(
    'CONFIG_INVALID',
    `the cloud name from ${origin} holds something else than letters, digits, - and _`,
    {
      hint: 'the cloud name is the short name shown at the top of the Cloudinary console',
    },
  )
}
