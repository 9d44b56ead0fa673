import { badRequest, notFound } from '../errors.ts'
import type { Asset } from '../state.ts'
import type { AdminCall } from './call.ts'

const RESOURCE_TYPES: readonly string[] = ['image', 'video', 'raw']

export const isResourceType = (value: string): boolean => RESOURCE_TYPES.includes(value)

export const checkResourceType = (value: string): string => {
  if (!isResourceType(value)) throw badRequest(`Invalid resource_type ${value}`)
  return value
}

export const resourceNotFound = (name: string): Error => notFound(`Resource not found - ${name}`)

/** The asset that the path names by resource_type, type and public_id; placeholders too. Throws the 404. */
export const assetByPath = (call: AdminCall): Asset => {
  const { rt = '', type = '', rest = '' } = call.path
  const asset = call.cloud.shelf.byName(checkResourceType(rt), type, rest)
  if (asset === undefined) throw resourceNotFound(rest)
  return asset
}

export const assetById = (call: AdminCall, assetId: string): Asset => {
  const asset = call.cloud.shelf.byId(assetId)
  if (asset === undefined) throw resourceNotFound(assetId)
  return asset
}
