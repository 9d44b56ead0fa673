import { parseByteSize } from '../lib/byte-size.ts'
import { parseTimetable, type Timetable } from '../lib/timetable.ts'
import { AppError, type AppErrorOptions, isAppError } from '../model/errors.ts'

/** A text from a flag, a variable or the config file, with the name under which the user gave it. */
export interface Given {
  readonly value: string
  readonly origin: string
}

/** USAGE for what a flag said, CONFIG_INVALID for anything else. */
export const refusal = (origin: string, message: string, options: AppErrorOptions = {}): AppError =>
  new AppError(origin.startsWith('flag') ? 'USAGE' : 'CONFIG_INVALID', `${origin}: ${message}`, options)

const refuse = ({ value, origin }: Given, wanted: string): AppError =>
  refusal(origin, `${looksSecret(value) ? 'a text that may hold a secret' : `"${value}"`} is not ${wanted}`)

/** Whether a text may be a URL with credentials in it, which no message repeats. */
export const looksSecret = (text: string): boolean => /:\/\/[^/]*@/.test(text)

export function parseCount(given: Given, range: { min: number; max: number }): number {
  const count = /^\d+$/.test(given.value) ? Number(given.value) : Number.NaN
  if (!(count >= range.min && count <= range.max))
    throw refuse(
      given,
      `a whole number from ${range.min} ${range.max === Number.MAX_SAFE_INTEGER ? 'on' : `to ${range.max}`}`,
    )
  return count
}

export function parseSwitch(given: Given): boolean {
  const word = given.value.toLowerCase()
  if (['1', 'true', 'yes', 'on'].includes(word)) return true
  if (['0', 'false', 'no', 'off'].includes(word)) return false
  throw refuse(given, 'yes or no')
}

/** `10M`, `off`, or a timetable of such rates. */
export const parseBandwidth = (given: Given): Timetable => asGiven(given, parseTimetable)

/** Bytes, such as `4G`; at least 64 MiB, because less would make large files wait for one another. */
export function parseScratch(given: Given): number {
  const size = parseByteSize(given.value) ?? 0
  if (size < 64 * 1024 ** 2) throw refuse(given, 'a size of at least 64M, such as 512M, 4G or 1.5T')
  return size
}

/** What a parser of plain text refuses with USAGE, told with the name under which it was given. */
function asGiven<T>({ value, origin }: Given, parse: (text: string) => T): T {
  try {
    return parse(value)
  } catch (error) {
    if (!isAppError(error, 'USAGE')) throw error
    throw refusal(origin, error.message, error.hint === undefined ? {} : { hint: error.hint })
  }
}

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, '': 1000, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds. A bare number is seconds. */
export function parseDuration(given: Given): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|)$/.exec(given.value)
  const unit = TIME_UNITS[match?.[2] ?? '']
  const time = match && unit !== undefined ? Number(match[1]) * unit : 0
  if (time < 1) throw refuse(given, 'a time such as 500ms, 30s or 2m')
  return Math.round(time)
}

/** An http(s) URL without a trailing slash, credentials, query or fragment. */
export function parseHttpUrl(given: Given): string {
  const url = toHttpUrl(given.value)
  if (!url || url.search || url.hash || url.username || url.password)
    throw refuse(given, 'a plain http:// or https:// address')
  return given.value.replace(/\/+$/, '')
}

/** Like `parseHttpUrl`, but may carry the proxy's own credentials, and is therefore never quoted in an error. */
export function parseProxyUrl(given: Given): string {
  const url = toHttpUrl(given.value.includes('://') ? given.value : `http://${given.value}`)
  if (url) return url.href.replace(/\/+$/, '')
  throw refuse({ value: '…', origin: given.origin }, 'the http:// or https:// address of a proxy')
}

function toHttpUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null
  return url && /^https?:$/.test(url.protocol) ? url : null
}

/** A host name, perhaps with a port. */
export function parseHost(given: Given): string {
  const bare = given.value.replace(/^https?:\/\//i, '').replace(/\/+$/, '')
  const url = URL.canParse(`https://${bare}`) ? new URL(`https://${bare}`) : null
  if (url?.pathname !== '/' || url.search || url.hash || url.username) throw refuse(given, 'a host name')
  return bare.toLowerCase()
}

export const parseHosts = (given: Given): readonly string[] =>
  given.value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((value) => parseHost({ value, origin: given.origin }))
