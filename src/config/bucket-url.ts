import type { LockWish } from '../model/protection.ts'
import type { BucketOptions, BucketPlace, Vendor } from '../model/vault-place.ts'
import { type Given, parseCount, parseHttpUrl, parseSwitch, refusal } from './values.ts'

/** What each vendor's URL may say. */
const PARAMETERS: Readonly<Record<Vendor, readonly string[]>> = {
  s3: [
    'endpoint',
    'region',
    'path-style',
    'storage-class',
    'encryption',
    'encryption-key',
    'profile',
    'lock',
    'lock-days',
  ],
  gs: ['endpoint', 'storage-class', 'encryption-key', 'project', 'lock', 'lock-days'],
  az: ['endpoint', 'account', 'storage-class', 'encryption-key', 'lock', 'lock-days'],
}

const BUCKET: Readonly<Record<Vendor, readonly [pattern: RegExp, wanted: string]>> = {
  s3: [
    /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/,
    'the name of a bucket: 3 to 63 letters, digits, dots and hyphens',
  ],
  gs: [/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'the name of a bucket: lower-case letters, digits, dots, - and _'],
  az: [
    /^(?:\$root|[a-z0-9](?:-?[a-z0-9]){2,62})$/,
    'the name of a container: 3 to 63 lower-case letters, digits and -',
  ],
}

const SEGMENT = /^[A-Za-z0-9._-]+$/
const isSafe = (segment: string): boolean => SEGMENT.test(segment) && segment !== '.' && segment !== '..'

const isVendor = (scheme: string): scheme is Vendor => Object.hasOwn(PARAMETERS, scheme)

/** `s3://bucket/prefix?region=eu-central-1`. Throws USAGE (a flag) or CONFIG_INVALID, naming the part that is wrong. */
export function parseBucketUrl(given: Given, scheme: string): BucketPlace {
  const { value, origin } = given
  if (!isVendor(scheme)) {
    throw refusal(origin, `${scheme}:// is not a place for a vault`, {
      hint: 'a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix',
    })
  }
  const rest = value.slice(scheme.length + 3)
  const [path = '', query = ''] = splitOnce(rest, '?')
  if (/[@#]/.test(path) || rest.includes('#')) {
    throw refusal(origin, `${scheme}://… holds an @ or a #`, {
      hint: 'credentials are never part of the URL: they come from the environment or the files of the vendor’s tools',
    })
  }
  const [bucket = '', ...segments] = path.replace(/\/+$/, '').split('/')
  const [pattern, wanted] = BUCKET[scheme]
  if (!pattern.test(bucket)) throw refusal(origin, `"${bucket}" is not ${wanted}`)
  const bad = segments.find((segment) => !isSafe(segment))
  if (bad !== undefined) {
    throw refusal(origin, `"${bad}" cannot be part of the prefix of a vault`, {
      hint: 'letters, digits, dots, - and _, in folders separated by one slash',
    })
  }
  return { vendor: scheme, bucket, prefix: segments.join('/'), options: parseOptions(scheme, query, origin) }
}

/** The URL that gives this place, parameters and all. */
export function formatBucketUrl({ vendor, bucket, prefix, options }: BucketPlace): string {
  const { lock, pathStyle } = options
  const parameters: Readonly<Record<string, string | undefined>> = {
    endpoint: options.endpoint,
    region: options.region,
    'path-style': pathStyle === undefined ? undefined : String(pathStyle),
    'storage-class': options.storageClass,
    encryption: options.encryption,
    'encryption-key': options.encryptionKey,
    profile: options.profile,
    project: options.project,
    account: options.account,
    lock: lock?.mode,
    'lock-days': lock?.days.toString(),
  }
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${encode(value)}`,
  )
  const place = `${vendor}://${bucket}${prefix === '' ? '' : `/${prefix}`}`
  return given.length === 0 ? place : `${place}?${given.join('&')}`
}

/** Only what would end the value: an address stays readable. */
const encode = (value: string): string => encodeURIComponent(value).replace(/%(2F|3A)/g, decodeURIComponent)

const splitOnce = (text: string, mark: string): [string, string] => {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function parseOptions(vendor: Vendor, query: string, origin: string): BucketOptions {
  const known = PARAMETERS[vendor]
  const found = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      throw refusal(origin, `${vendor}:// knows no parameter "${name}"`, { hint: `known are ${known.join(', ')}` })
    }
    if (found.has(name)) throw refusal(origin, `the parameter "${name}" is there twice`)
    if (value === '') throw refusal(origin, `the parameter "${name}" is empty`)
    found.set(name, value)
  }
  const text = (name: string): string | undefined => found.get(name)
  const at = (name: string): Given | null => {
    const value = found.get(name)
    return value === undefined ? null : { value, origin: `${origin}, ${name}` }
  }
  const [endpoint, pathStyle] = [at('endpoint'), at('path-style')]
  const options: { -readonly [K in keyof BucketOptions]: BucketOptions[K] | undefined } = {
    endpoint: endpoint === null ? undefined : parseHttpUrl(endpoint),
    pathStyle: pathStyle === null ? undefined : parseSwitch(pathStyle),
    region: text('region'),
    storageClass: text('storage-class'),
    encryption: text('encryption'),
    encryptionKey: text('encryption-key'),
    profile: text('profile'),
    project: text('project'),
    account: text('account'),
    lock: parseLock(at('lock'), at('lock-days'), origin),
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function parseLock(mode: Given | null, days: Given | null, origin: string): LockWish | undefined {
  if (mode === null && days === null) return undefined
  if (mode === null || days === null) {
    throw refusal(origin, 'lock and lock-days go together', { hint: 'such as lock=compliance&lock-days=90' })
  }
  const word = mode.value.toLowerCase()
  if (word !== 'governance' && word !== 'compliance') {
    throw refusal(mode.origin, `"${mode.value}" is neither governance nor compliance`)
  }
  return { mode: word, days: parseCount(days, { min: 1, max: 36_500 }) }
}
