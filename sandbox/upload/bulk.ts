import { type AttributeChanges, parseContext, parseTags } from '../attributes.ts'
import { badRequest, missing } from '../errors.ts'
import { changedMetadata, parseMetadata } from '../metadata-values.ts'
import { flagOf, idsOf, type Params, requiredText, textOf } from '../params.ts'
import type { Rendered } from '../render.ts'
import { beforeChange } from '../search-lag.ts'
import type { Asset } from '../state.ts'
import type { UploadCall } from './call.ts'
import { type Changed, tellChanges } from './change-events.ts'

const MOST_IDS = 1000
const MOST_TAGGINGS = 10_000

const idsIn = (call: UploadCall): string[] => {
  const ids = idsOf(call.params, 'public_ids') ?? []
  // One text may hold several ids, the way the signature writes an array.
  const all = Array.isArray(call.params['public_ids']) ? ids : ids.flatMap((id) => id.split(','))
  if (all.length === 0) throw missing('public_ids')
  return all.slice(0, MOST_IDS)
}

/** Those that exist; the others are passed over, and only the answer shows that. */
const assetsIn = (call: UploadCall): Asset[] => {
  const type = textOf(call.params, 'type') ?? 'upload'
  const found = idsIn(call).map((id) => call.cloud.shelf.byName(call.resourceType, type, id))
  return found.filter((asset) => asset !== undefined && asset.content !== null) as Asset[]
}

const commandIn = (call: UploadCall, commands: readonly string[]): string => {
  const command = requiredText(call.params, 'command')
  if (commands.includes(command)) return command
  throw badRequest(`Invalid command - ${command}. Must be one of: ${commands.join(', ')}`)
}

type Change = (asset: Asset, now: number) => AttributeChanges

const changeAll = (call: UploadCall, assets: readonly Asset[], change: Change): Rendered => {
  const now = call.world.now()
  const changed: Changed[] = []
  for (const asset of assets) {
    beforeChange(call.world, call.cloud, asset)
    changed.push({ asset, before: change(asset, now) })
    asset.times = { ...asset.times, updated: now }
  }
  tellChanges(call, changed)
  return { public_ids: assets.map((asset) => asset.publicId) }
}

/** The official SDK for Node names the parameter `tag`. */
const tagsIn = (params: Params): string[] => {
  const tags = parseTags(params['tags'] === undefined ? { tags: params['tag'] ?? '' } : params) ?? []
  return tags.flatMap((tag) => tag.split(',')).filter((tag) => tag !== '')
}

const TAG_COMMANDS: Readonly<Record<string, (now: readonly string[], given: readonly string[]) => string[]>> = {
  add: (now, given) => [...new Set([...now, ...given])],
  remove: (now, given) => now.filter((tag) => !given.includes(tag)),
  replace: (_now, given) => [...given],
  remove_all: () => [],
  set_exclusive: (now, given) => [...new Set([...now, ...given])],
}

/** `set_exclusive` takes the tags from every asset that is not named. */
const othersTagged = (call: UploadCall, named: readonly Asset[], tags: readonly string[]): Asset[] =>
  [...call.cloud.shelf.scan()].filter(
    (asset) =>
      asset.resourceType === call.resourceType &&
      !named.includes(asset) &&
      asset.tags.some((tag) => tags.includes(tag)),
  )

const setTags = (asset: Asset, tags: string[], now: number): AttributeChanges => {
  const before = { tags: asset.tags }
  asset.tags = tags
  asset.times = { ...asset.times, tags: now }
  return before
}

/** `POST /:resource_type/tags` */
export const tags = (call: UploadCall): Rendered => {
  const command = commandIn(call, ['add', 'remove', 'replace', 'remove_all', 'set_exclusive'])
  const given = tagsIn(call.params)
  if (command !== 'remove_all' && given.length === 0) throw missing('tag')
  const assets = assetsIn(call)
  if (assets.length * given.length > MOST_TAGGINGS) throw badRequest('Too many tags for so many public_ids')
  const apply = TAG_COMMANDS[command]
  if (apply === undefined) throw badRequest(`Invalid command - ${command}`)
  if (command === 'set_exclusive') {
    const others = othersTagged(call, assets, given)
    changeAll(call, others, (asset, now) =>
      setTags(
        asset,
        asset.tags.filter((tag) => !given.includes(tag)),
        now,
      ),
    )
  }
  return changeAll(call, assets, (asset, now) => setTags(asset, apply(asset.tags, given), now))
}

const mergedContext = (before: Record<string, string>, given: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries({ ...before, ...given }).filter(([, value]) => value !== ''))

/** `POST /:resource_type/context`: adds to what there is; an empty value deletes its key. */
export const context = (call: UploadCall): Rendered => {
  const command = commandIn(call, ['add', 'remove_all'])
  const given = call.params['context']
  if (command === 'add' && (given === undefined || given === '')) throw missing('context')
  const pairs = command === 'add' ? parseContext(given ?? '') : {}
  return changeAll(call, assetsIn(call), (asset, now) => {
    const before = { context: asset.context }
    asset.context = command === 'add' ? mergedContext(asset.context, pairs) : {}
    asset.times = { ...asset.times, context: now }
    return before
  })
}

/** `POST /:resource_type/metadata`: merges; an empty value clears its field. All assets are checked before any is changed. */
export const metadata = (call: UploadCall): Rendered => {
  const { cloud, params } = call
  const text = params['metadata']
  if (text === undefined || text === '') throw missing('metadata')
  const given = parseMetadata(text)
  const clearInvalid = flagOf(params, 'clear_invalid')
  const assets = assetsIn(call)
  const after = new Map(
    assets.map((asset) => [asset, changedMetadata(cloud, { before: asset.metadata, given, clearInvalid })]),
  )
  return changeAll(call, assets, (asset, now) => {
    const before = { metadata: asset.metadata }
    asset.metadata = after.get(asset) ?? asset.metadata
    asset.times = { ...asset.times, metadata: now }
    return before
  })
}
