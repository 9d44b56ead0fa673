import { badRequest } from '../errors.ts'
import { flagOf, textOf } from '../params.ts'
import { zuluTime } from '../render-parts.ts'
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

/** Of an account with more assets than this only a part is looked at: in life, too, such numbers are rough and late. */
const SAMPLE = 20_000

/** All assets, or the first of a large computed library and those of it that were ever changed. */
function* sampled(cloud: Cloud): Generator<Asset> {
  const changed = cloud.shelf.size > SAMPLE ? cloud.shelf.changed?.() : undefined
  if (changed !== undefined) yield* changed
  let read = 0
  for (const asset of cloud.shelf.scan()) {
    if (changed !== undefined && ++read > SAMPLE) return
    yield asset
  }
}

interface Totals {
  readonly originals: number
  readonly bytes: number
  readonly derived: number
}

const countAssets = (cloud: Cloud): Totals => {
  const seen = new Set<string>()
  let [originals, bytes, derived] = [0, 0, 0]
  for (const asset of sampled(cloud)) {
    if (seen.has(asset.assetId)) continue
    seen.add(asset.assetId)
    if (asset.content !== null) originals++
    bytes += asset.content?.size ?? 0
    derived += asset.derived.length
  }
  const placeholders = seen.size - originals
  const share = seen.size === 0 ? 1 : cloud.shelf.size / seen.size
  return { originals: cloud.shelf.size - placeholders, bytes: Math.round(bytes * share), derived }
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
  for (const asset of sampled(call.cloud)) {
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
