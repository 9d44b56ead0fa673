import { ApiError, badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { requiredText, textOf } from '../params.ts'
import type { Cloud, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { pageByName } from './pages.ts'

type Mapping = Cloud['mappings'] extends Map<string, infer T> ? T : never

const render = (mapping: Mapping): JsonValue => ({
  folder: mapping.folder,
  template: mapping.template,
  external_id: mapping.externalId,
  upload_preset_name: null,
})

const find = (call: AdminCall): Mapping => {
  const folder = requiredText(call.params, 'folder')
  const mapping = call.cloud.mappings.get(folder)
  if (mapping === undefined) throw notFound(`Can't find upload mapping for folder ${folder}`)
  return mapping
}

const listOrShow = (call: AdminCall): JsonValue => {
  if (textOf(call.params, 'folder') !== undefined) return render(find(call))
  const page = pageByName(call, { items: call.cloud.mappings.values(), nameOf: (mapping) => mapping.folder })
  return { mappings: page.items.map(render), total_entries: call.cloud.mappings.size, next_cursor: page.next }
}

const create = (call: AdminCall): JsonValue => {
  const folder = requiredText(call.params, 'folder')
  if (call.cloud.mappings.has(folder)) throw new ApiError(409, `Upload mapping for folder ${folder} already exists`)
  const mapping = { folder, template: requiredText(call.params, 'template'), externalId: newId() }
  call.cloud.mappings.set(folder, mapping)
  return { message: 'created', folder, external_id: mapping.externalId }
}

const update = (call: AdminCall): JsonValue => {
  const mapping = find(call)
  mapping.template = requiredText(call.params, 'template')
  return { message: 'updated', folder: mapping.folder, external_id: mapping.externalId }
}

const remove = (call: AdminCall): JsonValue => {
  call.cloud.mappings.delete(find(call).folder)
  return { message: 'deleted' }
}

/** All mappings at once; nothing is replaced unless all of them are well formed. */
const replace = (call: AdminCall): JsonValue => {
  const given = call.params['mappings']
  if (!Array.isArray(given)) throw badRequest('Missing required parameter - mappings')
  const next = given.map((entry): Mapping => {
    const params = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry : {}
    const folder = requiredText(params, 'folder')
    const externalId = call.cloud.mappings.get(folder)?.externalId ?? newId()
    return { folder, template: requiredText(params, 'template'), externalId }
  })
  call.cloud.mappings.clear()
  for (const mapping of next) call.cloud.mappings.set(mapping.folder, mapping)
  return { message: 'updated', mappings: next.map(render) }
}

export const mappingRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'upload_mappings', handle: listOrShow },
  { method: 'POST', pattern: 'upload_mappings', handle: create },
  { method: 'PUT', pattern: 'upload_mappings', handle: update },
  { method: 'PUT', pattern: 'upload_mappings/replace', handle: replace },
  { method: 'DELETE', pattern: 'upload_mappings', handle: remove },
]
