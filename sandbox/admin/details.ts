import { readCursor, writeCursor } from '../cursor.ts'
import { flagOf, integerOf, requiredText, textOf } from '../params.ts'
import { derivedItem, detailsOf, listItem, type Rendered } from '../render.ts'
import type { Asset, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { plainList } from './listing.ts'
import { assetById, assetByPath, checkResourceType, isResourceType, resourceNotFound } from './lookup.ts'

const PAGE = { min: 1, max: 500, fallback: 10 }

/** One page of what belongs to an asset, after the id that the cursor of the given name holds. */
const pageAfter = <T>(
  call: AdminCall,
  items: readonly T[],
  options: { cursor: string; binding: JsonValue; idOf: (item: T) => string },
): { items: T[]; next: string | undefined } => {
  const size = integerOf(call.params, 'max_results', PAGE)
  const cursor = textOf(call.params, options.cursor)
  const after = cursor === undefined ? undefined : readCursor(call.world, options.binding, cursor)
  const sorted = [...items].sort((a, b) => (options.idOf(a) < options.idOf(b) ? -1 : 1))
  const rest = sorted.filter((item) => typeof after !== 'string' || options.idOf(item) > after)
  const shown = rest.slice(0, size)
  const last = shown.at(-1)
  const more = rest.length > size && last !== undefined
  return { items: shown, next: more ? writeCursor(call.world, options.binding, options.idOf(last)) : undefined }
}

const derivedPage = (call: AdminCall, asset: Asset): Rendered => {
  const page = pageAfter(call, asset.derived, {
    cursor: textOf(call.params, 'derived_next_cursor') === undefined ? 'next_cursor' : 'derived_next_cursor',
    binding: ['derived', asset.assetId],
    idOf: (derived) => derived.id,
  })
  return {
    derived: page.items.map((derived) => derivedItem(call, asset, derived)),
    ...(page.next === undefined ? {} : { next_cursor: page.next }),
  }
}

const relatedPage = (call: AdminCall, asset: Asset): Rendered => {
  if (!flagOf(call.params, 'related')) return {}
  const related = [...asset.related].map((id) => call.cloud.shelf.byId(id)).filter((other) => other !== undefined)
  const page = pageAfter(call, related, {
    cursor: 'related_next_cursor',
    binding: ['related', asset.assetId],
    idOf: (other) => other.assetId,
  })
  return {
    related_assets: page.items.map((other) => listItem(call, other, {})),
    ...(page.next === undefined ? {} : { related_next_cursor: page.next }),
  }
}

/** What details and updates answer. */
export const renderDetails = (call: AdminCall, asset: Asset): JsonValue => ({
  ...detailsOf(call, asset, (name) => flagOf(call.params, name)),
  ...derivedPage(call, asset),
  ...relatedPage(call, asset),
})

const byPath = (call: AdminCall): JsonValue => renderDetails(call, assetByPath(call))

/** `/resources/image` and `/resources/<asset_id>` have the same form. */
const byIdOrType = (call: AdminCall): JsonValue => {
  const name = call.path['rt'] ?? ''
  return isResourceType(name) || name.length < 32 ? plainList(call) : renderDetails(call, assetById(call, name))
}

const byBody = (call: AdminCall): JsonValue => {
  const publicId = requiredText(call.params, 'public_id')
  const resourceType = checkResourceType(textOf(call.params, 'resource_type') ?? 'image')
  const asset = call.cloud.shelf.byName(resourceType, textOf(call.params, 'kind') ?? 'upload', publicId)
  if (asset === undefined) throw resourceNotFound(publicId)
  return renderDetails(call, asset)
}

export const detailsRoutes: readonly AdminRoute[] = [
  { method: 'POST', pattern: 'resources/get_resource', handle: byBody },
  { method: 'GET', pattern: 'resources/:rt', handle: byIdOrType },
  { method: 'GET', pattern: 'resources/:rt/:type/*', handle: byPath },
]
