import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { authenticate, cloudNamed } from '../auth.ts'
import { type Params, unflatten } from '../params.ts'
import { decodeSegment, rawQuery, rawSegments } from '../raw-path.ts'
import type { Cloud, JsonValue, World } from '../state.ts'
import { readUploadRequest, requestTarget } from '../upload/request.ts'
import { deleteVersions } from './delete-versions.ts'
import { downloadBackup } from './download.ts'
import { initialBackupReport, listInitialBackups, startInitialBackup } from './initial-backup.ts'
import { restoreByAssetId, restoreByName } from './restore.ts'

type App = Hono<{ Bindings: HttpBindings }>

export interface BackupCall {
  readonly world: World
  readonly cloud: Cloud
  readonly params: Params
  /** Segments after the cloud name, decoded. */
  readonly path: readonly string[]
  /** The api_key that asks. */
  readonly key: string
}

export interface BackupReply {
  readonly status?: number
  readonly body: JsonValue
}

const RESTORABLE = '/v1_1/:cloud/resources/:resourceType{image|video|raw}/:type/restore'

/** Cloudinary's own backup: restore, delete and download kept versions, and the initial backup of what is there. */
export const restoreRoutes = (world: World): App => {
  const app: App = new Hono()
  const callOf = async (c: Context): Promise<BackupCall> => {
    const [, name = '', ...path] = rawSegments(requestTarget(c)).map(decodeSegment)
    const cloud = cloudNamed(world, name)
    const { params } = await readUploadRequest(c)
    const key = authenticate(cloud, c.req.header('authorization'), { params, now: world.now() })
    return { world, cloud, params, path, key }
  }
  const answer = (handle: (call: BackupCall) => BackupReply) => async (c: Context) => {
    const reply = handle(await callOf(c))
    return c.json(reply.body, (reply.status ?? 200) as ContentfulStatusCode)
  }
  app.post(RESTORABLE, answer(restoreByName))
  app.post('/v1_1/:cloud/resources/restore', answer(restoreByAssetId))
  app.delete('/v1_1/:cloud/resources/backup/:assetId', answer(deleteVersions))
  app.post('/v1_1/:cloud/operations/initial_backup', answer(startInitialBackup))
  app.get('/v1_1/:cloud/operations/initial_backup', answer(listInitialBackups))
  app.get('/v1_1/:cloud/operations/initial_backup/:id', answer(initialBackupReport))
  app.get('/v1_1/:cloud/download_backup', (c) => {
    const cloud = cloudNamed(world, c.req.param('cloud'))
    const params = unflatten(new URLSearchParams(rawQuery(requestTarget(c))))
    return downloadBackup({ world, cloud, params, authorization: c.req.header('authorization') }, c.req.raw)
  })
  return app
}
