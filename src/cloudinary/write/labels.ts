import type { Json, JsonObject } from '../../model/json.ts'
import { isObject } from '../wire/answer.ts'
import type { Labels } from '../writer.ts'
import { type UploadParams, wellFormed } from './multipart.ts'
import { boxesText, contextText, metadataText } from './pairs.ts'

/** The labels that can be compared and set one by one; moderation and the legacy access mode have ways of their own. */
export const LABELS = [
  'folder',
  'displayName',
  'tags',
  'context',
  'metadata',
  'accessControl',
  'coordinates',
  'regions',
] as const
export type Label = (typeof LABELS)[number]

/** As the account would keep them: a comma ends a tag, spaces around it go, and no tag is there twice. */
export const tagsWanted = (tags: readonly string[]): readonly string[] => [
  ...new Set(
    tags
      .flatMap((tag) => wellFormed(tag).split(','))
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ''),
  ),
]

/** An empty value says "take the key away", so none can be kept. */
export const contextWanted = (pairs: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(pairs)
      .map(([key, value]): [string, string] => [wellFormed(key).trim(), wellFormed(value)])
      .filter(([key, value]) => key !== '' && value !== ''),
  )

const isEmpty = (value: Json): boolean => value === null || value === '' || (Array.isArray(value) && value.length === 0)

export const metadataWanted = (values: Readonly<Record<string, Json>>): Record<string, Json> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => !isEmpty(value)))

export const rulesWanted = (rules: Json): readonly Json[] => {
  if (rules === null) return []
  return Array.isArray(rules) ? rules : [rules]
}

/** `faces` or `custom` out of `{faces, custom}`, as text. */
export const boxesWanted = (coordinates: Json, kind: 'faces' | 'custom'): string =>
  isObject(coordinates) ? boxesText(coordinates[kind] ?? null) : ''

export const regionsWanted = (regions: Json): JsonObject => (isObject(regions) ? regions : {})

type Texts = Record<string, string>

const addArea = (params: Texts, labels: Labels): void => {
  if (labels.coordinates !== undefined) {
    params['face_coordinates'] = boxesWanted(labels.coordinates, 'faces')
    params['custom_coordinates'] = boxesWanted(labels.coordinates, 'custom')
  }
  if (labels.regions !== undefined) {
    const regions = regionsWanted(labels.regions)
    params['regions'] = Object.keys(regions).length === 0 ? '' : JSON.stringify(regions)
  }
}

/** As form parameters; '' where the label is to be empty. */
const labelParams = (labels: Labels): Texts => {
  const params: Texts = {}
  if (labels.folder !== undefined) params['asset_folder'] = labels.folder
  if (labels.displayName !== undefined) params['display_name'] = labels.displayName ?? ''
  if (labels.tags !== undefined) params['tags'] = tagsWanted(labels.tags).join(',')
  if (labels.context !== undefined) params['context'] = contextText(contextWanted(labels.context))
  if (labels.metadata !== undefined) params['metadata'] = metadataText(metadataWanted(labels.metadata))
  if (labels.accessControl !== undefined) {
    const rules = rulesWanted(labels.accessControl)
    params['access_control'] = rules.length === 0 ? '' : JSON.stringify(rules)
  }
  addArea(params, labels)
  return params
}

/** Only those that say something: an upload begins without labels, and empty parameters mean nothing certain. */
export const filledParams = (labels: Labels): UploadParams =>
  Object.fromEntries(Object.entries(labelParams(labels)).filter(([, value]) => value !== ''))

/** For a relabelling: what is to be empty is said too. An empty list of rules is JSON; the name that people see can only be replaced. */
export const everyParam = (labels: Labels): UploadParams => {
  const { display_name: displayName, metadata, ...params } = labelParams(labels)
  return {
    ...params,
    ...(displayName === undefined || displayName === '' ? {} : { display_name: displayName }),
    // Without any field it would say nothing: fields are cleared by their names.
    ...(metadata === undefined || metadata === '' ? {} : { metadata }),
    ...(params['access_control'] === '' ? { access_control: '[]' } : {}),
  }
}

const boxes = (coordinates: Json, kind: 'faces' | 'custom'): string => boxesWanted(coordinates, kind)

/** As the JSON of an Admin API update, which spells context and metadata as maps. */
export const updateBody = (labels: Labels, only: readonly Label[], present: Json): JsonObject => {
  const body: Record<string, Json> = {}
  for (const label of only) {
    if (label === 'folder') body['asset_folder'] = labels.folder ?? ''
    else if (label === 'displayName') body['display_name'] = labels.displayName ?? ''
    else if (label === 'tags') body['tags'] = tagsWanted(labels.tags ?? []).join(',')
    else if (label === 'context') body['context'] = contextWanted(labels.context ?? {})
    else if (label === 'metadata')
      body['metadata'] = { ...cleared(labels, present), ...metadataWanted(labels.metadata ?? {}) }
    else if (label === 'accessControl') body['access_control'] = rulesWanted(labels.accessControl ?? null)
    else if (label === 'coordinates') {
      body['face_coordinates'] = boxes(labels.coordinates ?? null, 'faces')
      body['custom_coordinates'] = boxes(labels.coordinates ?? null, 'custom')
    } else body['regions'] = JSON.stringify(regionsWanted(labels.regions ?? null))
  }
  return body
}

/** The fields that have a value and are not to have one, each with the empty value that clears it. */
export const cleared = (labels: Labels, present: Json): Record<string, string> => {
  const wanted = metadataWanted(labels.metadata ?? {})
  const now = isObject(present) ? Object.keys(present) : []
  return Object.fromEntries(now.filter((id) => !Object.hasOwn(wanted, id)).map((id) => [id, '']))
}
