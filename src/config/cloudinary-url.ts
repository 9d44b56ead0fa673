import { AppError } from '../model/errors.ts'

/** What a CLOUDINARY_URL says. Key and secret stay exactly as written: the official SDKs do not percent-decode them. */
export interface CloudinaryUrl {
  readonly cloud: string
  readonly apiKey: string | null
  readonly apiSecret: string | null
  readonly privateCdn: boolean
  readonly secureDistribution: string | null
  readonly uploadPrefix: string | null
  readonly cname: string | null
  readonly apiProxy: string | null
  /** Every query parameter, `a[b]=c` nested; values are always text. */
  readonly options: UrlOptions
}

interface UrlOptions {
  readonly [key: string]: string | UrlOptions
}

type MutableOptions = { [key: string]: string | MutableOptions }

const SHAPE = 'it should look like cloudinary://API_KEY:API_SECRET@CLOUD_NAME'

/**
 * Reads a CLOUDINARY_URL as the official Node SDK does: the scheme in any case, a path is the host for secure
 * delivery and means a private CDN, and every query parameter overrides what came before it.
 * Throws CONFIG_INVALID, which names the variable and never quotes the value.
 */
export function parseCloudinaryUrl(text: string, variable = 'CLOUDINARY_URL'): CloudinaryUrl {
  if (!/^cloudinary:\/\//i.test(text)) {
    const pasted = /^CLOUDINARY_URL\s*=/i.test(text)
    throw new AppError('CONFIG_INVALID', `${variable} does not begin with cloudinary://`, {
      hint: pasted ? `leave out the leading "CLOUDINARY_URL="; ${SHAPE}` : SHAPE,
    })
  }
  const url = toUrl(text, variable)
  if (/%3c|%3e|your_api_|your_cloud/i.test(`${url.username}${url.password}${url.hostname}`)) {
    throw new AppError('CONFIG_INVALID', `${variable} still holds a placeholder`, {
      hint: 'copy the real value from the API keys page of the Cloudinary console',
    })
  }
  const path = url.pathname === '/' ? '' : url.pathname.slice(1)
  const options = readOptions(url.searchParams)
  const option = (name: string): string | null => {
    const value = options[name]
    return typeof value === 'string' ? value : null
  }
  const cloud = option('cloud_name') ?? url.hostname
  if (cloud === '') throw new AppError('CONFIG_INVALID', `${variable} names no cloud`, { hint: SHAPE })
  const privateCdn = option('private_cdn')
  return {
    cloud,
    apiKey: option('api_key') ?? (url.username || null),
    apiSecret: option('api_secret') ?? (url.password || null),
    privateCdn: privateCdn === null ? path !== '' : isTrue(privateCdn),
    secureDistribution: option('secure_distribution') ?? (path || null),
    uploadPrefix: option('upload_prefix'),
    cname: option('cname'),
    apiProxy: option('api_proxy'),
    options,
  }
}

function toUrl(text: string, variable: string): URL {
  try {
    return new URL(text)
  } catch {
    // The cause is dropped on purpose: it carries the whole text, secret included.
    throw new AppError('CONFIG_INVALID', `${variable} cannot be read as a URL`, { hint: SHAPE })
  }
}

// The Node SDK takes "false" for true, as any text is; what people mean by it is clear.
const isTrue = (value: string): boolean => value !== '' && value !== '0' && value.toLowerCase() !== 'false'

function readOptions(params: URLSearchParams): UrlOptions {
  // Without a prototype, a parameter called __proto__ is a parameter like any other.
  const options: MutableOptions = Object.create(null)
  for (const [key, value] of new Map(params)) {
    const chain = key.split(/[[\]]+/).filter((part) => part !== '')
    const last = chain.pop()
    if (last === undefined) continue
    let outer = options
    for (const part of chain) {
      const inner = outer[part]
      if (typeof inner === 'object') {
        outer = inner
      } else {
        const made: MutableOptions = Object.create(null)
        outer[part] = made
        outer = made
      }
    }
    outer[last] = value
  }
  return options
}
