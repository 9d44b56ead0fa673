import { ApiError, badRequest, notFound } from '../errors.ts'
import { newId } from '../make-asset.ts'
import { requiredText, textOf } from '../params.ts'
import type { Cloud, JsonValue } from '../state.ts'
import { predefinedProfiles } from '../streaming-profiles.ts'
import type { AdminCall, AdminRoute } from './call.ts'
import { parseTransformation } from './transformation-text.ts'

type Profile = Cloud['profiles'] extends Map<string, infer T> ? T : never

const summary = (profile: Profile): { [key: string]: JsonValue } => ({
  external_id: profile.externalId,
  name: profile.name,
  display_name: profile.displayName,
  predefined: profile.predefined,
})

const full = (profile: Profile): { [key: string]: JsonValue } => ({
  ...summary(profile),
  representations: profile.representations,
})

const find = (call: AdminCall): Profile => {
  const name = call.path['name'] ?? ''
  const profile = call.cloud.profiles.get(name)
  if (profile === undefined) throw notFound(`Streaming profile not found - ${name}`)
  return profile
}

/** The JSON text of `[{"transformation": "c_limit,…" or steps}]`. */
const representations = (call: AdminCall): JsonValue[] | undefined => {
  const given = call.params['representations']
  if (given === undefined || given === null || given === '') return undefined
  let parsed: JsonValue
  try {
    parsed = typeof given === 'string' ? (JSON.parse(given) as JsonValue) : given
  } catch {
    throw badRequest('Invalid representations')
  }
  if (!Array.isArray(parsed) || parsed.length === 0) throw badRequest('Invalid representations')
  return parsed.map((entry) => {
    const transformation =
      typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry['transformation'] : undefined
    if (transformation === undefined || transformation === null) throw badRequest('Invalid representations')
    const steps = typeof transformation === 'string' ? parseTransformation(transformation) : [transformation].flat()
    return { transformation: steps }
  })
}

/** The list does without representations: each profile has to be asked for. */
const list = (call: AdminCall): JsonValue => ({ data: [...call.cloud.profiles.values()].map(summary) })

const create = (call: AdminCall): JsonValue => {
  const name = requiredText(call.params, 'name')
  if (call.cloud.profiles.has(name)) throw new ApiError(409, `Streaming profile ${name} already exists`)
  const given = representations(call)
  if (given === undefined) throw badRequest('Missing required parameter - representations')
  const displayName = textOf(call.params, 'display_name') ?? name
  const profile = { name, displayName, predefined: false, representations: given, externalId: newId() }
  call.cloud.profiles.set(name, profile)
  return { message: 'created', data: full(profile) }
}

const update = (call: AdminCall): JsonValue => {
  const profile = find(call)
  profile.displayName = textOf(call.params, 'display_name') ?? profile.displayName
  profile.representations = representations(call) ?? profile.representations
  return { message: 'updated', data: full(profile) }
}

/** A predefined profile cannot go: it becomes again what it was. */
const remove = (call: AdminCall): JsonValue => {
  const profile = find(call)
  const original = predefinedProfiles(call.cloud.name).get(profile.name)
  if (original === undefined) {
    call.cloud.profiles.delete(profile.name)
    return { message: 'deleted', data: full(profile) }
  }
  call.cloud.profiles.set(profile.name, original)
  return { message: 'reverted', data: full(original) }
}

export const profileRoutes: readonly AdminRoute[] = [
  { method: 'GET', pattern: 'streaming_profiles', handle: list },
  { method: 'POST', pattern: 'streaming_profiles', handle: create },
  { method: 'GET', pattern: 'streaming_profiles/:name', handle: (call) => ({ data: full(find(call)) }) },
  { method: 'PUT', pattern: 'streaming_profiles/:name', handle: update },
  { method: 'DELETE', pattern: 'streaming_profiles/:name', handle: remove },
]
