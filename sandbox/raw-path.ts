import { badRequest } from './errors.ts'

/**
 * The path of a request target, still encoded, in segments. URL and router classes resolve dots and decode `%25`, and
 * so lose ids that hold them; this reads the line as it came.
 */
export const rawSegments = (target: string): string[] => {
  const end = target.search(/[?#]/)
  const path = end === -1 ? target : target.slice(0, end)
  return path.split('/').slice(1)
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
