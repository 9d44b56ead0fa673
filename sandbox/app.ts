import { randomBytes } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { adminKey, adminRoutes } from './admin/routes.ts'
import { cloudNamed } from './auth.ts'
import { restoreRoutes } from './backups/routes.ts'
import { deliveryRoutes } from './delivery/routes.ts'
import { ApiError, errorBody } from './errors.ts'
import { countCall, quotaHeaders } from './quota.ts'
import { rawSegments } from './raw-path.ts'
import { areaOf } from './request-log.ts'
import { cachedSearchRoutes } from './search/cached.ts'
import type { World } from './state.ts'
import { uploadRoutes } from './upload/routes.ts'

/** Who asks, and whether the hour has a call left; then the headers that every Admin API answer carries. */
const admitAdmin = (world: World, { incoming, outgoing }: HttpBindings): void => {
  const segments = rawSegments(incoming.url ?? '')
  if (areaOf(segments) !== 'admin') return
  const cloud = cloudNamed(world, segments[1] ?? '')
  const now = world.now()
  try {
    adminKey(cloud, incoming, now)
    countCall(cloud, now)
  } finally {
    for (const [name, value] of Object.entries(quotaHeaders(cloud, now))) outgoing.setHeader(name, value)
  }
}

/** The whole service but for faults and the log. */
export const createApp = (world: World): Hono<{ Bindings: HttpBindings }> => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use('*', async (c, next) => {
    c.env.outgoing.setHeader('X-Request-Id', randomBytes(16).toString('hex'))
    admitAdmin(world, c.env)
    await next()
  })
  app.route('/', restoreRoutes(world))
  app.route('/', uploadRoutes(world))
  app.route('/', adminRoutes(world))
  app.route('/', cachedSearchRoutes(world))
  app.route('/', deliveryRoutes(world))
  app.notFound((c) => c.json(errorBody('Not found'), 404))
  app.onError((error, c) => {
    if (error instanceof ApiError)
      return c.json(errorBody(error.message, error.details), error.status as ContentfulStatusCode)
    console.error(error)
    return c.json(errorBody('General Error'), 500)
  })
  return app
}
