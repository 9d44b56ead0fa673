import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { rawSegments } from '../raw-path.ts'
import type { World } from '../state.ts'
import { requestTarget } from '../upload/request.ts'
import { deliver, refuseUnknown } from './deliver.ts'
import { decodeLoosely, parseTarget } from './target.ts'

/** What the CDN delivers: every GET that is not one of the API. */
export const deliveryRoutes = (world: World): Hono<{ Bindings: HttpBindings }> => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('*', (c, next) => {
    const segments = rawSegments(requestTarget(c))
    const cloud = world.clouds.get(decodeLoosely(segments[0] ?? ''))
    if (segments[0] === 'v1_1' || segments.length < 4) return next()
    const target = cloud === undefined ? undefined : parseTarget(cloud, segments)
    return target === undefined ? refuseUnknown(segments.slice(3).join('/')) : deliver(world, target, c.req.raw)
  })
  return app
}
