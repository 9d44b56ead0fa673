import type { Params } from '../params.ts'
import type { Cloud, JsonValue, World } from '../state.ts'

/** One Admin API request: who asks was checked, the quota was counted, the path was matched. */
export interface AdminCall {
  readonly world: World
  readonly cloud: Cloud
  /** Decoded parts of the path by the names of the route; `rest` holds slashes as they are in the id. */
  readonly path: { readonly [name: string]: string }
  /** Query and body together; the body wins. */
  readonly params: Params
  /** The api_key that asks. */
  readonly key: string
  readonly now: number
}

const REPLY = Symbol('reply')

export interface AdminReply {
  readonly [REPLY]: true
  readonly status: number
  readonly body: JsonValue
}

/** A plain value is sent with status 200. */
type AdminHandler = (call: AdminCall) => JsonValue | AdminReply

/** An answer with a status other than 200. */
export const replyWith = (status: number, body: JsonValue): AdminReply => ({ [REPLY]: true, status, body })

export const isReply = (value: JsonValue | AdminReply): value is AdminReply =>
  typeof value === 'object' && value !== null && REPLY in value

export interface AdminRoute {
  readonly method: string
  /** Segments: a word, `:name` for one segment, and at the end `*` for all the rest (at least one). */
  readonly pattern: string
  readonly handle: AdminHandler
}

/** The variable parts of a path that is decoded already; undefined when the route is another. */
export const matchPattern = (pattern: string, path: readonly string[]): { [name: string]: string } | undefined => {
  const parts = pattern.split('/')
  const open = parts.at(-1) === '*'
  if (open ? path.length < parts.length : path.length !== parts.length) return undefined
  const out: { [name: string]: string } = {}
  for (const [at, part] of parts.entries()) {
    if (part === '*') out['rest'] = path.slice(at).join('/')
    else if (part.startsWith(':')) out[part.slice(1)] = path[at] ?? ''
    else if (path[at] !== part) return undefined
  }
  return out
}
