import { badRequest } from '../errors.ts'
import { flagOf, textOf } from '../params.ts'
import { zuluTime } from '../render.ts'
import type { Asset, Cloud, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { checkResourceType } from './lookup.ts'
import { pageByName } from './pages.ts'

const ping = (): JsonValue => ({ status: 'ok' })

const config = (call: AdminCall): JsonValue => ({
  cloud_name: call.cloud.name,
  created_at: zuluTime(call.cloud.createdAt),
  ...(flagOf(call.params, 'settings') ? { settings: { folder_mode: call.cloud.settings.folderMode } } : {}),
})

/** `DD-MM-YYYY` in the path, `YYYY-MM-DD` in the query. */
const requestedDay = (call: AdminCall): number => {
  const text = call.path['date'] ?? textOf(call.params, 'date')
  if (text === undefined) return call.now
  const [, day, month, year] = /^(\d\d)-(\d\d)-(\d{4})$/.exec(text) ?? []
  const at = Date.parse(day === undefined ? text : `${year}-${month}-${day}`)
  if (!/^(\d\d-\d\d-\d{4}|\d{4}-\d\d-\d\d)$/.test(text) || Number.isNaN(at)) throw badRequest(`Invalid date - ${text}`)
  if (at > call.now) throw badRequest(`Date cannot be in the future - ${text}`)
  return at
}

/** Beyond this many assets the sizes are extrapolated: the service's own numbers are rough and late as well. */
const COUNTED = 20_000

interface Totals {
  originals: number
  bytes: number
  derived: number
}

const countAssets = (cloud: Cloud): Totals => {
  const totals: Totals = { originals: 0, bytes: 0, derived: 0 }
  let read = 0
  for (const asset of cloud.shelf.scan()) {
    read++
    if (asset.content !== null) totals.originals++
    totals.bytes += asset.content?.size ?? 0
    totals.derived += asset.derived.length
    if (read === COUNTED) break
  }
  if (read < COUNTED) return totals
  const share = cloud.shelf.size / read
  return {
    originals: placeholdersLeftOut(cloud),
    bytes: Math.round(totals.bytes * share),
    derived: Math.round(totals.derived * share),
  }
}

const placeholdersLeftOut = (cloud: Cloud): number => {
  let count = cloud.shelf.size
  for (const asset of cloud.shelf.changed?.() ?? cloud.shelf.scan()) if (asset.content === null) count--
  return count
}

const GIB = 1024 ** 3
const CREDITS: { readonly [plan: string]: number } = { Free: 25, Plus: 225, Advanced: 600 }

const rounded = (value: number): number => Math.round(value * 100) / 100

const usage = (call: AdminCall): JsonValue => {
  const { settings } = call.cloud
  const day = requestedDay(call)
  const totals = countAssets(call.cloud)
  const storage = rounded(totals.bytes / GIB)
  const bandwidth = totals.bytes
  const transformations = totals.derived
  const credits = rounded(storage + bandwidth / GIB + transformations / 1000)
  const limit = CREDITS[settings.plan]
  return {
    plan: settings.plan,
    last_updated: new Date(call.now).toISOString().slice(0, 10),
    date_requested: `${new Date(day).toISOString().slice(0, 10)}T00:00:00Z`,
    transformations: { usage: transformations, credits_usage: rounded(transformations / 1000) },
    objects: { usage: totals.originals + totals.derived },
    bandwidth: { usage: bandwidth, credits_usage: rounded(bandwidth / GIB) },
    storage: { usage: totals.bytes, credits_usage: storage },
    credits: {
      usage: credits,
      ...(limit === undefined ? {} : { limit, used_percent: rounded((credits / limit) * 100) }),
    },
    impressions: { usage: 0 },
    seconds_delivered: { usage: 0 },
    requests: call.world.log.length,
    resources: totals.originals,
    derived_resources: totals.derived,
    media_limits: {
      image_max_size_bytes: settings.mediaLimits.image,
      video_max_size_bytes: settings.mediaLimits.video,
      raw_max_size_bytes: settings.mediaLimits.raw,
      image_max_px: 25_000_000,
      asset_max_total_px: 50_000_000,
    },
  }
}

const tags = (call: AdminCall): JsonValue => {
  const resourceType = checkResourceType(call.path['rt'] ?? '')
  const prefix = textOf(call.params, 'prefix') ?? ''
  const found = new Set<string>()
  const isOfType = (asset: Asset): boolean => asset.resourceType === resourceType && asset.content !== null
  for (const asset of call.cloud.shelf.scan(undefined, { resourceType })) {
    if (isOfType(asset)) for (const tag of asset.tags) if (tag.startsWith(prefix)) found.add(tag)
  }
  const page = pageByName(call, { items: found, nameOf: (tag) => tag })
  return { tags: page.items, next_cursor: page.next }
}

export const accountRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'ping', handle: ping },
  { method: 'GET', pattern: 'config', handle: config },
  { method: 'GET', pattern: 'usage', handle: usage },
  { method: 'GET', pattern: 'usage/:date', handle: usage },
  { method: 'GET', pattern: 'tags/:rt', handle: tags },
]
