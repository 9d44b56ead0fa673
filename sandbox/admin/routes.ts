import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { authenticate, cloudNamed } from '../auth.ts'
import { ApiError } from '../errors.ts'
import { type Params, parseBody, unflatten } from '../params.ts'
import { decodedParts, decodeSegment, rawQuery, rawSegments } from '../raw-path.ts'
import { folderSearchRoutes } from '../search/folders.ts'
import { searchRoutes } from '../search/routes.ts'
import type { Cloud, World } from '../state.ts'
import { accountRoutes } from './account.ts'
import { type AdminRoute, isReply, matchPattern } from './call.ts'
import { deletionRoutes } from './deletion.ts'
import { detailsRoutes } from './details.ts'
import { fieldRoutes } from './fields.ts'
import { folderRoutes } from './folders.ts'
import { listingRoutes } from './listing.ts'
import { mappingRoutes } from './mappings.ts'
import { presetRoutes } from './presets.ts'
import { profileRoutes } from './profiles.ts'
import { relatedRoutes } from './related.ts'
import { ruleRoutes } from './rules.ts'
import { transformationRoutes } from './transformations.ts'
import { triggerRoutes } from './triggers.ts'
import { updateRoutes } from './update.ts'

/** The first match answers, so words stand before variables. */
const ROUTES: readonly AdminRoute[] = [
  ...searchRoutes,
  ...listingRoutes,
  ...relatedRoutes,
  ...detailsRoutes,
  ...updateRoutes,
  ...deletionRoutes,
  ...accountRoutes,
  ...folderSearchRoutes,
  ...folderRoutes,
  ...fieldRoutes,
  ...mappingRoutes,
  ...presetRoutes,
  ...profileRoutes,
  ...ruleRoutes,
  ...transformationRoutes,
  ...triggerRoutes,
]

interface Match {
  readonly route: AdminRoute
  readonly path: { readonly [name: string]: string }
}

const findRoute = (method: string, parts: readonly string[]): Match | undefined => {
  for (const route of ROUTES) {
    if (route.method !== method) continue
    const path = matchPattern(route.pattern, parts)
    if (path !== undefined) return { route, path }
  }
  return undefined
}

const readAll = async (incoming: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Some clients send the JSON of a search as the body of a GET, which the Fetch API's Request cannot hold. */
const bodyOf = async (request: Request, bindings: HttpBindings): Promise<Buffer> =>
  request.method === 'GET' || request.method === 'HEAD'
    ? readAll(bindings.incoming)
    : Buffer.from(await request.arrayBuffer())

const queryOf = (incoming: IncomingMessage): Params => unflatten(new URLSearchParams(rawQuery(incoming.url ?? '')))

/** The api_key that asks, by Basic authentication or a signed query. Throws the 401. */
export const adminKey = (cloud: Cloud, incoming: IncomingMessage, now: number): string =>
  authenticate(cloud, incoming.headers.authorization, { params: queryOf(incoming), now })

const paramsOf = async (request: Request, bindings: HttpBindings): Promise<Params> => {
  const query = queryOf(bindings.incoming)
  const body = await bodyOf(request, bindings)
  return { ...query, ...(await parseBody(body, request.headers.get('content-type') ?? '')) }
}

/** The Admin API and the Search API, but for what `upload/`, `backups/` and `delivery/` answer. */
export const adminRoutes = (world: World): Hono<{ Bindings: HttpBindings }> => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.all('/v1_1/:cloud/*', async (c) => {
    const [, name = '', ...segments] = rawSegments(c.env.incoming.url ?? '')
    const cloud = cloudNamed(world, decodeSegment(name))
    const match = findRoute(c.req.method === 'HEAD' ? 'GET' : c.req.method, decodedParts(segments))
    if (match === undefined) throw new ApiError(404, 'Not found')
    const params = await paramsOf(c.req.raw, c.env)
    const now = world.now()
    const key = adminKey(cloud, c.env.incoming, now)
    const answer = match.route.handle({ world, cloud, path: match.path, params, key, now })
    return isReply(answer) ? c.json(answer.body, answer.status as ContentfulStatusCode) : c.json(answer)
  })
  return app
}
