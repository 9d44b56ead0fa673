import { writeCursor } from '../cursor.ts'
import { badRequest, notFound } from '../errors.ts'
import { findFolder } from '../folder-records.ts'
import { flagOf, idsOf, integerOf, listOf, requiredText, textOf } from '../params.ts'
import { type ListShape, listItem } from '../render.ts'
import type { Asset, JsonValue, ShelfPosition } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { checkResourceType } from './lookup.ts'
import { bindingOf, cursorOf } from './pages.ts'

const MOST_IDS = 100

const shapeOf = (call: AdminCall): ListShape => {
  const fields = listOf(call.params, 'fields')
  return {
    tags: flagOf(call.params, 'tags'),
    context: flagOf(call.params, 'context'),
    metadata: flagOf(call.params, 'metadata'),
    moderations: flagOf(call.params, 'moderations'),
    ...(fields === undefined || fields.length === 0 ? {} : { fields }),
  }
}

const downwards = (call: AdminCall): boolean => {
  const direction = (textOf(call.params, 'direction') ?? 'desc').toLowerCase()
  if (['asc', '1'].includes(direction)) return false
  if (['desc', '-1'].includes(direction)) return true
  throw badRequest(`Invalid value ${direction} for parameter direction`)
}

const startOf = (call: AdminCall): number | undefined => {
  const text = textOf(call.params, 'start_at')
  if (text === undefined) return undefined
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw badRequest(`Invalid value ${text} for parameter start_at`)
  return at
}

const shelfPosition = (position: JsonValue | undefined): ShelfPosition | undefined => {
  if (!Array.isArray(position)) return undefined
  const [createdAt, assetId] = position
  return typeof createdAt === 'number' && typeof assetId === 'string' ? { createdAt, assetId } : undefined
}

interface Listing {
  readonly wanted: (asset: Asset) => boolean
  readonly resourceType?: string
  readonly type?: string
  /** @default 10 */
  readonly pageSize?: number
}

/** Assets in the order of creation, from the cursor on; reads no further than the page. */
const pageByCreation = (call: AdminCall, listing: Listing): JsonValue => {
  const size = integerOf(call.params, 'max_results', { min: 1, max: 500, fallback: listing.pageSize ?? 10 })
  const binding = bindingOf(call)
  const start = startOf(call)
  const down = downwards(call)
  // Upwards the page starts at `start_at`; downwards it would have to end there, and the service gives nothing.
  if (start !== undefined && down) return { resources: [] }
  const after =
    shelfPosition(cursorOf(call, binding)) ?? (start === undefined ? undefined : { createdAt: start, assetId: '' })
  const { resourceType, type, wanted } = listing
  const filter = { ...(resourceType === undefined ? {} : { resourceType }), ...(type === undefined ? {} : { type }) }
  const assets = down ? call.cloud.shelf.scanDown(after, filter) : call.cloud.shelf.scan(after, filter)
  const page: Asset[] = []
  for (const asset of assets) {
    if (
      (resourceType !== undefined && asset.resourceType !== resourceType) ||
      (type !== undefined && asset.type !== type)
    )
      continue
    if (!wanted(asset)) continue
    page.push(asset)
    if (page.length > size) break
  }
  const shown = page.slice(0, size)
  const last = shown.at(-1)
  const more = page.length > size && last !== undefined
  return {
    resources: shown.map((asset) => listItem(call, asset, shapeOf(call))),
    ...(more ? { next_cursor: writeCursor(call.world, binding, [last.createdAt, last.assetId]) } : {}),
  }
}

const byPublicId = (a: Asset, b: Asset): number =>
  a.publicId < b.publicId ? -1 : a.publicId > b.publicId ? 1 : a.assetId < b.assetId ? -1 : 1

/** Assets whose public_id starts with `prefix`, in the order of public_id. */
const pageByName = (call: AdminCall, listing: Listing & { prefix: string }): JsonValue => {
  const size = integerOf(call.params, 'max_results', { min: 1, max: 500, fallback: 10 })
  const binding = bindingOf(call)
  const position = cursorOf(call, binding)
  const [afterName, afterId] = Array.isArray(position) ? position : []
  const past = (asset: Asset): boolean =>
    typeof afterName !== 'string' ||
    asset.publicId > afterName ||
    (asset.publicId === afterName && typeof afterId === 'string' && asset.assetId > afterId)
  const found: Asset[] = []
  for (const asset of call.cloud.shelf.scan()) {
    if (asset.resourceType !== listing.resourceType || asset.type !== listing.type) continue
    if (asset.publicId.startsWith(listing.prefix) && past(asset)) found.push(asset)
  }
  const shown = found.sort(byPublicId).slice(0, size)
  const last = shown.at(-1)
  return {
    resources: shown.map((asset) => listItem(call, asset, shapeOf(call))),
    ...(found.length > size && last !== undefined
      ? { next_cursor: writeCursor(call.world, binding, [last.publicId, last.assetId]) }
      : {}),
  }
}

const mostIds = (ids: readonly string[], name: string): readonly string[] => {
  if (ids.length > MOST_IDS) throw badRequest(`Too many ${name}: ${ids.length}. The maximum is ${MOST_IDS}`)
  return ids
}

/** Each asset once, in the order asked; what does not exist is left out. */
const pageOfIds = (call: AdminCall, assets: readonly (Asset | undefined)[]): JsonValue => {
  const found = new Set(assets.filter((asset) => asset !== undefined))
  return { resources: [...found].map((asset) => listItem(call, asset, shapeOf(call))) }
}

const everything = (): boolean => true
const present = (asset: Asset): boolean => asset.content !== null

