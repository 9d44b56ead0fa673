import { ApiError, badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { parsePairs } from '../metadata-values.ts'
import { flagOf, type Params, textOf } from '../params.ts'
import type { Cloud, JsonValue } from '../state.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { pageByName } from './pages.ts'
import { parseTransformation } from './transformation-text.ts'

type Preset = Cloud['presets'] extends Map<string, infer T> ? T : never

/** Said in a request, but of the preset itself or of the request. */
const NOT_SETTINGS: readonly string[] = ['name', 'unsigned', 'api_key', 'timestamp', 'signature']

const BOOLEANS: readonly string[] = [
  'async',
  'backup',
  'colors',
  'discard_original_filename',
  'disallow_public_id',
  'eager_async',
  'exif',
  'faces',
  'image_metadata',
  'invalidate',
  'live',
  'media_metadata',
  'overwrite',
  'phash',
  'quality_analysis',
  'return_delete_token',
  'unique_display_name',
  'unique_filename',
  'use_asset_folder_as_public_id_prefix',
  'use_filename',
  'use_filename_as_display_name',
]
const LISTS: readonly string[] = ['tags', 'allowed_formats', 'parameter_whitelist']
const PAIRS: readonly string[] = ['context', 'metadata']
const JSON_TEXTS: readonly string[] = ['access_control', 'regions', 'responsive_breakpoints']

/** Settings are kept as the text that the request sent, but for plain booleans. */
const settingsOf = (params: Params): Record<string, JsonValue> => {
  const settings: Record<string, JsonValue> = {}
  for (const [name, value] of Object.entries(params)) {
    if (NOT_SETTINGS.includes(name)) continue
    const text = textOf(params, name)
    if (BOOLEANS.includes(name) && text !== undefined) settings[name] = flagOf(params, name)
    else if (text !== undefined) settings[name] = typeof value === 'number' ? value : text
  }
  return settings
}

const listedValue = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(String).join(',')
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}

const parsedJson = (text: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}

/** Details take the texts apart; lists do not. */
const parsedValue = (name: string, value: JsonValue): JsonValue => {
  if (typeof value !== 'string') return value
  if (LISTS.includes(name)) return value.split(',').map((item) => item.trim())
  if (PAIRS.includes(name)) return value.startsWith('{') ? parsedJson(value) : parsePairs(value)
  if (JSON_TEXTS.includes(name)) return parsedJson(value)
  if (name === 'transformation') return parseTransformation(value)
  if (name === 'eager') return value.split('|').map((text) => ({ transformation: parseTransformation(text) }))
  return BOOLEANS.includes(name) && /^(true|false)$/.test(value) ? value === 'true' : value
}

const render = (preset: Preset, show: (name: string, value: JsonValue) => JsonValue): { [key: string]: JsonValue } => ({
  name: preset.name,
  unsigned: preset.unsigned,
  settings: Object.fromEntries(Object.entries(preset.settings).map(([name, value]) => [name, show(name, value)])),
  external_id: preset.externalId,
})

const list = (call: AdminCall): JsonValue => {
  const order = textOf(call.params, 'order_by') ?? 'name'
  if (!['name', 'id', 'created_at'].includes(order)) throw badRequest(`Invalid value ${order} for parameter order_by`)
  const numbered = [...call.cloud.presets.values()].map((preset, at) => ({ preset, at: String(at).padStart(9, '0') }))
  const page = pageByName(call, {
    items: numbered,
    nameOf: ({ preset, at }) => (order === 'name' ? preset.name : order === 'id' ? preset.externalId : at),
    descending: (textOf(call.params, 'direction') ?? 'asc') === 'desc',
  })
  return {
    presets: page.items.map(({ preset }) => render(preset, (_, value) => listedValue(value))),
    next_cursor: page.next,
  }
}

const find = (call: AdminCall): Preset => {
  const name = call.path['rest'] ?? ''
  const preset = call.cloud.presets.get(name)
  if (preset === undefined) throw notFound(`Can't find upload preset named ${name}`)
  return preset
}

const create = (call: AdminCall): JsonValue => {
  const name = textOf(call.params, 'name') ?? newId().slice(0, 8)
  if (call.cloud.presets.has(name)) throw new ApiError(409, `Upload preset ${name} already exists`)
  const preset = {
    name,
    unsigned: flagOf(call.params, 'unsigned'),
    settings: settingsOf(call.params),
    externalId: newId(),
  }
  call.cloud.presets.set(name, preset)
  return { message: 'created', name, external_id: preset.externalId }
}

/** What is not said stays; what is said to be empty goes. */
const update = (call: AdminCall): JsonValue => {
  const preset = find(call)
  const name = textOf(call.params, 'name') ?? preset.name
  if (name !== preset.name && call.cloud.presets.has(name))
    throw new ApiError(409, `Upload preset ${name} already exists`)
  const unsigned = call.params['unsigned'] === undefined ? preset.unsigned : flagOf(call.params, 'unsigned')
  const kept = Object.entries(preset.settings).filter(([setting]) => call.params[setting] !== '')
  const settings = { ...Object.fromEntries(kept), ...settingsOf(call.params) }
  call.cloud.presets.delete(preset.name)
  call.cloud.presets.set(name, { name, unsigned, settings, externalId: preset.externalId })
  return { message: 'updated', name, external_id: preset.externalId }
}

const remove = (call: AdminCall): JsonValue => {
  call.cloud.presets.delete(find(call).name)
  return { message: 'deleted' }
}

export const presetRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'upload_presets', handle: list },
  { method: 'POST', pattern: 'upload_presets', handle: create },
  { method: 'GET', pattern: 'upload_presets/*', handle: (call) => render(find(call), parsedValue) },
  { method: 'PUT', pattern: 'upload_presets/*', handle: update },
  { method: 'DELETE', pattern: 'upload_presets/*', handle: remove },
]
