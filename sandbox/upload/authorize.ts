import { authenticate } from '../auth.ts'
import { ApiError, badRequest } from '../errors.ts'
import { listOf, type Params, textOf } from '../params.ts'
import type { Cloud, JsonValue } from '../state.ts'

export interface Authorized {
  readonly key: string
  readonly unsigned: boolean
  /** The preset's settings and the request's own, joined. */
  readonly params: Params
}

/** All that an upload may say without a signature. */
const UNSIGNED_PARAMS = [
  'upload_preset',
  'callback',
  'public_id',
  'public_id_prefix',
  'folder',
  'asset_folder',
  'display_name',
  'tags',
  'context',
  'metadata',
  'face_coordinates',
  'custom_coordinates',
  'regions',
  'filename_override',
  'source',
]

/** Part of the request itself, not of the asset. */
const TECHNICAL = ['file', 'timestamp', 'api_key', 'resource_type', 'cloud_name', 'batch_id', 'manifest_transformation']

type Preset = NonNullable<ReturnType<Cloud['presets']['get']>>

const presetNamed = (cloud: Cloud, name: string): Preset => {
  const preset = cloud.presets.get(name)
  if (preset === undefined) throw badRequest('Upload preset not found')
  return preset
}

const asParams = (preset: Preset): { [name: string]: JsonValue } =>
  Object.fromEntries(Object.entries(preset.settings).filter(([, value]) => value !== null && value !== ''))

/** A signed request overrules its preset; for an unsigned one the preset has the last word, but tags come together. */
const joined = (preset: Preset, params: Params, unsigned: boolean): Params => {
  const settings = asParams(preset)
  const both = unsigned ? { ...params, ...settings } : { ...settings, ...params }
  const tags = [...(listOf(settings, 'tags') ?? []), ...(listOf(params, 'tags') ?? [])]
  return unsigned && tags.length > 0 ? { ...both, tags: [...new Set(tags)] } : both
}

const checkUnsigned = (preset: Preset, params: Params): void => {
  if (!preset.unsigned) throw badRequest('Upload preset must be whitelisted for unsigned uploads')
  const refused = Object.keys(params).find((name) => !UNSIGNED_PARAMS.includes(name) && !TECHNICAL.includes(name))
  if (refused === undefined) return
  const shown = refused.charAt(0).toUpperCase() + refused.slice(1).replaceAll('_', ' ')
  throw badRequest(
    `${shown} parameter is not allowed when using unsigned upload. Only ${UNSIGNED_PARAMS.join(',')} upload parameters are allowed.`,
  )
}

const isSigned = (authorization: string | undefined, params: Params): boolean =>
  authorization !== undefined || textOf(params, 'signature') !== undefined || textOf(params, 'api_key') !== undefined

export interface Credentials {
  readonly params: Params
  readonly authorization: string | undefined
  readonly now: number
}

/** For every method but upload: Basic or a signature. */
export const authorizeCaller = (cloud: Cloud, request: Credentials): Authorized => ({
  key: authenticate(cloud, request.authorization, request),
  unsigned: false,
  params: request.params,
})

/** For upload: Basic, a signature, or the name of an unsigned preset. */
export const authorizeUpload = (cloud: Cloud, request: Credentials): Authorized => {
  const name = textOf(request.params, 'upload_preset')
  const unsigned = !isSigned(request.authorization, request.params)
  if (unsigned && name === undefined) {
    throw badRequest('Upload preset must be specified when using unsigned upload')
  }
  const preset = name === undefined ? undefined : presetNamed(cloud, name)
  if (unsigned && preset !== undefined) checkUnsigned(preset, request.params)
  const key = unsigned ? (cloud.keys[0]?.key ?? '') : authenticate(cloud, request.authorization, request)
  if (preset?.settings['disallow_public_id'] === true && textOf(request.params, 'public_id') !== undefined) {
    throw new ApiError(400, 'Public ID is not allowed when using this upload preset')
  }
  return { key, unsigned, params: preset === undefined ? request.params : joined(preset, request.params, unsigned) }
}
