import type { AccountProfile } from '../model/account.ts'
import { RESOURCE_TYPES, type ResourceType } from '../model/asset.ts'
import type { Json } from '../model/json.ts'
import { type Api, succeeded } from './api.ts'
import type { ApiRequest } from './exchange.ts'
import { arrayAt, isObject, textAt, toNumber } from './wire/answer.ts'
import { isResourceType } from './wire/asset.ts'

const CONFIG: ApiRequest = {
  method: 'GET',
  path: '/config?settings=true',
  what: 'read the account settings',
  optional: true,
}
const USAGE: ApiRequest = { method: 'GET', path: '/usage', what: 'read the usage', optional: true }
const TYPES: ApiRequest = { method: 'GET', path: '/resources', what: 'list resource types', optional: true }

const at = (json: Json, ...path: readonly string[]): Json =>
  path.reduce<Json>((value, key) => (isObject(value) ? (value[key] ?? null) : null), json)

/** Refused credentials are an error; an endpoint that does not exist, or is not for this key, is null. */
export const profile = async (api: Api, signal: AbortSignal): Promise<AccountProfile> => {
  const answer = await api.ask(CONFIG, signal)
  if (!succeeded(answer) && answer.status !== 404) throw api.failure(CONFIG, answer)
  const config = succeeded(answer) ? answer.json : null
  const used = await api.ask(USAGE, signal)
  const usage = succeeded(used) ? used.json : null
  const mode = at(config, 'settings', 'folder_mode')
  return {
    folderMode: mode === 'fixed' || mode === 'dynamic' ? mode : null,
    plan: textAt(usage, 'plan'),
    assets: toNumber(at(usage, 'resources')),
    storageBytes: toNumber(at(usage, 'storage', 'usage')),
    mediaLimits: {
      image: toNumber(at(usage, 'media_limits', 'image_max_size_bytes')),
      video: toNumber(at(usage, 'media_limits', 'video_max_size_bytes')),
      raw: toNumber(at(usage, 'media_limits', 'raw_max_size_bytes')),
    },
    raw: { config, usage },
  }
}

/** In the house's order. Unknown ones are reported, because what they hold is not kept. */
export const resourceTypes = async (
  api: Api,
  note: (message: string) => void,
  signal: AbortSignal,
): Promise<readonly ResourceType[]> => {
  const answer = await api.ask(TYPES, signal)
  if (answer.status === 401 || answer.status === 403) throw api.failure(TYPES, answer)
  const given = succeeded(answer) ? arrayAt(answer.json, 'resource_types') : null
  if (given === null) return RESOURCE_TYPES
  const unknown = given.filter((type) => !isResourceType(type))
  if (unknown.length > 0)
    note(`the account holds assets of an unknown resource_type, ${JSON.stringify(unknown)}; they are not kept`)
  return RESOURCE_TYPES.filter((type) => given.includes(type))
}
