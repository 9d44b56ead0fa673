import { extensionOf, normalFormat } from '../media/formats.ts'
import type { Asset, Content, World } from '../state.ts'
import { type Refusal, refusalOf } from './access.ts'
import { converted, deriveFrom } from './derive.ts'
import { sendContent } from './send.ts'
import type { Target } from './target.ts'

/** What an error shows in the place of the picture. */
const BLANK = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')
const THIRTY_DAYS = 2_592_000

/** Header values are Latin-1 without control characters. */
const headerText = (text: string): string => text.replace(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character))

const refuse = ({ status, reason }: Refusal): Response => {
  const text = headerText(reason)
  const empty = status === 401
  const headers = {
    'x-cld-error': text,
    'cache-control': 'private, no-transform, max-age=0, no-cache',
    'server-timing': `cld-fastly;dur=2;desc=miss,cld-error;desc="${text.replaceAll('"', "'")}"`,
    server: 'Cloudinary',
    'content-length': String(empty ? 0 : BLANK.length),
    ...(empty ? {} : { 'content-type': 'image/gif', 'content-disposition': 'inline' }),
  }
  return new Response(empty ? null : new Uint8Array(BLANK), { status, headers })
}

/** Flags that leave the bytes alone. */
const isOriginalStep = (step: string): boolean =>
  /^fl_(original|attachment(:[^,]*)?)(,fl_(original|attachment(:[^,]*)?))*$/.test(step)

const asksOriginal = (target: Target): boolean => /(^|[/,])fl_original($|[/,])/.test(target.transformation)

/** Without extension, or with that of another format, an image or video is made anew. */
const isOwnFormat = (target: Target, asset: Asset): boolean => {
  if (asset.resourceType === 'raw' || !['upload', 'private', 'authenticated', 'asset'].includes(asset.type)) return true
  return target.extension !== undefined && asset.format === normalFormat(target.extension)
}

const isPlain = (target: Target): boolean =>
  target.transformation.split('/').every((step) => step === '' || isOriginalStep(step))

const badStep = (target: Target): Refusal | undefined => {
  for (const part of target.transformation.split(/[/,]/)) {
    const named = /^t_(.+)$/.exec(part)?.[1]
    if (named !== undefined && !target.cloud.transformations.has(named)) {
      return { status: 400, reason: `Unknown transformation ${named}` }
    }
    const size = /^(w|h)_(.*)$/.exec(part)
    if (size !== null && !/^(\d*\.?\d+|auto(:.*)?|i[wh]|ow|oh|\$.*|[iwh].*)$/.test(size[2] ?? '')) {
      return { status: 400, reason: `Invalid ${size[1] === 'w' ? 'width' : 'height'} in transformation: ${size[2]}` }
    }
  }
  return undefined
}

interface Chosen {
  readonly content: Content
  readonly format: string
}

const originalOf = (asset: Asset, content: Content): Chosen => ({
  content,
  format: asset.format ?? extensionOf(asset.publicId),
})

const renderingOf = (target: Target, asset: Asset): Chosen => {
  const format = target.extension === undefined ? (asset.format ?? 'jpg') : normalFormat(target.extension)
  const transformation = target.transformation || (target.extension === undefined ? 'f_auto' : `f_${format}`)
  return deriveFrom(asset, transformation, format)
}

const choose = (target: Target, asset: Asset, content: Content): Chosen => {
  if (asksOriginal(target)) return originalOf(asset, content)
  if (!isPlain(target) || !isOwnFormat(target, asset)) return renderingOf(target, asset)
  const optimized = target.cloud.settings.optimizeByDefault && asset.resourceType !== 'raw'
  if (!optimized) return originalOf(asset, content)
  const format = asset.format ?? ''
  return { content: converted(content, 'f_auto,q_auto', format), format }
}

const attachment = (target: Target, asset: Asset): Record<string, string> => {
  const flag = /(?:^|[/,])fl_attachment(?::([^,/]*))?/.exec(target.transformation)
  if (flag === null) return {}
  const name = flag[1] ?? asset.originalFilename ?? asset.displayName
  return { 'content-disposition': `attachment; filename="${headerText(name).replaceAll('"', '')}"` }
}

const info = (asset: Asset, chosen: Chosen): string =>
  `cld-fastly;dur=2;cpu=1;desc=miss,content-info;desc="width=${asset.width ?? 0},height=${asset.height ?? 0},` +
  `bytes=${chosen.content.size},format=${chosen.format},obytes=${asset.content?.size ?? 0}"`

/** Answers a delivery URL. Only the present binary is ever delivered, whatever version the URL has. */
export const deliver = (world: World, target: Target, request: Request): Response => {
  const { asset } = target
  if (asset === undefined) return refuse({ status: 404, reason: `Resource not found - ${target.source}` })
  const original = asksOriginal(target) || (isPlain(target) && isOwnFormat(target, asset))
  const refusal = refusalOf({ target, asset, original, now: world.now() }) ?? badStep(target)
  if (refusal !== undefined || asset.content === null) {
    return refuse(refusal ?? { status: 404, reason: `Resource not found - ${target.source}` })
  }
  const chosen = choose(target, asset, asset.content)
  return sendContent(request, {
    ...chosen,
    lastModified: asset.uploadedAt,
    headers: {
      'cache-control': `public, no-transform, immutable, max-age=${THIRTY_DAYS}`,
      server: 'Cloudinary',
      'server-timing': info(asset, chosen),
      ...attachment(target, asset),
    },
  })
}

export const refuseUnknown = (source: string): Response =>
  refuse({ status: 404, reason: `Resource not found - ${source}` })
