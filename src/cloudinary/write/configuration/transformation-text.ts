import { AppError } from '../../../model/errors.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../wire/answer.ts'

/** How URLs spell what the API explains in long words. */
const SHORT: Readonly<Record<string, string>> = {
  angle: 'a',
  aspect_ratio: 'ar',
  audio_codec: 'ac',
  audio_frequency: 'af',
  background: 'b',
  bit_rate: 'br',
  border: 'bo',
  color: 'co',
  color_space: 'cs',
  crop: 'c',
  default_image: 'd',
  delay: 'dl',
  density: 'dn',
  dpr: 'dpr',
  duration: 'du',
  effect: 'e',
  end_offset: 'eo',
  fetch_format: 'f',
  flags: 'fl',
  fps: 'fps',
  gravity: 'g',
  height: 'h',
  keyframe_interval: 'ki',
  opacity: 'o',
  overlay: 'l',
  page: 'pg',
  prefix: 'p',
  quality: 'q',
  radius: 'r',
  start_offset: 'so',
  streaming_profile: 'sp',
  transformation: 't',
  underlay: 'u',
  video_codec: 'vc',
  video_sampling: 'vs',
  width: 'w',
  x: 'x',
  y: 'y',
  zoom: 'z',
}

/** What stands between the items of a list. */
const JOINED: Readonly<Record<string, string>> = { effect: ':', radius: ':', fps: '-', transformation: '.' }

const unwritable = (what: string): AppError =>
  new AppError('API_REFUSED', `its definition is kept in a form that cannot be written back: ${what}`, {
    hint: 'make it by hand; `cloudkeep get` hands out the configuration as the account explained it',
  })

const colour = (text: string): string => text.replace(/^#/, 'rgb:')

const LAYER_KEYS = ['public_id', 'resource_type', 'type', 'format']

/** `video:authenticated:folder:name`; a layer of text or from a URL is more than its id. */
const layerText = (key: string, layer: JsonObject): string => {
  const { public_id: publicId, resource_type: resourceType, type, format } = layer
  if (typeof publicId !== 'string' || Object.keys(layer).some((name) => !LAYER_KEYS.includes(name)))
    throw unwritable(key)
  const kinds = [resourceType, type].map((part, at) => (part === ['image', 'upload'][at] ? null : part))
  const id = publicId.replaceAll('/', ':') + (typeof format === 'string' ? `.${format}` : '')
  return [...kinds, id].filter((part) => typeof part === 'string').join(':')
}

const objectText = (key: string, value: JsonObject): string => {
  if (key === 'overlay' || key === 'underlay') return layerText(key, value)
  if (key === 'border') return `${String(value['width'] ?? 2)}px_solid_${colour(String(value['color'] ?? 'black'))}`
  if (key === 'video_codec') {
    const parts = [value['codec'], value['profile'], value['level']]
    return parts.filter((part) => part !== undefined && part !== null).join(':')
  }
  throw unwritable(key)
}

const valueText = (key: string, value: Json): string => {
  if (Array.isArray(value)) return value.map((item: Json) => valueText(key, item)).join(JOINED[key] ?? '.')
  return isObject(value) ? objectText(key, value) : colour(String(value))
}

const variableTexts = (value: Json): string[] => {
  if (!Array.isArray(value)) throw unwritable('variables')
  return value.map((pair: Json) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw unwritable('variables')
    return pair.map(String).join('_')
  })
}

const stepText = (step: JsonObject): string => {
  const first: string[] = []
  const parts: string[] = []
  const last: string[] = []
  for (const [key, value] of Object.entries(step)) {
    if (value === null || value === '') continue
    if (key === 'raw_transformation') last.push(String(value))
    else if (key === 'if') first.unshift(`if_${String(value)}`)
    else if (key === 'variables') first.push(...variableTexts(value))
    else if (key.startsWith('$')) first.push(`${key}_${valueText(key, value)}`)
    else if (SHORT[key] !== undefined) parts.push(`${SHORT[key]}_${valueText(key, value)}`)
    else throw unwritable(key)
  }
  return [...first, ...parts.sort(), ...last].join(',')
}

/**
 * `c_fill,w_100/e_grayscale` of the steps as which the API explains it; a text stays one. Throws API_REFUSED for steps
 * that are not known well enough to be written back exactly.
 */
export const transformationText = (definition: Json): string => {
  if (typeof definition === 'string') return definition
  const steps = Array.isArray(definition) ? (definition as readonly Json[]) : [definition]
  return steps
    .map((step) => {
      if (typeof step === 'string') return step
      if (isObject(step)) return stepText(step)
      throw unwritable('steps')
    })
    .filter((text) => text !== '')
    .join('/')
}

/** Equal for texts that differ only in the order within their steps. */
export const comparableTransformation = (definition: Json): string =>
  transformationText(definition)
    .split('/')
    .map((step) => step.split(',').sort().join(','))
    .join('/')
