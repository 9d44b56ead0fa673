import { badRequest } from '../errors.ts'
import { idsOf, textOf } from '../params.ts'
import { type Rendered, uploadResponse } from '../render.ts'
import type { Asset, BackupVersion, JsonValue } from '../state.ts'
import { recordEvent } from '../webhooks.ts'
import type { BackupCall, BackupReply } from './routes.ts'
import { isKept, restoreVersion } from './versions.ts'

const MOST = 100

interface Wish {
  /** As it was sent: the key of its answer. */
  readonly id: string
  readonly asset: Asset | undefined
  /** The latest that can be restored when it is not given. */
  readonly versionId: string | undefined
}

const versionFor = (asset: Asset, versionId: string | undefined): BackupVersion | undefined =>
  versionId === undefined
    ? asset.versions.findLast((version) => version.restorable)
    : asset.versions.find((version) => version.versionId === versionId)

const tell = (call: BackupCall, asset: Asset, answer: Rendered): void => {
  recordEvent(call.world, call.cloud, {
    type: 'restore_asset_version',
    body: {
      resources: [
        {
          asset_id: asset.assetId,
          public_id: asset.publicId,
          resource_type: asset.resourceType,
          type: asset.type,
          version: answer['version'] ?? null,
          version_id: answer['version_id'] ?? null,
        },
      ],
    },
    notificationUrl: textOf(call.params, 'notification_url'),
    apiKey: call.key,
  })
}

const restoreOne = (call: BackupCall, { asset, versionId }: Wish): JsonValue => {
  if (asset === undefined || asset.versions.length === 0) return { error: 'no_backup' }
  const kept = versionFor(asset, versionId)
  if (kept === undefined) return { error: 'no_backup' }
  if (!kept.restorable) return { error: 'failed' }
  restoreVersion(call.world, call.cloud, { asset, kept })
  const answer = uploadResponse({ world: call.world, cloud: call.cloud }, asset)
  tell(call, asset, answer)
  return answer
}

/** Answers 200 with one member for each id, however many of them failed. */
const restoreAll = (call: BackupCall, wishes: readonly Wish[]): BackupReply => ({
  body: Object.fromEntries(wishes.map((wish) => [wish.id, restoreOne(call, wish)])),
})

const requiredIds = (call: BackupCall, name: string): string[] => {
  const ids = idsOf(call.params, name) ?? []
  if (ids.length === 0) throw badRequest(`${name} parameter is required`)
  if (ids.length > MOST) throw badRequest(`${name} must be at most ${MOST} items`)
  return ids
}

const versionsOf = (call: BackupCall, count: number): (string | undefined)[] => {
  const versions = idsOf(call.params, 'versions')
  if (versions === undefined) return Array.from({ length: count }, () => undefined)
  if (versions.length !== count) throw badRequest('versions count must match ids count')
  // An empty place means the latest.
  return versions.map((version) => (version === '' || version === 'null' ? undefined : version))
}

/** `POST /resources/:resource_type/:type/restore` */
export const restoreByName = (call: BackupCall): BackupReply => {
  const [, resourceType = '', type = ''] = call.path
  if (!isKept(type)) throw badRequest(`Invalid value ${type} for parameter type`)
  const ids = requiredIds(call, 'public_ids')
  const versions = versionsOf(call, ids.length)
  const wishes = ids.map((id, at) => ({
    id,
    asset: call.cloud.shelf.byName(resourceType, type, id),
    versionId: versions[at],
  }))
  return restoreAll(call, wishes)
}

/** `POST /resources/restore` */
export const restoreByAssetId = (call: BackupCall): BackupReply => {
  const ids = requiredIds(call, 'asset_ids')
  const wrong = ids.find((id) => !/^[0-9a-f]{32}$/.test(id))
  if (wrong !== undefined) throw badRequest(`Invalid asset_id: ${wrong}`)
  const versions = versionsOf(call, ids.length)
  return restoreAll(
    call,
    ids.map((id, at) => ({ id, asset: call.cloud.shelf.byId(id), versionId: versions[at] })),
  )
}