export const plainList = (call: AdminCall): JsonValue => {
  const resourceType = checkResourceType(call.path['rt'] ?? '')
  const type = call.path['type'] ?? textOf(call.params, 'type')
  const ids = idsOf(call.params, 'public_ids')
  if (ids !== undefined && type !== undefined) {
    // The service reads `+` as a space here, which is why ids that hold it cannot be asked for.
    const names = mostIds(ids, 'public_ids').map((id) => id.replaceAll('+', ' '))
    return pageOfIds(
      call,
      names.map((id) => call.cloud.shelf.byName(resourceType, type, id)),
    )
  }
  const prefix = textOf(call.params, 'prefix')
  if (prefix === undefined)
    return pageByCreation(call, { wanted: everything, resourceType, ...(type === undefined ? {} : { type }) })
  if (type === undefined) throw badRequest('Missing required parameter - type')
  return pageByName(call, { wanted: everything, resourceType, type, prefix })
}

const byAssetFolder = (call: AdminCall): JsonValue => {
  if (call.cloud.settings.folderMode === 'fixed')
    throw badRequest('by_asset_folder is supported only in dynamic folder mode')
  const path = textOf(call.params, 'asset_folder') ?? ''
  if (call.params['asset_folder'] === undefined) throw badRequest('Missing required parameter - asset_folder')
  if (path !== '' && findFolder(call.cloud, path) === undefined) throw notFound(`Can't find folder with path ${path}`)
  const folder = path.toLowerCase()
  const resourceType = textOf(call.params, 'resource_type')
  const wanted = (asset: Asset): boolean => present(asset) && asset.assetFolder.toLowerCase() === folder
  const page = pageByCreation(call, {
    wanted,
    pageSize: 50,
    ...(resourceType === undefined ? {} : { resourceType: checkResourceType(resourceType) }),
  })
  return typeof page === 'object' && !Array.isArray(page)
    ? { ...page, total_count: countOf(call, wanted, resourceType) }
    : page
}

const countOf = (call: AdminCall, wanted: (asset: Asset) => boolean, resourceType: string | undefined): number => {
  let count = 0
  for (const asset of call.cloud.shelf.scan()) {
    if (wanted(asset) && (resourceType === undefined || asset.resourceType === resourceType)) count++
  }
  return count
}

const byAssetIds = (call: AdminCall): JsonValue => {
  const ids = idsOf(call.params, 'asset_ids')
  if (ids === undefined) throw badRequest('Missing required parameter - asset_ids')
  const found = mostIds(ids, 'asset_ids').map((id) => call.cloud.shelf.byId(id))
  return pageOfIds(
    call,
    found.map((asset) => (asset !== undefined && present(asset) ? asset : undefined)),
  )
}

const byTag = (call: AdminCall): JsonValue => {
  const tag = call.path['rest'] ?? ''
  return pageByCreation(call, {
    resourceType: checkResourceType(call.path['rt'] ?? ''),
    wanted: (asset) => present(asset) && asset.tags.includes(tag),
  })
}

const byContext = (call: AdminCall): JsonValue => {
  const key = requiredText(call.params, 'key')
  const value = textOf(call.params, 'value')
  return pageByCreation(call, {
    resourceType: checkResourceType(call.path['rt'] ?? ''),
    wanted: (asset) => {
      const own = Object.hasOwn(asset.context, key) ? asset.context[key] : undefined
      return present(asset) && own !== undefined && (value === undefined || own === value)
    },
  })
}

const MODERATION_KINDS: readonly string[] = [
  'manual',
  'webpurify',
  'aws_rek',
  'aws_rek_video',
  'perception_point',
  'google_video_moderation',
  'duplicate',
]
const MODERATION_STATUSES: readonly string[] = ['approved', 'rejected', 'pending', 'queued', 'aborted']

const byModeration = (call: AdminCall): JsonValue => {
  const { kind = '', status = '' } = call.path
  if (!MODERATION_KINDS.includes(kind)) throw badRequest(`Invalid moderation kind ${kind}`)
  if (!MODERATION_STATUSES.includes(status)) throw badRequest(`Invalid moderation status ${status}`)
  return pageByCreation(call, {
    resourceType: checkResourceType(call.path['rt'] ?? ''),
    wanted: (asset) => present(asset) && asset.moderation.some((m) => m.kind === kind && m.status === status),
  })
}

const byContainerId = (call: AdminCall): JsonValue => {
  const id = call.path['id'] ?? ''
  const folder = [...call.cloud.folders.values()].find((candidate) => candidate.externalId === id)
  if (folder === undefined) throw notFound(`Can't find folder with id ${id}`)
  return pageByCreation(call, { wanted: (asset) => present(asset) && asset.assetFolder === folder.path, pageSize: 50 })
}

const resourceTypes = (call: AdminCall): JsonValue => {
  const missing = new Set<string>(['image', 'video', 'raw'])
  for (const asset of call.cloud.shelf.scan()) {
    missing.delete(asset.resourceType)
    if (missing.size === 0) break
  }
  return { resource_types: ['image', 'raw', 'video'].filter((type) => !missing.has(type)) }
}

export const listingRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'resources', handle: resourceTypes },
  { method: 'GET', pattern: 'resources/by_asset_folder', handle: byAssetFolder },
  { method: 'GET', pattern: 'resources/by_asset_ids', handle: byAssetIds },
  { method: 'GET', pattern: 'resources/by_container_id/:id', handle: byContainerId },
  { method: 'GET', pattern: 'resources/:rt/tags/*', handle: byTag },
  { method: 'GET', pattern: 'resources/:rt/context', handle: byContext },
  { method: 'GET', pattern: 'resources/:rt/moderations/:kind/:status', handle: byModeration },
  { method: 'GET', pattern: 'resources/:rt/:type', handle: plainList },
]
