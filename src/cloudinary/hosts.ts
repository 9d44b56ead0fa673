import { AppError } from '../model/errors.ts'

export interface HostOptions {
  readonly cloud: string
  /** `upload_prefix` of the configuration: scheme and host of the API, or of a stand-in for it. */
  readonly uploadPrefix?: string
  readonly secureDistribution?: string
  readonly cname?: string
  /** Further hosts (https) or origins (`http://host:port`, as given) that may be fetched from. */
  readonly deliveryHosts?: readonly string[]
}

const API_HOSTS = ['api.cloudinary.com', 'api-eu.cloudinary.com', 'api-ap.cloudinary.com']
const DELIVERY_HOSTS = ['res.cloudinary.com', ...[1, 2, 3, 4, 5].map((n) => `res-${n}.cloudinary.com`)]

const parseUrl = (text: string): URL | null => {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

/** What the user configured, with or without a scheme, as origins. Throws CONFIG_INVALID. */
const configuredOrigin = (text: string, schemes: readonly string[]): readonly string[] => {
  const given = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const urls = (given ? [text] : schemes.map((scheme) => `${scheme}://${text}`)).map(parseUrl)
  return urls.map((url) => {
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      throw new AppError('CONFIG_INVALID', `not a host or an http(s) origin: ${JSON.stringify(text)}`)
    }
    return url.origin
  })
}

/**
 * The origins that bytes may be fetched from: Cloudinary's over https, and exactly the configured ones. Records and
 * redirects come from outside; whoever writes one must not choose where this machine connects to.
 */
export const allowedOrigins = (options: HostOptions): ReadonlySet<string> => {
  const hosts = [...API_HOSTS, ...DELIVERY_HOSTS, `${options.cloud.toLowerCase()}-res.cloudinary.com`]
  const origins = new Set(hosts.map((host) => `https://${host}`))
  const configured = [
    ...(options.uploadPrefix === undefined ? [] : configuredOrigin(options.uploadPrefix, ['https'])),
    ...(options.secureDistribution === undefined ? [] : configuredOrigin(options.secureDistribution, ['https'])),
    // The SDKs serve a cname over plain http, and most of them answer to both.
    ...(options.cname === undefined ? [] : configuredOrigin(options.cname, ['https', 'http'])),
    ...(options.deliveryHosts ?? []).flatMap((host) => configuredOrigin(host, ['https'])),
  ]
  for (const origin of configured) origins.add(origin)
  return origins
}

/** Throws HOST_REFUSED for a URL that may not be fetched. `about` names the asset, for the message. */
export const checkedUrl = (text: string, origins: ReadonlySet<string>, about: string): URL => {
  const url = parseUrl(text)
  if (url === null) throw new AppError('HOST_REFUSED', `${about}: not a URL that can be fetched`)
  if (origins.has(url.origin) && url.username === '' && url.password === '') return url
  throw new AppError('HOST_REFUSED', `${about}: the record points to ${url.origin}, which is not Cloudinary's`, {
    hint: 'if the host is yours, add it to the delivery hosts in the configuration',
  })
}
