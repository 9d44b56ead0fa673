import { badRequest } from './errors.ts'

/**
 * The path of a request target, still encoded, in segments. URL and router classes resolve dots and decode `%25`, and
 * so lose ids that hold them; this reads the line as it came.
 */
export const rawSegments = (target: string): string[] => {
  const end = target.search(/[?#]/)
  const path = end === -1 ? target : target.slice(0, end)
  const segments = path.split('/').slice(1)
  // The Node SDK encodes some method names whole (`resources%2Fsearch`); no id ever stands first after the cloud.
  if (segments[0] === 'v1_1' && /%2f/i.test(segments[2] ?? ''))
    segments.splice(2, 1, ...(segments[2] ?? '').split(/%2f/i))
  return segments
}

export const rawQuery = (target: string): string => {
  const start = target.indexOf('?')
  return start === -1 ? '' : target.slice(start + 1)
}

export const decodeSegment = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw badRequest(`Invalid encoding in path - ${segment}`)
  }
}

/**
 * The decoded parts between slashes, encoded slashes counted as slashes: the official SDK for Node sends some paths
 * whole, as in `/v1_1/acme/resources%2Fsearch`, and the service takes `a%2Fb` and `a/b` for the same.
 */
export const decodedParts = (segments: readonly string[]): string[] =>
  segments.flatMap((segment) => decodeSegment(segment).split('/'))
