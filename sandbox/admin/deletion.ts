import { removeAsset } from '../backups/versions.ts'
import { writeCursor } from '../cursor.ts'
import { badRequest } from '../errors.ts'
import { flagOf, idsOf, type Params, textOf } from '../params.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { identityOf, tell } from './events.ts'
import { checkResourceType } from './lookup.ts'
import { bindingOf, cursorOf } from './pages.ts'

const MOST_IDS = 100
/** Originals that one call deletes when they are not named one by one. */
const MOST_ORIGINALS = 1000

interface Outcome {
  readonly deleted: { [name: string]: JsonValue }
  readonly counts: { [name: string]: JsonValue }
  readonly gone: JsonValue[]
}

/** Transformations whose derived assets are meant; undefined is all of them. */
const chosenDerived = (params: Params): ((transformation: string) => boolean) => {
  const text = textOf(params, 'transformations')
  const wanted = text?.split('|')
  return (transformation) => wanted === undefined || wanted.includes(transformation)
}

const deleteOne = (call: AdminCall, asset: Asset, outcome: { into: Outcome; name: string }): void => {
  const { into, name } = outcome
  const isChosen = chosenDerived(call.params)
  const derived = asset.derived.filter((item) => isChosen(item.transformation)).length
  const keep = flagOf(call.params, 'keep_original')
  beforeChange(call.world, call.cloud, asset)
  into.deleted[name] = 'deleted'
  into.counts[name] = { original: keep ? 0 : 1, derived }
  if (keep) {
    asset.derived = asset.derived.filter((item) => !isChosen(item.transformation))
    return
  }
  into.gone.push(identityOf(call.cloud, asset))
  removeAsset(call.world, call.cloud, asset)
}

const answer = (call: AdminCall, outcome: Outcome, next?: string): JsonValue => {
  if (outcome.gone.length > 0) tell(call, 'delete', { resources: outcome.gone })
  return {
    deleted: outcome.deleted,
    deleted_counts: outcome.counts,
    partial: next !== undefined,
    ...(next === undefined ? {} : { next_cursor: next }),
  }
}

const startOutcome = (): Outcome => ({ deleted: {}, counts: {}, gone: [] })

/** The assets that are named; what is a placeholder already counts as not there. */
const deleteNamed = (call: AdminCall, ids: readonly string[], find: (id: string) => Asset | undefined): JsonValue => {
  if (ids.length > MOST_IDS) throw badRequest(`Too many ids: ${ids.length}. The maximum is ${MOST_IDS}`)
  const outcome = startOutcome()
  for (const id of new Set(ids)) {
    const asset = find(id)
    if (asset !== undefined && asset.content !== null) deleteOne(call, asset, { into: outcome, name: id })
    else {
      outcome.deleted[id] = 'not_found'
      outcome.counts[id] = { original: 0, derived: 0 }
    }
  }
  return answer(call, outcome)
}

/** All that match, up to a thousand in one call; the cursor goes on from there. */
const deleteMatching = (call: AdminCall, matches: (asset: Asset) => boolean): JsonValue => {
  const binding = bindingOf(call)
  const position = cursorOf(call, binding)
  const [createdAt, assetId] = Array.isArray(position) ? position : []
  const after = typeof createdAt === 'number' && typeof assetId === 'string' ? { createdAt, assetId } : undefined
  const found: Asset[] = []
  for (const asset of call.cloud.shelf.scan(after)) {
    if (asset.content === null || !matches(asset)) continue
    found.push(asset)
    if (found.length > MOST_ORIGINALS) break
  }
  const outcome = startOutcome()
  const batch = found.slice(0, MOST_ORIGINALS)
  for (const asset of batch) deleteOne(call, asset, { into: outcome, name: asset.publicId })
  const last = batch.at(-1)
  const more = found.length > MOST_ORIGINALS && last !== undefined
  return answer(call, outcome, more ? writeCursor(call.world, binding, [last.createdAt, last.assetId]) : undefined)
}

const deleteByPath = (call: AdminCall): JsonValue => {
  const resourceType = checkResourceType(call.path['rt'] ?? '')
  const type = call.path['type'] ?? ''
  const ids = idsOf(call.params, 'public_ids')
  if (ids !== undefined) return deleteNamed(call, ids, (id) => call.cloud.shelf.byName(resourceType, type, id))
  const prefix = textOf(call.params, 'prefix')
  if (prefix === undefined && !flagOf(call.params, 'all')) {
    throw badRequest('Missing required parameter - public_ids, prefix or all')
  }
  const isOfType = (asset: Asset): boolean => asset.resourceType === resourceType && asset.type === type
  return deleteMatching(call, (asset) => isOfType(asset) && asset.publicId.startsWith(prefix ?? ''))
}

const deleteById = (call: AdminCall): JsonValue => {
  const ids = idsOf(call.params, 'asset_ids')
  if (ids === undefined) throw badRequest('Missing required parameter - asset_ids')
  return deleteNamed(call, ids, (id) => call.cloud.shelf.byId(id))
}

const deleteByTag = (call: AdminCall): JsonValue => {
  const resourceType = checkResourceType(call.path['rt'] ?? '')
  const tag = call.path['rest'] ?? ''
  return deleteMatching(call, (asset) => asset.resourceType === resourceType && asset.tags.includes(tag))
}

const deleteDerived = (call: AdminCall): JsonValue => {
  const ids = idsOf(call.params, 'derived_resource_ids')
  if (ids === undefined) throw badRequest('Missing required parameter - derived_resource_ids')
  const wanted = new Set(ids)
  const deleted = Object.fromEntries(ids.map((id) => [id, 'not_found']))
  for (const asset of call.cloud.shelf.changed?.() ?? call.cloud.shelf.scan()) {
    const gone = asset.derived.filter((item) => wanted.has(item.id))
    if (gone.length === 0) continue
    asset.derived = asset.derived.filter((item) => !wanted.has(item.id))
    for (const item of gone) deleted[item.id] = 'deleted'
  }
  return { deleted }
}

export const deletionRoutes: readonly AdminRoute[] = [
  { method: 'DELETE', pattern: 'resources', handle: deleteById },
  { method: 'DELETE', pattern: 'resources/:rt/tags/*', handle: deleteByTag },
  { method: 'DELETE', pattern: 'resources/:rt/:type', handle: deleteByPath },
  { method: 'DELETE', pattern: 'derived_resources', handle: deleteDerived },
]
