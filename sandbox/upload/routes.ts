import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { cloudNamed } from '../auth.ts'
import { download } from '../delivery/download.ts'
import { ApiError } from '../errors.ts'
import type { Params } from '../params.ts'
import { decodeSegment, rawSegments } from '../raw-path.ts'
import type { World } from '../state.ts'
import { type Authorized, authorizeCaller, authorizeUpload, type Credentials } from './authorize.ts'
import { context, metadata, tags } from './bulk.ts'
import type { UploadCall, UploadMethod } from './call.ts'
import { deleteByToken } from './delete-token.ts'
import { destroy, destroyById } from './destroy.ts'
import { explicit } from './explicit.ts'
import { rename } from './rename.ts'
import { readUploadRequest, requestTarget } from './request.ts'
import { upload } from './upload.ts'

type App = Hono<{ Bindings: HttpBindings }>

const unsupported = (): never => {
  throw new ApiError(501, 'The sandbox does not generate assets')
}

const METHODS: Readonly<Record<string, UploadMethod>> = {
  explicit,
  rename,
  destroy,
  tags,
  context,
  metadata,
  generate_archive: unsupported,
  explode: unsupported,
  multi: unsupported,
  sprite: unsupported,
  text: unsupported,
}

const withoutBlanks = (params: Params): Params =>
  Object.fromEntries(Object.entries(params).filter(([, value]) => value !== ''))

const TYPED = 'image|video|raw|all'

/** The Upload API, one file of this folder for each of its methods, and the downloads that share its signature. */
export const uploadRoutes = (world: World): App => {
  const app: App = new Hono()
  const callOf = async (c: Context, authorize: (cloud: UploadCall['cloud'], request: Credentials) => Authorized) => {
    const [, name = '', first = ''] = rawSegments(requestTarget(c)).map(decodeSegment)
    const cloud = cloudNamed(world, name)
    const { params, file } = await readUploadRequest(c)
    const said = cloud.settings.blanksIgnored ? withoutBlanks(params) : params
    const authorized = authorize(cloud, {
      params: said,
      authorization: c.req.header('authorization'),
      now: world.now(),
    })
    const resourceType = first === 'upload' ? 'auto' : first
    return { world, cloud, resourceType, file, ...authorized, header: (header: string) => c.req.header(header) }
  }
  const uploading = async (c: Context) => c.json(await upload(await callOf(c, authorizeUpload)))
  app.post('/v1_1/:cloud/upload', uploading)
  app.post('/v1_1/:cloud/:resourceType{image|video|raw|auto}/:method{upload|upload_chunked}', uploading)
  app.post('/v1_1/:cloud/asset/destroy', async (c) => c.json(destroyById(await callOf(c, authorizeCaller))))
  const byToken = (cloud: UploadCall['cloud'], { params }: Credentials): Authorized => ({
    key: cloud.keys[0]?.key ?? '',
    unsigned: true,
    params,
  })
  app.post('/v1_1/:cloud/delete_by_token', async (c) => c.json(deleteByToken(await callOf(c, byToken))))
  for (const [name, method] of Object.entries(METHODS)) {
    app.on(
      ['POST', ...(name === 'generate_archive' ? ['GET'] : [])],
      `/v1_1/:cloud/:resourceType{${TYPED}}/${name}`,
      async (c) => c.json(await method(await callOf(c, authorizeCaller))),
    )
  }
  app.on(['GET', 'POST'], '/v1_1/:cloud/:kind{image|video|raw|asset}/download', async (c) => {
    const [, name = '', kind = ''] = rawSegments(requestTarget(c)).map(decodeSegment)
    const cloud = cloudNamed(world, name)
    const { params } = await readUploadRequest(c)
    return download({ world, cloud, kind, params, authorization: c.req.header('authorization') }, c.req.raw)
  })
  return app
}
