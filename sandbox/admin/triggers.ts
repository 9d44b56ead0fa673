import { ApiError, badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { flagOf, textOf } from '../params.ts'
import { zuluTime } from '../render-parts.ts'
import type { JsonValue, Trigger } from '../state.ts'
import { type AdminCall, type AdminRoute, replyWith } from './call.ts'

const EVENT_TYPES: readonly string[] = [
  'all',
  'access_control_changed',
  'bulk_refresh_auto_fetch',
  'create_folder',
  'delete',
  'delete_by_token',
  'delete_folder',
  'eager',
  'error',
  'explode',
  'generate_archive',
  'info',
  'invalidate_custom_cdn',
  'moderation',
  'moderation_summary',
  'move',
  'move_or_rename_asset_folder',
  'multi',
  'publish',
  'related_assets',
  'rename',
  'report',
  'resource_context_changed',
  'resource_display_name_changed',
  'resource_metadata_changed',
  'resource_tags_changed',
  'restore_asset_version',
  'sprite',
  'upload',
]
const MOST_URLS = 30

const render = (call: AdminCall, trigger: Trigger): { [key: string]: JsonValue } => ({
  id: trigger.id,
  product_environment_id: call.cloud.name,
  uri_type: trigger.uriType,
  uri: trigger.uri,
  event_type: trigger.eventType,
  additive: trigger.additive,
  created_at: zuluTime(trigger.createdAt),
  updated_at: zuluTime(trigger.updatedAt),
})

const uriTypeOf = (call: AdminCall): Trigger['uriType'] => {
  const type = textOf(call.params, 'uri_type') ?? 'webhook'
  if (type !== 'webhook' && type !== 'flow' && type !== 'poll')
    throw badRequest(`Invalid value ${type} for parameter uri_type`)
  return type
}

const find = (call: AdminCall): Trigger => {
  const trigger = call.cloud.triggers.get(call.path['id'] ?? '')
  if (trigger === undefined) throw notFound('record_not_found')
  return trigger
}

const list = (call: AdminCall): JsonValue => {
  const wanted = textOf(call.params, 'event_type')
  const found = [...call.cloud.triggers.values()].filter(
    (trigger) => wanted === undefined || trigger.eventType === wanted,
  )
  return { triggers: found.map((trigger) => render(call, trigger)), total: found.length }
}

const create: AdminRoute['handle'] = (call) => {
  const uri = textOf(call.params, 'uri')
  const eventType = textOf(call.params, 'event_type')
  if (uri === undefined || eventType === undefined) throw badRequest('missing_attributes')
  if (!EVENT_TYPES.includes(eventType)) throw badRequest(`Invalid value ${eventType} for parameter event_type`)
  const all = [...call.cloud.triggers.values()]
  if (all.some((other) => other.uri === uri && other.eventType === eventType))
    throw new ApiError(409, 'record_already_exists')
  const urls = new Set(all.map((other) => other.uri))
  if (!urls.has(uri) && urls.size >= MOST_URLS) throw badRequest('limit_reached')
  const trigger: Trigger = {
    id: newId(),
    uri,
    uriType: uriTypeOf(call),
    eventType,
    additive: flagOf(call.params, 'additive'),
    createdAt: call.now,
    updatedAt: call.now,
  }
  call.cloud.triggers.set(trigger.id, trigger)
  return replyWith(201, render(call, trigger))
}

const update = (call: AdminCall): JsonValue => {
  const uri = textOf(call.params, 'new_uri')
  if (uri === undefined) throw badRequest('missing_attributes')
  const trigger = find(call)
  trigger.uri = uri
  trigger.updatedAt = call.now
  return { message: 'Trigger updated' }
}

const remove = (call: AdminCall): JsonValue => {
  const id = call.path['id'] ?? ''
  if (!/^[0-9a-f-]{8,}$/i.test(id)) throw badRequest('invalid_or_malformed_attribute')
  call.cloud.triggers.delete(find(call).id)
  return { message: 'Trigger deleted' }
}

const test = (call: AdminCall): JsonValue => ({ trigger_id: find(call).id, filter_present: false, filter_result: true })

export const triggerRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'triggers', handle: list },
  { method: 'POST', pattern: 'triggers', handle: create },
  { method: 'PUT', pattern: 'triggers/:id', handle: update },
  { method: 'DELETE', pattern: 'triggers/:id', handle: remove },
  { method: 'POST', pattern: 'triggers/:id/test', handle: test },
]
