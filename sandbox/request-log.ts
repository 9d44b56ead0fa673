import type { IncomingMessage, ServerResponse } from 'node:http'
import { rawSegments } from './raw-path.ts'
import type { LoggedRequest } from './state.ts'

/** First words of the paths whose calls count against the hourly quota. */
const ADMIN_WORDS: readonly string[] = [
  'config',
  'derived_resources',
  'folder_operations',
  'folders',
  'metadata_fields',
  'metadata_rules',
  'operations',
  'ping',
  'resources',
  'streaming_profiles',
  'tags',
  'transformations',
  'triggers',
  'upload_mappings',
  'upload_presets',
  'usage',
]

/** By the path alone: which of the service's hosts would have been asked. */
export const areaOf = (segments: readonly string[]): LoggedRequest['area'] => {
  if (segments[0] !== 'v1_1') return segments.length >= 3 ? 'delivery' : 'other'
  const [first = '', second = ''] = segments.slice(2).flatMap((segment) => segment.split(/\/|%2f/i))
  if (ADMIN_WORDS.includes(first)) return 'admin'
  return first === 'download_backup' || second === 'download' || second === 'generate_archive' ? 'download' : 'upload'
}

const cloudOf = (segments: readonly string[]): string | null => {
  const name = segments[0] === 'v1_1' ? segments[1] : segments[0]
  return name === undefined || name === '' ? null : name
}

const lengthOf = (chunk: unknown): number =>
  typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk instanceof Uint8Array ? chunk.byteLength : 0

/** Counts what is handed to the socket as body; a response that is cut off has counted only what it wrote. */
const countBody = (response: ServerResponse, count: (bytes: number) => void): void => {
  const { write, end } = response
  response.write = ((...args: Parameters<typeof write>) => {
    count(lengthOf(args[0]))
    return write.apply(response, args)
  }) as typeof write
  response.end = ((...args: Parameters<typeof end>) => {
    count(lengthOf(args[0]))
    return end.apply(response, args)
  }) as typeof end
}

/** Appends the request to the log; its status and size are filled in while it is answered. */
export const logRequest = (
  log: LoggedRequest[],
  exchange: { request: IncomingMessage; response: ServerResponse },
  at: number,
): LoggedRequest => {
  const { request, response } = exchange
  const target = request.url ?? '/'
  const segments = rawSegments(target)
  const entry: LoggedRequest = {
    at,
    method: request.method ?? 'GET',
    path: target,
    area: areaOf(segments),
    cloud: cloudOf(segments),
    range: request.headers.range ?? null,
    status: 0,
    sent: 0,
    fault: null,
  }
  log.push(entry)
  countBody(response, (bytes) => {
    if (entry.method !== 'HEAD') entry.sent += bytes
  })
  response.once('close', () => {
    if (response.headersSent) entry.status = response.statusCode
  })
  response.once('finish', () => {
    entry.status = response.statusCode
  })
  return entry
}
