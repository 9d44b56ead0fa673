import { applyAttributes } from '../attributes.ts'
import { badRequest } from '../errors.ts'
import { flagOf, idsOf, requiredText, textOf } from '../params.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { renderDetails } from './details.ts'
import { identityOf, tell, tellAttributes } from './events.ts'
import { assetById, assetByPath, checkResourceType, resourceNotFound } from './lookup.ts'

const MODERATION_STATUSES: readonly string[] = ['approved', 'rejected', 'pending']

const moderate = (call: AdminCall, asset: Asset): void => {
  const status = textOf(call.params, 'moderation_status')
  if (status === undefined) return
  if (!MODERATION_STATUSES.includes(status)) throw badRequest(`Invalid value ${status} for parameter moderation_status`)
  const latest = asset.moderation.at(-1)
  if (latest === undefined) throw badRequest('Resource is not marked for moderation')
  asset.moderation = [...asset.moderation.slice(0, -1), { ...latest, status, updatedAt: call.now }]
  tell(call, 'moderation', {
    ...identityOf(call.cloud, asset),
    moderation_kind: latest.kind,
    moderation_status: status,
  })
}

const updateAsset = (call: AdminCall, asset: Asset): JsonValue => {
  if (asset.content === null) throw resourceNotFound(asset.publicId)
  beforeChange(call.world, call.cloud, asset)
  const before = applyAttributes(call.cloud, asset, call)
  moderate(call, asset)
  tellAttributes(call, { asset, before })
  // The request's own `context` and `tags` are values here, not wishes for output.
  return renderDetails({ ...call, params: {} }, asset)
}

const updateByPath = (call: AdminCall): JsonValue => updateAsset(call, assetByPath(call))

const updateById = (call: AdminCall): JsonValue => updateAsset(call, assetById(call, call.path['id'] ?? ''))

const updateByBody = (call: AdminCall): JsonValue => {
  const publicId = requiredText(call.params, 'public_id')
  const resourceType = checkResourceType(textOf(call.params, 'resource_type') ?? 'image')
  const type = textOf(call.params, 'kind') ?? textOf(call.params, 'type') ?? 'upload'
  const asset = call.cloud.shelf.byName(resourceType, type, publicId)
  if (asset === undefined) throw resourceNotFound(publicId)
  return updateAsset(call, asset)
}

/** The assets that a bulk request names by ids, prefix or tag; placeholders left out. */
const selected = (call: AdminCall, types: readonly string[]): Asset[] => {
  const resourceType = checkResourceType(call.path['rt'] ?? '')
  const ids = idsOf(call.params, 'public_ids')
  const prefix = textOf(call.params, 'prefix')
  const tag = textOf(call.params, 'tag')
  if (ids === undefined && prefix === undefined && tag === undefined) {
    throw badRequest('Missing required parameter - public_ids, prefix or tag')
  }
  if (ids !== undefined) {
    const found = ids.flatMap((id) => types.map((type) => call.cloud.shelf.byName(resourceType, type, id)))
    return found.filter((asset) => asset !== undefined).filter((asset) => asset.content !== null)
  }
  const matches = (asset: Asset): boolean =>
    asset.resourceType === resourceType &&
    types.includes(asset.type) &&
    asset.content !== null &&
    (prefix === undefined ? asset.tags.includes(tag ?? '') : asset.publicId.startsWith(prefix))
  return [...call.cloud.shelf.scan()].filter(matches)
}

const updateAccessMode = (call: AdminCall): JsonValue => {
  const mode = requiredText(call.params, 'access_mode')
  if (mode !== 'public' && mode !== 'authenticated') throw badRequest(`Invalid value ${mode} for parameter access_mode`)
  const updated = selected(call, [call.path['type'] ?? ''])
  for (const asset of updated) {
    beforeChange(call.world, call.cloud, asset)
    asset.accessMode = mode
    asset.times = { ...asset.times, accessControl: call.now, updated: call.now }
  }
  return { updated: updated.map((asset) => ({ ...identityOf(call.cloud, asset), access_mode: mode })), failed: [] }
}

/** Turns private and authenticated assets into public ones; a name that is taken needs `overwrite`. */
const publish = (call: AdminCall): JsonValue => {
  const type = textOf(call.params, 'type')
  const failed: JsonValue[] = []
  const published: JsonValue[] = []
  for (const asset of selected(call, type === undefined ? ['private', 'authenticated'] : [type])) {
    const name = { resourceType: asset.resourceType, type: asset.type, publicId: asset.publicId }
    const taken = call.cloud.shelf.byName(asset.resourceType, 'upload', asset.publicId)
    if (taken !== undefined && (taken.content === null || !flagOf(call.params, 'overwrite'))) {
      failed.push(identityOf(call.cloud, asset))
      continue
    }
    if (taken !== undefined) call.cloud.shelf.remove(taken.assetId)
    beforeChange(call.world, call.cloud, asset)
    asset.type = 'upload'
    asset.times = { ...asset.times, updated: call.now }
    call.cloud.shelf.renamed(asset, name)
    published.push(identityOf(call.cloud, asset))
  }
  if (published.length > 0) tell(call, 'publish', { resources: published })
  return { published, failed }
}

export const updateRoutes: readonly AdminRoute[] = [
  { method: 'POST', pattern: 'resources/update', handle: updateByBody },
  { method: 'POST', pattern: 'resources/:rt/publish_resources', handle: publish },
  { method: 'POST', pattern: 'resources/:rt/:type/update_access_mode', handle: updateAccessMode },
  { method: 'POST', pattern: 'resources/:rt/:type/*', handle: updateByPath },
  { method: 'PUT', pattern: 'resources/:id', handle: updateById },
]
