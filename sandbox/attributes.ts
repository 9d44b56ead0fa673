import { badRequest } from './errors.ts'
import { ensureFolder } from './folder-records.ts'
import { changedMetadata, parseMetadata, parsePairs } from './metadata-values.ts'
import { flagOf, listOf, mapOf, type Params, textOf } from './params.ts'
import type { Asset, Cloud, JsonValue } from './state.ts'

const LONGEST = 255
const ACCESS_TYPES: readonly JsonValue[] = ['token', 'anonymous']

/** `x,y,w,h|x,y,w,h` -> numbers. An empty text clears. */
const parseCoordinates = (text: string, name: string): number[][] => {
  const boxes = text.split('|').filter((box) => box !== '')
  return boxes.map((box) => {
    const numbers = box.split(',').map(Number)
    if (numbers.length !== 4 || numbers.some((value) => !Number.isFinite(value))) {
      throw badRequest(`Invalid value ${text} for parameter ${name}`)
    }
    return numbers
  })
}

export const parseTags = (params: Params): string[] | undefined => {
  const tags = listOf(params, 'tags')
  return tags === undefined ? undefined : [...new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))]
}

/** `k=v|k2=v2`, or a map, whose values are written as text. */
export const parseContext = (value: JsonValue): Record<string, string> => {
  if (typeof value === 'string') return parsePairs(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('Invalid context')
  const inner = value['custom']
  const map = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : value
  return Object.fromEntries(Object.entries(map).map(([key, one]) => [key, String(one)]))
}

/** A JSON array of rules, or its text, or one rule. Null takes the rules away. */
const parseAccessControl = (value: JsonValue): JsonValue[] | null => {
  let parsed = value
  if (typeof value === 'string') {
    if (value === '' || value === 'null') return null
    try {
      parsed = JSON.parse(value) as JsonValue
    } catch {
      throw badRequest('Invalid access_control')
    }
  }
  if (parsed === null) return null
  const rules = Array.isArray(parsed) ? parsed : [parsed]
  for (const rule of rules) {
    const type = typeof rule === 'object' && rule !== null && !Array.isArray(rule) ? rule['access_type'] : undefined
    if (type === undefined || !ACCESS_TYPES.includes(type)) throw badRequest('Invalid access_control')
  }
  return rules.length === 0 ? null : rules
}

const checkDisplayName = (name: string): string => {
  if (name.includes('/')) throw badRequest('display_name cannot contain forward slashes')
  if (name.length > LONGEST) throw badRequest(`display_name is too long (maximum is ${LONGEST} characters)`)
  return name
}

/** No empty path, no empty or dotted part, nothing in excess. */
export const checkFolderPath = (path: string): string => {
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part !== part.trim())) {
    throw badRequest(`Folder path is invalid - ${path}`)
  }
  if (path.length > LONGEST) throw badRequest(`Folder path is too long (maximum is ${LONGEST} characters)`)
  return path
}

/** What the request changes, each with the value before: what webhooks tell. */
export interface AttributeChanges {
  tags?: readonly string[]
  context?: Record<string, string>
  metadata?: Record<string, JsonValue>
  accessControl?: JsonValue[] | null
  displayName?: string
  assetFolder?: string
}

interface Change {
  readonly cloud: Cloud
  readonly asset: Asset
  readonly params: Params
  readonly now: number
  readonly before: AttributeChanges
}

const given = (params: Params, name: string): boolean => params[name] !== undefined

const changeText = ({ cloud, asset, params, now, before }: Change): void => {
  const tags = parseTags(params)
  if (tags !== undefined) {
    before.tags = asset.tags
    asset.tags = tags
    asset.times = { ...asset.times, tags: now }
  }
  if (given(params, 'context')) {
    before.context = asset.context
    asset.context = parseContext(params['context'] ?? {})
    asset.times = { ...asset.times, context: now }
  }
  if (given(params, 'metadata')) {
    const values = parseMetadata(params['metadata'] ?? {})
    const clearInvalid = flagOf(params, 'clear_invalid')
    before.metadata = asset.metadata
    asset.metadata = changedMetadata(cloud, { before: asset.metadata, given: values, clearInvalid })
    asset.times = { ...asset.times, metadata: now }
  }
}

const changePlace = ({ cloud, asset, params, now, before }: Change): void => {
  if (cloud.settings.folderMode === 'fixed') return
  const displayName = textOf(params, 'display_name')
  if (displayName !== undefined) {
    if (displayName !== asset.displayName) before.displayName = asset.displayName
    asset.displayName = checkDisplayName(displayName)
  }
  if (given(params, 'asset_folder')) {
    const folder = textOf(params, 'asset_folder') ?? ''
    if (folder !== asset.assetFolder) before.assetFolder = asset.assetFolder
    asset.assetFolder = folder === '' ? '' : checkFolderPath(folder)
    ensureFolder(cloud, asset.assetFolder, now)
  }
}

const changeAreas = ({ asset, params }: Change): void => {
  for (const [name, kind] of [
    ['face_coordinates', 'faces'],
    ['custom_coordinates', 'custom'],
  ] as const) {
    if (!given(params, name)) continue
    const boxes = parseCoordinates(textOf(params, name) ?? '', name)
    const { [kind]: _replaced, ...others } = asset.coordinates ?? {}
    const next = boxes.length === 0 ? others : { ...others, [kind]: boxes }
    asset.coordinates = Object.keys(next).length === 0 ? null : next
  }
  if (given(params, 'regions')) asset.regions = mapOf(params, 'regions') ?? null
}

const changeAccess = ({ asset, params, now, before }: Change): void => {
  if (!given(params, 'access_control')) return
  before.accessControl = asset.accessControl
  asset.accessControl = parseAccessControl(params['access_control'] ?? null)
  asset.times = { ...asset.times, accessControl: now }
}

/**
 * Applies what a request says of an asset's attributes: tags, context and coordinates are replaced, metadata is
 * merged; what is not named stays. Throws a 400, before anything is changed, when a value is not acceptable.
 */
export const applyAttributes = (
  cloud: Cloud,
  asset: Asset,
  request: { params: Params; now: number },
): AttributeChanges => {
  const before: AttributeChanges = {}
  const trial: Asset = { ...asset }
  for (const target of [trial, asset]) {
    const change: Change = { cloud, asset: target, params: request.params, now: request.now, before }
    changeText(change)
    changePlace(change)
    changeAreas(change)
    changeAccess(change)
  }
  asset.times = { ...asset.times, updated: request.now }
  return before
}
