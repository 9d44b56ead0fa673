import { badRequest } from '../errors.ts'
import { idsOf } from '../params.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, JsonValue } from '../state.ts'
import { type AdminCall, type AdminReply, type AdminRoute, replyWith } from './call.ts'
import { tell } from './events.ts'
import { assetById, assetByPath, resourceNotFound } from './lookup.ts'

const MOST = 10

interface Result {
  readonly asset: string
  readonly code: string
  readonly message: string
  readonly status: number
}

const OUTCOMES = {
  success_ids: ['success', 200],
  invalid_ids: ['id is not valid', 400],
  invalid_relate_to_self_id: ['asset cannot be related to itself', 400],
  non_existing_ids: ['asset does not exist', 404],
  already_exists_ids: ['relation already exists', 409],
  relation_does_not_exist_ids: ['relation does not exist', 404],
} as const

const result = (asset: string, code: keyof typeof OUTCOMES): Result => {
  const [message, status] = OUTCOMES[code]
  return { asset, code, message, status }
}

/** Finds the other end by `resource_type/type/public_id` or by asset_id; null when the text is neither. */
type Find = (call: AdminCall, name: string) => Asset | undefined | null

const byName: Find = (call, name) => {
  const [resourceType = '', type = '', ...rest] = name.split('/')
  return rest.length === 0 ? null : call.cloud.shelf.byName(resourceType, type, rest.join('/'))
}

const byId: Find = (call, name) => (/^[0-9a-f]{32,}$/.test(name) ? call.cloud.shelf.byId(name) : null)

/** Relations go both ways. */
const relate = (asset: Asset, other: Asset, name: string): Result => {
  if (asset.related.has(other.assetId)) return result(name, 'already_exists_ids')
  asset.related.add(other.assetId)
  other.related.add(asset.assetId)
  return result(name, 'success_ids')
}

const unrelate = (asset: Asset, other: Asset, name: string): Result => {
  if (!asset.related.has(other.assetId)) return result(name, 'relation_does_not_exist_ids')
  asset.related.delete(other.assetId)
  other.related.delete(asset.assetId)
  return result(name, 'success_ids')
}

interface Change {
  readonly param: 'assets_to_relate' | 'assets_to_unrelate'
  readonly find: Find
  readonly asset: Asset
}

const change = (call: AdminCall, { param, find, asset }: Change): AdminReply => {
  if (asset.content === null) throw resourceNotFound(asset.publicId)
  const names = idsOf(call.params, param)
  if (names === undefined) throw badRequest(`Missing required parameter - ${param}`)
  if (names.length > MOST) throw badRequest(`Too many ${param}: ${names.length}. The maximum is ${MOST}`)
  const results = names.map((name): Result => {
    const other = find(call, name)
    if (other === null) return result(name, 'invalid_ids')
    if (other === undefined || other.content === null) return result(name, 'non_existing_ids')
    if (other.assetId === asset.assetId) return result(name, 'invalid_relate_to_self_id')
    beforeChange(call.world, call.cloud, asset)
    return param === 'assets_to_relate' ? relate(asset, other, name) : unrelate(asset, other, name)
  })
  const success = results.filter((entry) => entry.status === 200)
  const failed = results.filter((entry) => entry.status !== 200)
  tell(call, 'related_assets', {
    action_type: param === 'assets_to_relate' ? 'relate' : 'unrelate',
    asset_id: asset.assetId,
    total_success: success.length,
    total_failed: failed.length,
  })
  const plain = (entry: Result): JsonValue => ({ ...entry })
  return replyWith(failed.length === 0 ? 200 : 207, { failed: failed.map(plain), success: success.map(plain) })
}

const route = (method: 'POST' | 'DELETE', pattern: string): AdminRoute => {
  const param = method === 'POST' ? 'assets_to_relate' : 'assets_to_unrelate'
  return {
    method,
    pattern,
    handle: (call) =>
      pattern.endsWith(':id')
        ? change(call, { param, find: byId, asset: assetById(call, call.path['id'] ?? '') })
        : change(call, { param, find: byName, asset: assetByPath(call) }),
  }
}

export const relatedRoutes: readonly AdminRoute[] = [
  route('POST', 'resources/related_assets/:id'),
  route('POST', 'resources/related_assets/:rt/:type/*'),
  route('DELETE', 'resources/related_assets/:id'),
  route('DELETE', 'resources/related_assets/:rt/:type/*'),
]
