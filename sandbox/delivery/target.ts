import { typeOfFormat } from '../media/formats.ts'
import type { Asset, Cloud } from '../state.ts'

/** A delivery URL, taken apart against what the account holds. */
export interface Target {
  readonly cloud: Cloud
  readonly resourceType: string
  readonly type: string
  /** `s--…--` as it stands in the path. */
  readonly signature: string | undefined
  /** Decoded, its steps joined by `/`; '' without one. */
  readonly transformation: string
  /** As the path has it, still encoded and without the version: what a signature covers. */
  readonly signed: string
  /** Decoded, with its extension. */
  readonly source: string
  /** The one that the source names; also a placeholder. */
  readonly asset: Asset | undefined
  /** The extension as asked for; undefined when the source has none besides the id. */
  readonly extension: string | undefined
}

/** `w_100,c_fill`, `t_name`, `fl_original`, `$size_3`, `if_w_gt_100` */
const STEP =
  /^(?:\$?[a-z]{1,3}\d?_[^,]+|\$[a-zA-Z]\w*_[^,]+|if_[^,]+)(?:,(?:\$?[a-z]{1,3}\d?_[^,]*|\$[a-zA-Z]\w*_[^,]*))*$/
const VERSION = /^v\d+$/
const SIGNATURE = /^s--[A-Za-z0-9_-]{8}(?:[A-Za-z0-9_-]{24})?--$/

export const decodeLoosely = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

interface Named {
  readonly asset: Asset | undefined
  readonly extension: string | undefined
}

/** Types whose id is all of the source: a URL, or the name at another service. */
const isWholeId = (resourceType: string, type: string): boolean =>
  resourceType === 'raw' || !['upload', 'private', 'authenticated', 'asset'].includes(type)

const nameIn = (cloud: Cloud, place: { resourceType: string; type: string }, source: string): Named => {
  const { resourceType, type } = place
  const whole = cloud.shelf.byName(resourceType, type, source)
  if (isWholeId(resourceType, type) && whole !== undefined) return { asset: whole, extension: undefined }
  const dot = source.lastIndexOf('.')
  if (dot <= source.lastIndexOf('/') + 1 || resourceType === 'raw') return { asset: whole, extension: undefined }
  const extension = source.slice(dot + 1)
  const stem = cloud.shelf.byName(resourceType, type, source.slice(0, dot))
  if (stem !== undefined) return { asset: stem, extension }
  // `a.jpg` asks for the asset `a`, never for one whose id is `a.jpg`; but `photo.final` is an id with a dot.
  const isFormat = typeOfFormat(extension.toLowerCase()) !== 'raw' || /^(jpe?g|tif)$/i.test(extension)
  return { asset: isFormat ? undefined : whole, extension: isFormat ? extension : undefined }
}

interface Split {
  readonly steps: readonly string[]
  readonly id: readonly string[]
}

/** Every way to part transformations from id: a version parts them, else any row of segments that looks like steps may. */
const splitsOf = (segments: readonly string[]): Split[] => {
  const version = segments.findIndex((segment) => VERSION.test(segment))
  const steps = segments.slice(0, Math.max(version, 0)).map(decodeLoosely)
  if (version >= 0 && version < segments.length - 1 && steps.every((step) => STEP.test(step))) {
    return [{ steps: segments.slice(0, version), id: segments.slice(version + 1) }]
  }
  const most = segments.findIndex((segment) => !STEP.test(decodeLoosely(segment)))
  const last = most < 0 ? segments.length - 1 : Math.min(most, segments.length - 1)
  const splits = Array.from({ length: last + 1 }, (_, count) => ({
    steps: segments.slice(0, count),
    id: segments.slice(count).filter((segment, at) => !(at === 0 && count > 0 && VERSION.test(segment))),
  }))
  return splits
}

/** Undefined when the path is not one of delivery. `segments` are encoded, from the cloud name on. */
export const parseTarget = (cloud: Cloud, segments: readonly string[]): Target | undefined => {
  const [, resourceType = '', type = '', ...rest] = segments
  const [first = ''] = rest
  const signature = SIGNATURE.test(first) ? first : undefined
  const path = signature === undefined ? rest : rest.slice(1)
  if (path.length === 0) return undefined
  const read = splitsOf(path).map(({ steps, id }): Target => {
    const source = id.map(decodeLoosely).join('/')
    const transformation = steps.map(decodeLoosely).join('/')
    const named = nameIn(cloud, { resourceType, type }, source)
    return {
      cloud,
      resourceType,
      type,
      signature,
      transformation,
      signed: [...steps, ...id].join('/'),
      source,
      ...named,
    }
  })
  // The asset that exists decides; when none does, all that looks like a transformation is taken for one.
  return read.find((target) => target.asset !== undefined) ?? read.at(-1)
}
