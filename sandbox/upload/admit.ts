import { badRequest } from '../errors.ts'
import { extensionOf, normalFormat } from '../media/formats.ts'
import { type Probe, probe } from '../media/probe.ts'
import { listOf, type Params, textOf } from '../params.ts'
import type { Cloud, ResourceType } from '../state.ts'
import type { SentFile } from './request.ts'

/** A file that may be stored, and what it is. */
export interface Admitted {
  readonly resourceType: ResourceType
  /** Null for raw. */
  readonly format: string | null
  readonly probe: Probe | null
}

const PRICING = 'https://www.cloudinary.com/pricing/upgrades/file-limit'
/** Never stored as raw: what a visitor's machine would run. */
const REFUSED_EXTENSIONS = ['apk', 'bat', 'exe']

/** Throws the 400 of a file that the plan doesn't take. */
export const checkSize = (cloud: Cloud, resourceType: ResourceType, size: number): void => {
  const most = cloud.settings.mediaLimits[resourceType]
  if (size <= most) return
  throw badRequest(
    `File size too large. Got ${size}. Maximum is ${most}. Upgrade your plan to enjoy higher limits ${PRICING}`,
  )
}

const invalid = (resourceType: ResourceType): Error =>
  badRequest(resourceType === 'image' ? 'Invalid image file' : 'Unsupported video format or file')

const checkAllowed = (params: Params, format: string, resourceType: ResourceType): void => {
  const allowed = listOf(params, 'allowed_formats')?.map(normalFormat)
  if (allowed === undefined || allowed.length === 0 || allowed.includes(normalFormat(format))) return
  const kind = resourceType === 'image' ? 'Image' : resourceType === 'video' ? 'Video' : 'Raw'
  throw badRequest(`${kind} file format ${format} not allowed`)
}

const admitRaw = (cloud: Cloud, params: Params, file: SentFile): Admitted => {
  const named = textOf(params, 'public_id') ?? file.filename
  const extension = (extensionOf(named) || extensionOf(file.filename)).toLowerCase()
  if (REFUSED_EXTENSIONS.includes(extension)) throw badRequest(`Files with extension ${extension} are not allowed`)
  checkSize(cloud, 'raw', file.content.size)
  checkAllowed(params, extension, 'raw')
  return { resourceType: 'raw', format: null, probe: null }
}

/** Decides what a file is, by its bytes. Throws the 400 of one that is empty, too large, or not what the path says. */
export const admit = (cloud: Cloud, asked: string, request: { params: Params; file: SentFile }): Admitted => {
  const { params, file } = request
  if (file.content.size === 0) throw badRequest('Empty file')
  if (asked === 'raw') return admitRaw(cloud, params, file)
  const found = probe(file.content)
  if (asked === 'auto' && found === null) return admitRaw(cloud, params, file)
  const resourceType = asked === 'image' || asked === 'video' ? asked : (found?.resourceType ?? 'raw')
  checkSize(cloud, resourceType, file.content.size)
  if (found === null || found.resourceType !== resourceType) throw invalid(resourceType)
  checkAllowed(params, found.format, resourceType)
  return { resourceType, format: found.format, probe: found }
}
