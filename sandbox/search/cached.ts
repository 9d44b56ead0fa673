import { createHash } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { ApiError, badRequest } from '../errors.ts'
import type { Params } from '../params.ts'
import { decodedParts, rawSegments } from '../raw-path.ts'
import type { Cloud, JsonValue, World } from '../state.ts'
import { search } from './routes.ts'

const isSigned = (cloud: Cloud, signature: string, text: string): boolean =>
  cloud.keys.some(
    (key) =>
      key.enabled &&
      createHash('sha256')
        .update(text + key.secret)
        .digest('hex') === signature,
  )

const queryOf = (encoded: string): Params => {
  try {
    const value = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')) as JsonValue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Answered below, as a text that is JSON but no map.
  }
  throw badRequest('Invalid search query')
}

/**
 * The search that the CDN serves: `/<cloud>/search/<signature>/<ttl>/<query>[/<next_cursor>]`. It is not an Admin API
 * call. Answers may be as old as `ttl` seconds; the sandbox caches nothing and says only how long one may.
 */
export const cachedSearchRoutes = (world: World): Hono<{ Bindings: HttpBindings }> => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/:cloud/search/:signature/:ttl/*', (c) => {
    const [name = '', , signature = '', ttl = '', query = '', cursor] = decodedParts(
      rawSegments(c.env.incoming.url ?? ''),
    )
    const cloud = world.clouds.get(name)
    if (cloud === undefined) throw new ApiError(404, 'Not found')
    if (!isSigned(cloud, signature, ttl + query)) throw new ApiError(401, 'Invalid signature')
    const params = { ...queryOf(query), ...(cursor === undefined ? {} : { next_cursor: cursor }) }
    c.header('cache-control', `public, max-age=${Number(ttl) || 0}`)
    return c.json(search({ world, cloud, params }))
  })
  return app
}
