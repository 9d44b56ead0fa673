import type { Json } from '../../model/json.ts'
import { wellFormed } from './multipart.ts'

/** `=`, `|` and the backslash itself, the only ones that the pairs of a parameter give a meaning. */
const escaped = (text: string): string => wellFormed(text).replace(/[\\=|]/g, '\\$&')

/** `k=v|k2=v2`, as context and metadata are written in a form. */
export const contextText = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${escaped(key)}=${escaped(value)}`)
    .join('|')

const metadataValue = (value: Json): string => {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A list is written as JSON inside of its pair; null and '' clear. */
export const metadataText = (values: Readonly<Record<string, Json>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${escaped(key)}=${escaped(metadataValue(value))}`)
    .join('|')

/** `x,y,w,h|x,y,w,h` of `[[x,y,w,h]]`; '' for anything else. */
export const boxesText = (boxes: Json): string =>
  Array.isArray(boxes)
    ? boxes
        .filter((box: Json) => Array.isArray(box))
        .map((box: Json) => (box as readonly Json[]).map(String).join(','))
        .join('|')
    : ''
